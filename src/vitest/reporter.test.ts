import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import MayflyReporter from './reporter.js'
import { REPORT_CONFIG, readReport, reportIn, runReported, VITEST } from './testing/report-run.js'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-reporter-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

test('a run leaves one page with all of its tests, and says where', async () => {
  const { exitCode, output } = await runReported(directory, ['kinds', 'does-not-load', 'unhandled'])
  expect(exitCode).toBe(1)
  expect(output).toMatch(/^mayfly: report .*report\.html$/m)
  const { run, tests, row, details } = readReport(reportIn(directory))

  expect(run.outcome).toBe('failed')
  expect(run.facts.map(({ label }) => label)).toEqual(expect.arrayContaining(['Host', 'Accelerator', 'QEMU', 'vitest']))
  expect(run.errors.map(({ where, error }) => [where, error.message.split('\n')[0]])).toEqual([
    ['Outside of any test', 'nobody waits for this'],
    ['does-not-load.suite.ts', 'this file does not load'],
    ['unhandled.suite.ts > with a broken hook', 'the hook is broken'],
  ])
  expect(tests).toHaveLength(12)

  const failed = row('serves its page')
  expect(failed).toMatchObject({ state: 'failed', suites: ['the web server'], failure: 'product', machines: 1 })
  expect(failed.message).toContain('Bad gateway')
  expect(failed.findings).toMatchObject([{ kind: 'failed-unit', severity: 'error' }])
  const { errors, machines, annotations, files } = details('serves its page')
  expect(errors[0]!.diff).toContain('Welcome')
  expect(errors[0]!.source!.lines[failed.line! - errors[0]!.source!.first]).toContain('expect({ status: 502')
  expect(annotations).toEqual(['build 42'])
  expect(files).toMatchObject([
    { path: 'web/journal.txt', text: expect.stringContaining('in use') },
    { picture: expect.any(String) },
  ])
  expect(machines[0]!.entries.map(({ kind }) => kind)).toEqual(['console', 'transfer', 'command', 'screen', 'wait'])
  const wait = machines[0]!.entries.at(-1)!
  expect(wait).toMatchObject({ failed: true, result: expect.stringContaining('waited in vain') })
  expect(wait.at).toBeGreaterThan(0)
  expect(wait.at + wait.durationMs!).toBeLessThan(failed.durationMs!)

  expect(row('fails because of the harness')).toMatchObject({ failure: 'harness', harnessRetries: 2 })
  expect(row('is flaky')).toMatchObject({ state: 'passed', retries: 1 })
  expect(row('is tried again because of the harness')).toMatchObject({ retries: 0, harnessRetries: 1 })
  expect(row('is skipped as it runs')).toMatchObject({ state: 'skipped', reason: 'no KVM here' })
  expect(row('is to be written').state).toBe('skipped')
  expect(row('passes without a machine')).toMatchObject({ state: 'passed', machines: 0 })
  expect(details('passes without a machine').output).toMatchObject([
    { stream: 'stdout', text: 'printed by the test\n' },
  ])
  expect(await leftIn(directory)).toEqual([])
})

test.each(['forks', 'threads'])('what is wrong with a record is said, in the %s pool', async (pool) => {
  const { exitCode } = await runReported(directory, ['records'], { args: ['--pool', pool] })
  expect(exitCode).toBe(0)
  const { details } = readReport(reportIn(directory))
  expect(details('leaves a whole record').notes).toEqual([])
  const [command] = details('leaves a whole record').machines[0]!.entries
  expect(command!.stdout!.length).toBeLessThan(5000)
  expect(command!.stdout).toContain('characters are not in this page')
  expect(details('leaves half a record').notes).toEqual([expect.stringContaining('not whole')])
  expect(details('leaves a record that is gone').notes).toEqual([expect.stringContaining('not there')])
  expect(details('leaves a record of another version').notes).toEqual([expect.stringContaining('another version')])
  expect(details('leaves a record of something else').notes).toEqual([expect.stringContaining('not whole')])
  expect(await leftIn(directory)).toEqual([])
})

test('a worker that dies takes nothing of the others with it', async () => {
  const { exitCode } = await runReported(directory, ['dying', 'records'])
  expect(exitCode).toBe(1)
  const { row, details, run } = readReport(reportIn(directory))
  expect(row('leaves a whole record').state).toBe('passed')
  expect(row('ends before')).toMatchObject({ state: 'unfinished', machines: 1 })
  expect(row('kills its worker')).toMatchObject({ state: 'unfinished', machines: 0 })
  expect(details('kills its worker').notes).toEqual([expect.stringContaining('worker died')])
  expect(run.errors.map(({ error }) => error.message).join('\n')).toMatch(/worker/i)
})

