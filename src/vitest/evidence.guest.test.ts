import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestRecord } from '../evidence/test-record.js'
import { prepare } from '../snapshot/prepare.js'
import { defineGuest } from '../vm/define-guest.js'
import { runStranger, type StrangersRun } from './testing/stranger.js'

let directory: string
let run: StrangersRun

beforeAll(async () => {
  await prepare(defineGuest('micro'))
  directory = await mkdtemp(join(tmpdir(), 'mayfly-evidence-'))
  run = await runStranger('ways.suite.ts', directory)
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

const folder = (name: string) => join(directory, 'ways.suite.ts', name)
const read = (name: string, file: string) => readFile(join(folder(name), file), 'utf8')
const recordOf = async (name: string): Promise<TestRecord> => JSON.parse(await read(name, 'record.json'))

test('what is printed below a failure says where its evidence is, once, and how to go on', () => {
  expect(run.code).toBe(1)
  const path = relative(process.cwd(), folder('a-command-fails'))
  expect(run.output).toMatch(/ls: \/nowhere: No such file/)
  expect(run.output.split(`evidence: ${path}\n`)).toHaveLength(2)
  expect(run.output).toContain(`look around: run it again with MAYFLY_KEEP=1, then npx mayfly open ${path}\n`)
  expect(run.output).not.toContain('mayfly: no evidence')
  expect(run.output).not.toContain('vitest did not take')
})

test('a folder holds what the machine, its QEMU and the host have to say', async () => {
  expect((await readdir(folder('a-command-fails'))).sort()).toEqual(['host.txt', 'record.json', 'summary.txt', 'vm'])
  const files = ['commands.txt', 'console.log', 'guest.txt', 'kernel.log', 'qemu.txt']
  expect((await readdir(join(folder('a-command-fails'), 'vm'))).sort()).toEqual(files)
  expect(await read('a-command-fails', 'vm/console.log')).toContain('said to the console')
  expect(await read('a-command-fails', 'vm/kernel.log')).toContain('Linux version')
  const commands = await read('a-command-fails', 'vm/commands.txt')
  expect(commands).toMatch(/\+\d+\.\d{3} s {2}command {5}ls \/nowhere {2}\(exit code \d+, \d+ ms\)/)
  expect(commands).toContain('stdout: prepared')
  expect(commands).toMatch(/stderr: ls: \/nowhere/)
  expect(commands).not.toContain('dmesg')
  expect(await read('a-command-fails', 'vm/guest.txt')).toMatch(/# ps\n[\s\S]*dropbear[\s\S]*# df -h\n[\s\S]*\/scratch/)
  const qemu = await read('a-command-fails', 'vm/qemu.txt')
  expect(qemu).toMatch(/process: runs, pid \d+\nmachine: running\nport: 127\.0\.0\.1:\d+ .* port 22 /)
  expect(qemu).toMatch(/-netdev user,/)
  expect(await read('a-command-fails', 'host.txt')).toMatch(
    /memory: .* available of .*\n[\s\S]*qemu: .*QEMU emulator version/,
  )
})

test('its summary tells a stranger what failed, whose failure it is, what was done last, and what is where', async () => {
  const summary = await read('a-command-fails', 'summary.txt')
  expect(summary).toMatch(/^What failed\n {2}ways\.suite\.ts > a command fails\n {2}at .* UTC, after /)
  expect(summary).toMatch(/Error\n {2}should succeed, but exited with \d+: ls \/nowhere/)
  expect(summary).toMatch(/Whose failure\n {2}Of what is tested, or of the test itself/)
  expect(summary).toMatch(/Machines\n {2}vm: micro \(micro-[0-9a-f]{8}\), running at the end/)
  expect(summary).toMatch(/The last steps\n.*echo prepared.*\n.*ls \/nowhere/)
  expect(summary).toMatch(/vm\/console\.log +everything that the machine printed/)
  expect(summary).toContain('Run the test again with MAYFLY_KEEP=1')
  expect(summary).not.toContain('Not collected')
})

test('the record is the same for programs', async () => {
  const { version, vms, evidence } = await recordOf('a-command-fails')
  expect(version).toBe(1)
  expect(vms).toMatchObject([{ name: 'vm', guest: 'micro', state: 'running', findings: [] }])
  expect(vms[0]!.timeline.filter(({ kind }) => kind === 'command')).toHaveLength(2)
  expect(evidence!.directory).toBe(folder('a-command-fails'))
  for (const file of evidence!.files) expect(existsSync(join(folder('a-command-fails'), file)), file).toBe(true)
})

describe('whose failure it is', () => {
  test.each(['QEMU-is-killed', 'the-connection-is-cut', 'its-time-is-over-before-its-machine-is-up'])(
    '%s: the harness',
    async (name) => {
      expect(await read(name, 'summary.txt')).toContain('Most likely of the harness or the host')
      const path = relative(process.cwd(), folder(name))
      expect(run.output).toMatch(
        new RegExp(`this looks like a failure of the harness, not of what you test.*\n *evidence: ${path}`),
      )
    },
  )

  test.each([
    'a-command-fails',
    'its-time-is-over-while-a-command-hangs',
    'the-kernel-panics',
    'the-machine-is-suspended',
    'its-power-is-cut',
    'the-guest-powers-itself-off',
    'a-fixture-throws',
    'hooks-fail-before-the-test',
  ])('%s: the product, or the test', async (name) => {
    expect(await read(name, 'summary.txt')).toContain('Of what is tested, or of the test itself')
  })
})

describe('a machine that cannot be asked any more', () => {
  test.each([
    ['QEMU-is-killed', 'crashed', /QEMU ended by itself \(SIGKILL\)/, /ended, killed by SIGKILL/],
    ['the-kernel-panics', 'crashed', /Kernel panic - not syncing: sysrq triggered crash/, /ended, exit code 0|runs/],
    ['its-power-is-cut', 'crashed', /power +crash/, /ended, killed by SIGKILL/],
    ['the-machine-is-suspended', 'suspended', /power +suspend/, /machine: paused/],
  ])('%s', async (name, state, told, qemu) => {
    const summary = await read(name, 'summary.txt')
    expect(summary).toMatch(told)
    expect(summary).toMatch(new RegExp(`Not collected\n {2}vm: the guest was not asked: it is ${state}`))
    expect(await read(name, 'vm/qemu.txt')).toMatch(qemu)
    expect(existsSync(join(folder(name), 'vm/console.log'))).toBe(true)
  })

  test('a guest that goes down', async () => {
    const summary = await read('the-guest-powers-itself-off', 'summary.txt')
    expect(summary).toMatch(/vm: the guest (?:powered itself off|was going down)\./)
    expect(summary).toMatch(/Not collected\n {2}vm: the guest (?:did not answer|was not asked)/)
  })

  test('a panic is on the console, and among the findings', async () => {
    expect(await read('the-kernel-panics', 'vm/console.log')).toContain('sysrq triggered crash')
    const { vms } = await recordOf('the-kernel-panics')
    expect(vms[0]!.findings).toContainEqual({
      kind: 'panic',
      severity: 'error',
      line: 'Kernel panic - not syncing: sysrq triggered crash',
    })
  })
})

test('a command that hangs is ended before the time of the test is over, and the guest still answers', async () => {
  const name = 'its-time-is-over-while-a-command-hangs'
  expect(await read(name, 'vm/commands.txt')).toMatch(/sleep 1000 {2}\(failed, the command did not end within/)
  expect(await read(name, 'vm/kernel.log')).toContain('Linux version')
})

test('a machine that hangs holds nobody up for more than 2 s', async () => {
  expect(await read('QEMU-hangs', 'summary.txt')).toMatch(/Not collected\n {2}vm: the guest did not answer in time/)
  expect(await read('QEMU-hangs', 'vm/qemu.txt')).toContain('machine: its monitor did not answer')
  expect(existsSync(join(folder('QEMU-hangs'), 'vm/console.log'))).toBe(true)
  const [, ms] = /× QEMU hangs (\d+)ms/.exec(run.output) ?? []
  // The rest is the launch, on a host that may be busy.
  expect(Number(ms)).toBeLessThan(2000 + 2000)
})

test('a machine that did not come up in time has a folder too', async () => {
  const name = 'its-time-is-over-before-its-machine-is-up'
  const summary = await read(name, 'summary.txt')
  expect(summary).toContain('The time of the test was over before vm was up.')
  expect(summary).toMatch(/Machines\n {2}vm: micro/)
})

test('each machine has a folder, forks too', async () => {
  const name = 'two-machines-and-a-fork'
  expect(await readdir(folder(name))).toEqual(expect.arrayContaining(['left', 'left-fork-1', 'right']))
  expect(await read(name, 'left/commands.txt')).toMatch(/echo here[\s\S]*fork into 1/)
  expect(await read(name, 'left-fork-1/commands.txt')).toContain('echo there')
  expect(await read(name, 'summary.txt')).toMatch(/left {9}.*echo here/)
})

test('tests with names that look alike have folders of their own', () => {
  expect(existsSync(folder('names-that-need-care'))).toBe(true)
  expect(existsSync(folder('names-that-need-care~2'))).toBe(true)
})

test('nothing is written for a test that passes, or is expected to fail', () => {
  expect(existsSync(folder('a-killed-process-is-no-failure'))).toBe(false)
  expect(existsSync(folder('a-failure-that-is-expected'))).toBe(false)
})

test('what the console of a passing test says is told in one line', () => {
  const said = 'Out of memory: Killed process 77 (eater) total-vm:1kB'
  expect(run.output).toContain(
    `mayfly: ways.suite.ts > a killed process is no failure passed, but vm said (oom-kill): ${said}\n`,
  )
})

test('nothing half-made is left', async () => {
  expect((await readdir(join(directory, 'ways.suite.ts'))).filter((name) => name.includes('partial'))).toEqual([])
})
