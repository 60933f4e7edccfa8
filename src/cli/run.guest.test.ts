import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa, type Options } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findProcessesByEnvironment } from '../host/process-table.js'
import { defaultCacheDir, openStore } from '../image/store.js'
import { listSessions } from '../session/sweep.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

let built: BuiltPackage
let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'mayfly-cli-'))
  built = await buildPackage()
  await execa(process.execPath, [built.main, 'warm', 'micro'])
}, 300_000)
afterAll(async () => {
  await built[Symbol.asyncDispose]()
  await rm(scratch, { recursive: true, force: true })
})

// From another directory than the package's, marked so that what it leaves behind can be found.
const mark = randomBytes(8).toString('hex')
const marked = { MAYFLY_TEST_MARK: mark }
const run = (args: string[], options: Options = {}) =>
  execa(process.execPath, [built.main, 'run', 'micro', ...args], {
    cwd: scratch,
    env: marked,
    reject: false,
    ...options,
  })

/** The processes and session directories of ours that are left. The watchdog may still be on its way out. */
async function expectNothingLeft(pid: number): Promise<void> {
  const store = await openStore(defaultCacheDir())
  await expect.poll(() => findProcessesByEnvironment('MAYFLY_TEST_MARK', mark), { timeout: 3000 }).toEqual([])
  expect((await listSessions(store)).filter((session) => session.pid === pid)).toEqual([])
}

test('several arguments are a command that no shell changes, one is a line for the shell', async () => {
  const child = run(['--', 'uname', '-a'])
  const argv = await child
  expect(argv).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringMatching(/^Linux micro /) })
  await expectNothingLeft(child.pid!)
  expect((await run(['--', 'printf', '%s|', 'a b', '$HOME', '*'])).stdout).toBe('a b|$HOME|*|')
  expect(await run(['--', 'echo one; echo two >&2'])).toMatchObject({ stdout: 'one', stderr: 'two' })
})

test('the status is the command’s: its exit code, or 128 and the signal that ended it', async () => {
  expect((await run(['--', 'exit 7'])).exitCode).toBe(7)
  expect((await run(['--', 'kill -TERM $$'])).exitCode).toBe(143)
})

test('bytes pass through unchanged both ways', async () => {
  const bytes = randomBytes(4 * 2 ** 20)
  const { stdout } = await run(['--', 'cat'], { input: bytes, encoding: 'buffer' })
  const digest = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')
  expect(digest(stdout as Uint8Array)).toBe(digest(bytes))
})

test('options reach the machine and the command; files are uploaded first', async () => {
  const local = join(scratch, 'naïve file.txt')
  await writeFile(local, 'content')
  const script = 'cat /tmp/it; echo; pwd; echo "$GREETING $MAYFLY_TEST_MARK"; nproc'
  const args = [
    '--cpus',
    '2',
    '--cwd',
    '/etc',
    '--env',
    'GREETING=hello there',
    '-e',
    'MAYFLY_TEST_MARK',
    '--upload',
    `${local}:/tmp/it`,
  ]
  const { stdout } = await run([...args, '--', script])
  expect(String(stdout).split('\n')).toEqual(['content', '/etc', `hello there ${mark}`, '2'])
})

test('without a command, standard input is read by a shell', async () => {
  expect(await run([], { input: 'echo from the script\nexit 3\n' })).toMatchObject({
    exitCode: 3,
    stdout: 'from the script',
  })
})

test('on a terminal it is an interactive shell of the terminal’s size', async () => {
  const command = `stty cols 111 rows 33; ${process.execPath} ${built.main} run micro`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, ...marked },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const exited = once(child, 'exit')
    let shown = ''
    child.stdout.on('data', (chunk) => {
      shown += String(chunk)
    })
    const seen = (pattern: RegExp) => expect.poll(() => shown, { timeout: 20_000, interval: 20 }).toMatch(pattern)
    await seen(/# /)
    child.stdin.write('stty size; test -t 0 && echo terminal\n')
    await seen(/33 111\r\nterminal\r\n/)
    child.stdin.write('exit 5\n')
    expect((await exited)[0]).toBe(5)
  } finally {
    child.kill()
  }
})