test('a page that cannot be written is a line, and no failure', async () => {
  const file = join(directory, 'a-file')
  await writeFile(file, '')
  const { exitCode, output } = await runReported(directory, ['records'], {
    env: { REPORT_FILE: join(file, 'report.html') },
  })
  expect(output).toMatch(/^mayfly: the report could not be written: .*ENOTDIR|EEXIST/m)
  expect(exitCode).toBe(0)
})

test('tests of several projects say whose they are', async () => {
  const config = REPORT_CONFIG.replace('vitest.config', 'projects.config')
  await runReported(directory, ['records'], { config })
  const { tests } = readReport(reportIn(directory))
  expect(new Set(tests.map(({ project, name }) => `${project} ${name}`)).size).toBe(10)
  expect(new Set(tests.map(({ id }) => id)).size).toBe(10)
})

test('merged results are a page that says what is not in it', async () => {
  const blobs = join(directory, 'blobs')
  for (const shard of ['1', '2']) {
    const args = ['--reporter=blob', `--outputFile=${join(blobs, `${shard}.json`)}`, `--shard=${shard}/2`]
    await runReported(directory, ['kinds', 'unhandled'], { args })
  }
  expect(await leftIn(directory)).toEqual(['blobs'])
  await runReported(directory, [], { args: [`--merge-reports=${blobs}`] })
  const { run, row, details } = readReport(reportIn(directory))
  expect(run.notes).toEqual([expect.stringContaining('merged results')])
  expect(row('serves its page')).toMatchObject({ state: 'failed', failure: 'product', machines: 0 })
  expect(row('leaves a rejection behind').state).toBe('passed')
  expect(details('serves its page').notes).toEqual([])
})

test('in watch mode the page follows, with the tests that did not run again', async () => {
  const project = await projectIn(directory)
  await project.suite('stays', "test('stays', () => {})")
  await project.suite('changes', "test('changes', () => { throw new Error('not yet') })")
  const child = spawn(process.execPath, [VITEST, '--watch', '--config', REPORT_CONFIG], {
    env: { ...process.env, SUITES: project.root, REPORT_FILE: reportIn(directory), TMPDIR: directory, NO_COLOR: '1' },
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const reports = () => output.split('mayfly: report').length - 1
  try {
    await expect.poll(reports, { timeout: 20_000 }).toBe(1)
    expect(readReport(reportIn(directory)).row('changes').state).toBe('failed')
    await project.suite('changes', "test('changes', () => {})")
    await expect.poll(reports, { timeout: 20_000 }).toBe(2)
    const { tests, row } = readReport(reportIn(directory))
    expect(tests).toHaveLength(2)
    expect(row('changes').state).toBe('passed')
    expect(row('stays').state).toBe('passed')
  } finally {
    child.kill('SIGINT')
    await once(child, 'exit')
  }
  expect(await leftIn(directory)).toEqual([])
})

test('the default place of the page keeps itself out of version control', async () => {
  const { root, suite } = await projectIn(directory)
  await suite('passes', "test('passes', () => {})")
  const { output } = await runReported(directory, [], { env: { SUITES: root, REPORT_FILE: undefined } })
  expect(output).toMatch(/^mayfly: report .*\.mayfly\/report\.html$/m)
  expect(await readFile(join(root, '.mayfly/.gitignore'), 'utf8')).toBe('*\n')
  expect(readReport(join(root, '.mayfly/report.html')).row('passes').state).toBe('passed')
})

test('a wrong option is refused before anything runs', () => {
  expect(() => new MayflyReporter({ outputFile: 7 as never })).toThrow('outputFile is no path: 7')
})

/** What is in the directory beside the page and what vitest and vite leave there. */
async function leftIn(path: string): Promise<string[]> {
  const known = /^(report\.html|project|ssr|[\w-]{21}|vitest-.*|mayfly-evidence-.*)$/
  return (await readdir(path)).filter((name) => !known.test(name)).sort()
}

/** A project of its own, where vitest is installed. */
async function projectIn(parent: string) {
  const root = join(parent, 'project')
  await mkdir(root)
  await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(root, 'node_modules'))
  const suite = (name: string, text: string) =>
    writeFile(join(root, `${name}.suite.ts`), `import { test } from 'vitest'\n${text}`)
  return { root, suite }
}
