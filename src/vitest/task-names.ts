import type { RunnerTask, RunnerTestCase } from 'vitest'
import { folderOf, type TestIdentity } from '../evidence/test-folder.js'

/** File, suites and test. */
export function pathOf(task: RunnerTestCase): string[] {
  return [task.file.name, ...namesOf(task)]
}

/** The folder of its evidence, below that of all. */
export function folderOfTask(task: RunnerTestCase): string {
  const tests = testsOf(task.file)
  const identities = tests.map(identityOf)
  return folderOf(identities[tests.indexOf(task)]!, identities)
}

function identityOf(task: RunnerTestCase): TestIdentity {
  return { file: task.file.name, project: task.file.projectName, names: namesOf(task) }
}

function namesOf(task: RunnerTestCase): string[] {
  const names: string[] = []
  for (let at: RunnerTask | undefined = task; at && at !== task.file; at = at.suite) names.unshift(at.name)
  return names
}

function testsOf(task: RunnerTask): RunnerTestCase[] {
  return task.type === 'test' ? [task] : task.tasks.flatMap(testsOf)
}
