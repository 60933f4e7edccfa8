import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { beforeAll, expect, test } from 'vitest'
import { prepare } from '../snapshot/prepare.js'
import { defineGuest } from '../vm/define-guest.js'
import { steady } from './testing/steady.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HALL = 'fixtures/failures'
const SUITES = ['commands', 'definition', 'machine', 'matchers', 'phases', 'step', 'unawaited', 'units', 'waits']

beforeAll(async () => {
  // Building an image is not what is read here.
  for (const image of ['micro', 'debian']) await prepare(defineGuest(image))
})

/** All that somebody sees whose tests fail, in every suite of the hall. `vitest -u` writes it down again: read the difference. */
test.each(SUITES)('what %s prints', { timeout: 300_000 }, async (suite) => {
  const args = ['run', '--config', `${HALL}/vitest.config.ts`, `${suite}.suite.ts`]
  const env = { NO_COLOR: '1', MAYFLY_EVIDENCE_DIR: undefined, VITEST: undefined, CI: undefined }
  // One pipe for both: from two of them, what was printed comes in any order.
  const together = ['-c', 'exec "$0" "$@" 2>&1', `${ROOT}/node_modules/.bin/vitest`]
  const { stdout, exitCode } = await execa('sh', [...together, ...args], { cwd: ROOT, env, reject: false })
  expect(exitCode).toBe(1)
  await expect(steady(stdout, ROOT)).toMatchFileSnapshot(`${ROOT}/${HALL}/expected/${suite}.txt`)
})
