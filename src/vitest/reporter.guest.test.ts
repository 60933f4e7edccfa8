import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { prepare } from '../snapshot/prepare.js'
import { defineGuest } from '../vm/define-guest.js'
import { type ReadReport, readReport, reportIn, runReported } from './testing/report-run.js'

let directory: string
let report: ReadReport
let output: string

beforeAll(async () => {
  await prepare(defineGuest('micro'))
  directory = await mkdtemp(join(tmpdir(), 'mayfly-reporter-'))
  const env = { MAYFLY_EVIDENCE_DIR: join(directory, 'failures'), TMPDIR: undefined }
  ;({ output } = await runReported(directory, ['guests'], { env }))
  report = readReport(reportIn(directory))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const steps = (name: string) =>
  report.details(name).machines.map(({ entries }) => entries.filter(({ kind }) => kind !== 'console'))

test('the steps of a test with a machine are on its timeline, in order and within its time', () => {
  const [entries] = steps('does what it is told')
  expect(report.row('does what it is told'), output).toMatchObject({ state: 'passed', machines: 1 })
  const kinds = ['transfer', 'command', 'command', 'wait', 'wait', 'checkpoint', 'command', 'checkpoint', 'transfer']
  expect(entries!.map(({ kind }) => kind)).toEqual(kinds)
  expect(entries![1]).toMatchObject({ title: 'cat /root/list', result: 'exit code 0', stdout: 'apples\nquinces\n' })
  const { durationMs } = report.row('does what it is told')
  for (const { at, durationMs: took } of entries!) {
    expect(at).toBeGreaterThanOrEqual(0)
    expect(at + took!).toBeLessThanOrEqual(durationMs! + 1)
  }
  const console = report.details('does what it is told').machines[0]!.entries.filter(({ kind }) => kind === 'console')
  expect(console.map(({ title }) => title).join('')).toContain('said to the console')
})

test('a failed test shows what it waited for, and its evidence', () => {
  const row = report.row('fails a check')
  expect(row).toMatchObject({ state: 'failed', failure: 'product', evidence: { commands: [] } })
  expect(row.evidence!.href).toMatch(/^failures\/.*\/$/)
  const [entries] = steps('fails a check')
  expect(entries![0]).toMatchObject({ result: 'exit code 3', stderr: 'some trouble\n' })
  expect(entries![1]).toMatchObject({ kind: 'wait', failed: true, result: expect.stringContaining('4711') })
  const { errors, files } = report.details('fails a check')
  expect(errors[0]!.source!.file).toBe('guests.suite.ts')
  expect(files.find(({ path }) => path === 'vm/console.log')?.text).toBeTypeOf('string')
  expect(files.find(({ path }) => path === 'vm/qemu.txt')?.text).toContain('-netdev')
})

test('machines of one test share its axis of time', () => {
  const [one, other] = steps('is not alone')
  expect(
    report
      .details('is not alone')
      .machines.map(({ name }) => name)
      .sort(),
  ).toEqual(['one', 'other'])
  expect(Math.abs(one![0]!.at - other![0]!.at)).toBeLessThan(100)
})

test('the host is told with what machines run on', () => {
  expect(report.run.facts.map(({ label }) => label)).toEqual(expect.arrayContaining(['Accelerator', 'QEMU']))
})
