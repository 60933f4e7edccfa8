import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const path = (relative: string) => fileURLToPath(new URL(`../../../${relative}`, import.meta.url))

export interface StrangersRun {
  code: number | undefined
  /** stdout and stderr as they came. */
  output: string
}

/** Runs a suite of fixtures/evidence in a vitest that knows nothing of the one that runs us; its failures go to `directory`. */
export async function runStranger(
  suite: string,
  directory: string,
  { args = [], env = {} }: { args?: string[]; env?: Record<string, string> } = {},
): Promise<StrangersRun> {
  const ours = Object.keys(process.env).filter((name) => /^(VITEST|MAYFLY_)/.test(name) || name === 'TEST')
  const { all, exitCode } = await execa(
    process.execPath,
    [
      path('node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      path('fixtures/evidence/vitest.config.ts'),
      suite,
      ...args,
    ],
    {
      cwd: path('.'),
      env: {
        ...Object.fromEntries(ours.map((name) => [name, undefined])),
        MAYFLY_CACHE_DIR: process.env.MAYFLY_CACHE_DIR,
        MAYFLY_EVIDENCE_DIR: directory,
        NO_COLOR: '1',
        ...env,
      },
      all: true,
      reject: false,
      stdin: 'ignore',
    },
  )
  return { code: exitCode, output: all }
}
