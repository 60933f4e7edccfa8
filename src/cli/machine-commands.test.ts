import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createMachine } from '../machines/create.js'
import { processesOf } from '../machines/look.js'
import { type MachineRecord, RECORD } from '../machines/record.js'
import { haltingGuest } from '../machines/testing/halting-guest.js'
import { type PrivateData, privateData } from '../machines/testing/private-data.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
}, 60_000)
afterAll(() => built[Symbol.asyncDispose]())

let place: PrivateData
beforeEach(async () => {
  place = await privateData()
})
afterEach(() => place[Symbol.asyncDispose]())

const mayfly = (args: readonly string[], { env, root } = place) =>
  execa(process.execPath, [built.main, ...args], { env, reject: false, cwd: root })
const json = async (args: readonly string[]) => JSON.parse((await mayfly([...args, '--json'])).stdout)

const make = async (name: string) => createMachine(await haltingGuest(place.root), name, place)

/** What node takes of the processor for a script and its arguments. */
async function processorMs(args: readonly string[]): Promise<number> {
  const script = `TIMEFORMAT='%U %S'; time "$@" >/dev/null`
  const { stderr } = await execa('bash', ['-c', script, 'bash', process.execPath, ...args], { env: place.env })
  return stderr.split(' ').reduce((sum, seconds) => sum + 1000 * Number(seconds), 0)
}

const COMMANDS = 'create start stop destroy list status console ssh exec cp suspend resume log completion'.split(' ')
test.each([...COMMANDS, 'snapshot', 'snapshot create', 'snapshot ls', 'snapshot restore', 'snapshot rm'])(
  'the help of %s has an example',
  async (name) => {
    const { stdout, exitCode } = await mayfly([...name.split(' '), '--help'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(new RegExp(`^  \\$ .*mayfly ${name}`, 'm'))
  },
)

describe('what is wrong', () => {
  let shared: PrivateData
  beforeAll(async () => {
    shared = await privateData()
    await createMachine(await haltingGuest(shared.root), 'web', shared)
  })
  afterAll(() => shared[Symbol.asyncDispose]())

  test.each([
    [['create'], 'no guest is given'],
    [['create', 'micro', '--image', 'debian'], 'several guests are given'],
    [['create', 'mirco'], 'Did you mean micro?'],
    [['create', 'micro', '--name', 'a/b'], 'not a name for a machine: "a/b"'],
    [['create', 'micro', '--cpus', 'two'], "'--cpus <n>' argument 'two' is invalid. Give a whole number."],
    [['create', '--image-url', 'micro'], '--image-url is no http or https address: micro'],
    [['create', './disk.img', '--sha256', 'abc'], 'image.sha256: expected 64 hexadecimal digits'],
    [['create', 'micro', '--ssh-key', '/nowhere'], '--ssh-key cannot be read: /nowhere'],
    [['start'], "missing required argument 'machine'"],
    [['start', 'wbe'], 'Did you mean web?'],
    [['stop', 'web', '--timeout', 'soon'], '--timeout is not a duration'],
    [['status', 'x'], 'there is no machine "x"'],
    [['exec', 'web'], "missing required argument 'command'"],
    [['exec', 'web', '--env', 'MAYFLY_NOT_SET', '--', 'true'], 'you have no such variable'],
    [['cp', 'a', 'b'], "one of a and b must be a machine's"],
    [['cp', 'web:a', 'web:b'], "must be a machine's"],
    [['log', 'web', '--tail', 'many'], 'Give a whole number.'],
    [['snapshot', 'restore', 'web', 'x'], 'web has no snapshots'],
    [['snapshot', 'craete', 'web', 'x'], 'Did you mean create?'],
    [['completion', 'tcsh'], 'there is no completion for "tcsh"'],
  ])('%j is refused with status 2 and says why', async (args, why) => {
    const { exitCode, stdout, stderr } = await mayfly(args, shared)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain(why)
  })
})

test('the only machine need not be named, also where a command follows', async () => {
  await make('web')
  for (const args of [
    ['ssh', '--', 'uname', '-a'],
    ['ssh', 'web', '--', 'uname'],
    ['ssh', '--name', 'web', 'uname'],
    ['ssh'],
  ]) {
    expect(await mayfly(args)).toMatchObject({
      exitCode: 125,
      stderr: expect.stringMatching(/^mayfly: web is stopped/),
    })
  }
})

test('list shows fifty machines in a few times what node needs for nothing', async () => {
  const { directory, record } = await make('m00')
  for (let i = 1; i < 50; i++) {
    const name = `m${String(i).padStart(2, '0')}`
    const copy: MachineRecord = { ...record, name, guest: { ...record.guest, name } }
    await mkdir(join(directory, '..', name))
    await writeFile(join(directory, '..', name, RECORD), JSON.stringify(copy))
  }
  await mayfly(['start', 'm00', '--no-wait'])
  expect((await mayfly(['list'])).stdout.split('\n')).toHaveLength(51)
  // Of the processor: the tests beside this one take the rest of the time. The least of several.
  const least = async (...args: string[]) => {
    const times: number[] = []
    for (let i = 0; i < 5; i++) times.push(await processorMs(args))
    return Math.min(...times)
  }
  const bare = await least('-e', '0')
  expect(await least(built.main, 'list')).toBeLessThan(3.5 * bare)
  expect((await mayfly(['list', '--quiet'])).stdout.split('\n')).toHaveLength(50)
})

test('what a machine does is told in a table, in words and in JSON', async () => {
  expect((await mayfly(['list'])).stdout).toBe('There are no machines; mayfly create makes one.')
  const { directory } = await make('web')
  expect((await mayfly(['start', 'we', '--no-wait'])).stdout).toMatch(
    /^web starts; mayfly ssh web logs in \(127\.0\.0\.1:\d+\)$/,
  )
  expect((await mayfly(['start', 'web', '--no-wait'])).stdout).toBe('web is starting already')
  const [listed] = await json(['list'])
  expect(listed).toMatchObject({
    name: 'web',
    state: 'starting',
    image: 'halt',
    cpus: 1,
    memoryBytes: 96 * 2 ** 20,
    network: 'user',
    pid: expect.any(Number),
    ssh: { host: '127.0.0.1', port: expect.any(Number), user: 'root', hostKey: expect.stringMatching(/^ssh-ed25519 /) },
    directory,
  })
  expect(await json(['status'])).toEqual(listed)
  expect(await json(['suspend', 'web'])).toEqual([{ name: 'web', suspended: true }])
  expect((await mayfly(['status', 'web'])).stdout).toMatch(/^State +suspended$/m)
  const refused = await mayfly(['ssh', 'web', '--', 'true'])
  expect(refused).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('Hint: mayfly resume web') })
  expect((await mayfly(['resume', 'web'])).stdout).toBe('web goes on')
  const cut = await mayfly(['stop', 'web', '--timeout', '0.2', '--json'])
  expect(cut.exitCode).toBe(3)
  expect(JSON.parse(cut.stdout)).toEqual([{ name: 'web', stopped: 'quit' }])
  expect((await mayfly(['stop', 'web'])).exitCode).toBe(0)
  expect((await mayfly(['list'])).stdout).toMatch(/^web +stopped +halt .* it was stopped: the guest did not power off/m)
  expect((await mayfly(['snapshot', 'create', 'web', 'clean'])).stdout).toBe('web has a snapshot clean of its disk')
  expect((await mayfly(['snapshot', 'ls', 'web'])).stdout).toMatch(/^clean +.* ago +disk$/m)
  await writeFile(join(directory, 'console.log'), 'one\ntwo\n')
  await writeFile(join(directory, 'provision.log'), 'three\n')
  expect((await mayfly(['log', 'web', '-n', '1'])).stdout).toBe(
    '==> console.log <==\ntwo\n\n==> provision.log <==\nthree',
  )
  expect((await mayfly(['log', 'web', '--console'])).stdout).toBe('one\ntwo')
  expect((await mayfly(['destroy', 'web'])).stdout).toBe('destroyed web')
  expect((await mayfly(['list', '--json'])).stdout).toBe('[]')
})

