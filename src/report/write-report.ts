import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { SerializedError } from 'vitest'
import type { TestModule } from 'vitest/node'
import { type CollectOptions, collect } from './collect.js'
import { runFacts } from './facts.js'
import type { Run } from './model.js'
import { renderPage } from './render-page.js'

export interface FinishedRun extends CollectOptions, Pick<Run, 'startedAt' | 'durationMs' | 'outcome'> {
  modules: readonly TestModule[]
  unhandled: readonly SerializedError[]
  vitestVersion: string
}

/** Writes the page of a run to `outputFile`: whoever looks at it meanwhile sees the last one, whole. */
export async function writeReport(run: FinishedRun): Promise<void> {
  const { tests, details, pictures, errors, notes } = await collect(run.modules, run.unhandled, run)
  const machines = tests.some((test) => test.machines > 0)
  const html = await renderPage({
    summary: {
      run: {
        title: `${basename(run.root)}: test report`,
        startedAt: run.startedAt,
        durationMs: run.durationMs,
        outcome: run.outcome,
        facts: await runFacts({ vitest: run.vitestVersion, machines }),
        notes,
        errors,
      },
      tests,
    },
    details,
    pictures,
  })
  await replaceFile(run.outputFile, html)
}

async function replaceFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}`)
  try {
    await writeFile(draft, content)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