test('--timeout ends the command with 124 and says so', async () => {
  const { exitCode, stderr } = await run(['--timeout', '500ms', '--', 'sleep', '1000'])
  expect(exitCode).toBe(124)
  expect(stderr).toContain('the command did not end within 500 ms')
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)(
  '%s destroys the machine at once and exits with %i, also while nobody reads the output',
  async (name, status) => {
    const child = spawn(process.execPath, [built.main, 'run', 'micro', '--', 'cat /dev/zero'], {
      env: { ...process.env, ...marked },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.stdout.pause()
    const started = performance.now()
    child.kill(name)
    const [code] = await once(child, 'exit')
    expect(code).toBe(status)
    expect(performance.now() - started).toBeLessThan(2500)
    child.stdout.destroy()
    await expectNothingLeft(child.pid!)
  },
)

test('a reader that goes away ends it quietly', async () => {
  const line = `${process.execPath} ${built.main} run micro -- yes | head -n 2; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = await execa('bash', ['-c', line], { env: marked })
  expect({ stdout, stderr }).toEqual({ stdout: 'y\ny\n141', stderr: '' })
})

test('ls shows the running machine, and gc --dry-run --all spares what it is made of', async () => {
  const child = run(['--', 'echo ready; cat'], { stdin: 'pipe' })
  await once(child.stdout!, 'data')
  const listed = JSON.parse((await execa(process.execPath, [built.main, 'ls', '--json'])).stdout)
  const session = listed.sessions.find(({ pid }: { pid: number }) => pid === child.pid)
  expect(session).toMatchObject({ alive: true, vms: [{ name: 'micro', alive: true }] })
  const { removed } = JSON.parse(
    (await execa(process.execPath, [built.main, 'gc', '--all', '--dry-run', '--json'])).stdout,
  )
  const doomed = removed.map(({ directory }: { directory: string }) => directory)
  expect(doomed).not.toContain(session.vms[0].template)
  expect(doomed).not.toContain(session.vms[0].image)
  child.stdin!.end()
  expect((await child).exitCode).toBe(0)
})

test('warm says that there was nothing to do', async () => {
  const { stdout } = await execa(process.execPath, [built.main, 'warm', 'micro', '--json'])
  const directory = expect.stringContaining(defaultCacheDir())
  const node = { title: 'boot micro', cached: true, ms: 0, key: expect.any(String), bytes: expect.any(Number) }
  expect(JSON.parse(stdout)).toEqual([
    { guest: 'micro', image: directory, template: directory, cached: true, nodes: [node], ms: expect.any(Number) },
  ])
  const text = await execa(process.execPath, [built.main, 'warm', 'micro'])
  expect(text.stdout).toMatch(
    /^micro\n├─ image micro +cached\n├─ boot micro +cached\n└─ ready, all of it was cached \(.*\)$/,
  )
})

test('the packed and installed package runs from another directory', async () => {
  const project = await mkdtemp(join(scratch, 'project '))
  await writeFile(join(project, 'package.json'), '{ "private": true }')
  // npm follows no link when it packs, so node_modules must not be there.
  await rm(join(built.directory, 'node_modules'))
  const { stdout: tarball } = await execa('npm', ['pack', '--silent', '--pack-destination', scratch], {
    cwd: built.directory,
  })
  const flags = ['--omit=optional', '--no-audit', '--no-fund', '--prefer-offline', '--silent']
  await execa('npm', ['install', ...flags, join(scratch, tarball)], { cwd: project })
  const { stdout } = await execa('npx', ['--no-install', 'mayfly', 'run', 'micro', '--', 'uname', '-a'], {
    cwd: project,
  })
  expect(stdout).toMatch(/^Linux micro /)
  expect(await readdir(join(project, 'node_modules/mayfly'))).toContain('dist')
  expect(await readFile(join(project, 'node_modules/mayfly/dist/cli/main.js'), 'utf8')).toMatch(
    /^#!\/usr\/bin\/env node\n/,
  )
}, 240_000)