test('a record that says too little does not keep the others from being listed, and nobody from acting on them', async () => {
  await make('web')
  const odd = join(place.data.machines, 'odd')
  await mkdir(odd)
  await writeFile(join(odd, RECORD), '{"format":1,"name":"odd"}')
  const { stdout, exitCode } = await mayfly(['list'])
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/^odd +damaged .*the record of a machine cannot be read/m)
  expect(stdout).toMatch(/^web +stopped/m)
  expect(await mayfly(['status', 'odd'])).toMatchObject({ exitCode: 125, stderr: expect.stringContaining('hostKey') })
  expect((await mayfly(['destroy', 'odd'])).exitCode).toBe(0)
})

test('without a name, the machine is that of the VMFile here or above', async () => {
  const project = join(place.root, 'project/deep')
  await mkdir(project, { recursive: true })
  const guest = await haltingGuest(place.root)
  await createMachine(guest, 'one', { ...place, vmfile: join(place.root, 'project/VMFile.kdl') })
  await createMachine(guest, 'other', { ...place, vmfile: join(place.root, 'elsewhere/VMFile.kdl') })
  const status = (cwd: string) => mayfly(['status'], { ...place, root: cwd })
  expect((await status(project)).stdout).toMatch(/^Name +one$/m)
  expect(await status(place.root)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('one, other') })
})

