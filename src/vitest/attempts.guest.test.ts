import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RECORDS_ENV } from '../evidence/test-record.js'
import { decodePng } from '../qemu/picture.js'
import { runStranger } from './testing/stranger.js'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-attempts-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

const read = (path: string) => readFile(join(directory, path), 'utf8')

interface JsonReport {
  testResults: { assertionResults: { title: string; status: string; meta: { mayfly?: Record<string, unknown> } }[] }[]
}

/** What every reporter gets, by the test's name. */
async function metas(suite: string, env: Record<string, string> = {}) {
  const report = join(directory, 'report.json')
  const args = ['--reporter', 'json', '--reporter', 'default', '--outputFile.json', report]
  const { output, code } = await runStranger(suite, join(directory, 'failures'), { args, env })
  const { testResults }: JsonReport = JSON.parse(await readFile(report, 'utf8'))
  const all = testResults.flatMap(({ assertionResults }) => assertionResults)
  const of = (title: string) => all.find((result) => result.title === title)!
  return { output, code, of, meta: (title: string) => of(title).meta.mayfly ?? {} }
}

test('one machine for a file: each failure has its own part of what the machine did', async () => {
  const { output, meta, of } = await metas('file-scope.suite.ts', { [RECORDS_ENV]: join(directory, 'records') })
  const folder = 'failures/file-scope.suite.ts/fails-in-the-middle'
  expect(await read(`${folder}/vm/commands.txt`)).toContain('only the second')
  expect(await read(`${folder}/vm/commands.txt`)).not.toContain('only the first')
  expect(await read(`${folder}/vm/console.log`)).toContain('Killed process 1 (first)')
  expect(meta('passes first').findings).toMatchObject([{ kind: 'oom-kill' }])
  expect(meta('fails in the middle').findings).toBeUndefined()
  expect(await read('failures/file-scope.suite.ts/needs-no-machine-and-fails/summary.txt')).toContain(
    'expected 1 to be 2',
  )
  expect(of('passes after that on the same machine').status).toBe('passed')
  expect(output).toContain('1 failed')
  // A reporter has asked for the records of those that pass, too.
  const record = JSON.parse(await readFile(meta('passes after that on the same machine').record as string, 'utf8'))
  expect(record.vms).toMatchObject([{ name: 'vm', state: 'running' }])
  expect(record.vms[0].timeline.map(({ title }: { title: string }) => title)).toEqual(['echo still here'])
})

test('only failures of the harness are tried again, with fresh machines, and counted', async () => {
  const { output, of, meta } = await metas('retry.suite.ts')
  expect(of('passes at the second try').status).toBe('passed')
  expect(meta('passes at the second try')).toMatchObject({ harnessRetries: 1, harnessAttempts: 1 })
  expect(meta('passes at the second try').failure).toBeUndefined()
  expect(existsSync(join(directory, 'failures/retry.suite.ts/passes-at-the-second-try/summary.txt'))).toBe(true)
  expect(output).toContain('retry.suite.ts > passes at the second try is tried again: it was the harness that failed')

  expect(output.match(/try \d of every/g)).toEqual(['try 1 of every', 'try 2 of every', 'try 3 of every'])
  expect(meta('fails at every try')).toMatchObject({ harnessRetries: 2, failure: 'harness' })

  expect(output.match(/try \d of product/g)).toEqual(['try 1 of product'])
  expect(meta('is not tried again when the product fails')).toMatchObject({ failure: 'product' })

  expect(of('keeps its own retries').status).toBe('passed')
  expect(meta('keeps its own retries').harnessRetries).toBeUndefined()
})

test('what a console says can fail a test that passes, unless it is expected', async () => {
  const { output, of } = await metas('console.suite.ts')
  expect(of('an oops fails a test that passes').status).toBe('failed')
  expect(output).toMatch(
    /the test passed, but a console tells of an error \[MAYFLY_CONSOLE\]\n.*vm: oops: BUG: kernel NULL/,
  )
  expect(output.match(/FAIL .*an oops fails/g)).toHaveLength(1)
  expect(output).toContain('evidence: ')
  const summary = await read('failures/console.suite.ts/an-oops-fails-a-test-that-passes/summary.txt')
  expect(summary).toContain('on its console: oops: BUG: kernel NULL pointer dereference')
  expect(of('one that is expected does not').status).toBe('passed')
})

test('with systemd: failed units first, in the journal and on the console', async () => {
  const { output, meta } = await metas('debian.suite.ts')
  const folder = 'failures/debian.suite.ts/a-service-that-fails'
  const summary = await read(`${folder}/summary.txt`)
  expect(summary).toContain("systemd[1]: doomed.service: Failed with result 'exit-code'.")
  // An emulated guest on a busy host may be too slow to tell; then that is said.
  const journal = await read(`${folder}/vm/journal.log`).catch(() => undefined)
  if (journal === undefined) expect(summary).toContain('vm: the guest did not answer in time')
  else {
    expect(journal).toMatch(/^# failed units: doomed\.service\n/)
    expect(summary).toMatch(/^ *doomed\.service on vm\n +no licence for 42$/m)
    expect(output).toMatch(/doomed\.service has failed on vm, and said:\n +no licence for 42/)
  }
  expect(meta('a unit fails while the test passes').findings).toMatchObject([{ kind: 'failed-unit' }])
  expect(meta('a program crashes while the test passes').findings).toMatchObject([{ kind: 'segfault' }])
  expect(output).toContain(
    "passed, but vm said (failed-unit): systemd[1]: quiet.service: Failed with result 'exit-code'.",
  )
})

test('what a console says is told though the test passes, but for what is expected or not true', async () => {
  const { meta, code } = await metas('noise.suite.ts')
  expect(code).toBe(0)
  const finding = { kind: 'oom-kill', line: expect.stringMatching(/Killed process \d+ \(tail\)/) }
  expect(meta('memory runs out while the test passes').findings).toMatchObject([finding])
  expect(meta('memory runs out, as the test expects').findings).toBeUndefined()
  expect(meta('a program prints the words of a panic').findings).toBeUndefined()
})

test('a machine with a display leaves a picture of it', async () => {
  await metas('screen.suite.ts')
  const folder = join(directory, 'failures/screen.suite.ts/fails-in-front-of-a-screen')
  const { width, height } = decodePng(await readFile(join(folder, 'vm/screenshot.png')))
  expect([width, height]).toEqual([720, 400])
  expect(await readFile(join(folder, 'summary.txt'), 'utf8')).toMatch(/vm\/screenshot\.png +the machine's display/)
  // The picture is the evidence's, not a step of the test.
  expect(await readFile(join(folder, 'vm/commands.txt'), 'utf8')).not.toContain('screenshot')
})