test('where there is a VMFile, somebody else’s machine is not what is meant', async () => {
  await make('other')
  expect((await mayfly(['status'])).stdout).toMatch(/^Name +other$/m)
  await writeFile(join(place.root, 'VMFile.kdl'), 'vm "web" {\n  image "micro"\n}\n')
  for (const [args, hint] of [
    [['ssh'], 'mayfly up makes'],
    [['ssh', '--file', 'VMFile.kdl'], 'mayfly up --file VMFile.kdl makes'],
  ] as const) {
    const { exitCode, stderr } = await mayfly(args)
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(hint) })
    expect(stderr).toContain('no machine of VMFile.kdl is there')
  }
})

test('a private key in the place of the public one is not shown', async () => {
  const { directory } = await make('web')
  const key = join(directory, 'id_ed25519')
  const { exitCode, stderr } = await mayfly(['create', 'micro', '--name', 'new', '--ssh-key', key])
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(`is a private key: ${key}`) })
  expect(stderr).not.toContain('BEGIN')
  await writeFile(
    join(place.root, 'VMFile.kdl'),
    `vm "a" {\n  image-url "http://localhost/d.qcow2"\n  cloud-init {\n    ssh-key ${JSON.stringify(key)}\n  }\n}\n`,
  )
  const { stdout } = await mayfly(['vmfile', 'check'])
  expect(stdout).toMatch(/^VMFile\.kdl:4:13: .*expected a public key, on one line$/m)
  const [, line = ''] = (await readFile(key, 'utf8')).split('\n')
  expect(stdout).not.toContain(line)
})

test.each([60, 120])(
  'in a terminal of %i columns, help is wrapped where words end, and sentences go on',
  async (columns) => {
    for (const name of COMMANDS) {
      const { stdout } = await execa('script', [
        '-qec',
        `stty cols ${columns}; ${process.execPath} ${built.main} ${name} --help`,
        '/dev/null',
      ])
      const [, ...paragraphs] = stdout
        .replaceAll('\r', '')
        .split(/^(?:Options|Examples?):$/m)[0]!
        .trim()
        .split('\n')
      for (const [at, line] of paragraphs.entries()) {
        expect(line.length).toBeLessThanOrEqual(columns)
        const [word = ''] = (paragraphs[at + 1] ?? '').split(' ')
        // What would have had room on the line before begins a line of its own only behind a full stop.
        if (word !== '' && line !== '' && line.length + 1 + word.length <= columns) expect(line).toMatch(/[.:]$/)
      }
    }
  },
  60_000,
)

test('down exits with 3 when the power of any machine was cut, unless that was asked for', async () => {
  const vmfile = join(place.root, 'VMFile.kdl')
  await writeFile(vmfile, 'vm "web" { image "micro"; }\nvm "db" { image "micro"; }\n')
  for (const name of ['web', 'db']) await createMachine(await haltingGuest(place.root), name, { ...place, vmfile })
  expect(await mayfly(['start', 'db', '--no-wait'])).toMatchObject({ exitCode: 0 })
  const cut = await mayfly(['down', '--timeout', '0.2'])
  expect(cut.stdout).toMatch(/^web +was stopped already\ndb +stopped: it did not power itself off in time/)
  expect(cut.exitCode).toBe(3)
  expect(await mayfly(['start', 'web', '--no-wait'])).toMatchObject({ exitCode: 0 })
  expect(await mayfly(['down', '--timeout', '0'])).toMatchObject({ exitCode: 0 })
}, 60_000)

test('whenever a create is killed, the machine is there, or its name is free', async () => {
  await haltingGuest(place.root)
  const index = join(built.directory, 'dist/index.js')
  const guest = "defineGuest({ image: { kernel: 'halt', initrd: 'initrd' }, memory: '96MiB', disk: '64MiB' })"
  await writeFile(
    join(place.root, 'guests.mjs'),
    `import { defineGuest } from '${index}'\nexport const halting = ${guest}\n`,
  )
  const create = () => mayfly(['create', './guests.mjs', '--name', 'web'])
  for (const ms of [500, 800]) {
    const child = create()
    await delay(ms)
    child.kill('SIGKILL')
    await child
    const there = (await json(['list'])).length === 1
    expect((await create()).exitCode).toBe(there ? 2 : 0)
    expect(await json(['status', 'web'])).toMatchObject({ state: 'stopped', image: 'halt' })
    expect((await mayfly(['destroy', 'web'])).exitCode).toBe(0)
  }
}, 60_000)

test('whenever a start is killed, the next command finds its way', async () => {
  const { directory } = await make('web')
  for (const ms of [150, 250, 350, 500]) {
    const child = mayfly(['start', 'web', '--no-wait'])
    await delay(ms)
    child.kill('SIGKILL')
    await child
    expect(['starting', 'stopped']).toContain((await json(['status', 'web'])).state)
    expect(await json(['start', 'web', '--no-wait'])).toMatchObject([{ state: 'starting', pid: expect.any(Number) }])
    expect(await json(['stop', 'web', '--timeout', '0'])).toEqual([{ name: 'web', stopped: 'quit' }])
    expect(await processesOf(directory)).toEqual([])
  }
}, 60_000)
