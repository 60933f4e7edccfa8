import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { probe } from './probe.js'
import { openShell } from './shell.js'
import { type LocalServer, startDropbear, startSshd } from './testing/local-sshd.js'
import { download, readFile, upload, writeFile as writeRemote } from './transfer.js'

/** How much later than its time an operation may end, on a host that is busy with other tests. */
const GRACE_MS = 1000
const LIMIT_MS = 300

describe.each([
  ['OpenSSH', () => startSshd()],
  ['dropbear', () => startDropbear()],
] as const)('%s that has stopped answering', (_name, startServer) => {
  let server: LocalServer
  let connection: SshConnection
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mayfly-silent-'))
    await writeFile(join(directory, 'file'), 'x'.repeat(100_000))
    server = await startServer()
    connection = await SshConnection.open(server.target)
  })
  afterAll(async () => {
    signalAll(server.pid, 'CONT')
    await connection.close()
    await server[Symbol.asyncDispose]()
    await rm(directory, { recursive: true })
  })

  const afterLimit = () => AbortSignal.timeout(LIMIT_MS)
  test.each<[string, () => Promise<unknown>]>([
    ['a command with a timeout', () => exec(connection, 'true', { timeout: LIMIT_MS })],
    ['a command with a signal', () => exec(connection, 'true', { signal: afterLimit() })],
    ['a command as another user', () => exec(connection, 'true', { user: 'nobody', timeout: LIMIT_MS })],
    ['a long command', () => exec(connection, `: ${'x'.repeat(100_000)}`, { timeout: LIMIT_MS })],
    ['a look with a timeout', () => probe(connection, 'true', { timeout: LIMIT_MS })],
    ['a look with a signal', () => probe(connection, 'true', { signal: afterLimit() })],
    ['an upload', () => upload(connection, join(directory, 'file'), '/tmp/mayfly-never', { signal: afterLimit() })],
    ['an upload of a directory', () => upload(connection, directory, '/tmp/mayfly-never', { signal: afterLimit() })],
    ['writing a file', () => writeRemote(connection, '/tmp/mayfly-never', 'x', { signal: afterLimit() })],
    ['a download', () => download(connection, '/etc/passwd', join(directory, 'got'), { signal: afterLimit() })],
    ['reading a file', () => readFile(connection, '/etc/passwd', { signal: afterLimit() })],
    ['a shell', () => openShell(connection, { signal: afterLimit() })],
    ['another connection', () => SshConnection.open({ ...server.target, signal: afterLimit() })],
    ['another connection with a timeout', () => SshConnection.open({ ...server.target, timeoutMs: LIMIT_MS })],
  ])('does not hold up %s', async (_what, run) => {
    expect((await exec(connection, 'echo before', { timeout: '20s' })).stdout).toBe('before\n')
    signalAll(server.pid, 'STOP')
    try {
      const started = performance.now()
      await expect(run()).rejects.toMatchObject({ code: expect.stringMatching(/TIMEOUT|ABORTED|SSH_FAILED/) })
      const late = performance.now() - started - LIMIT_MS
      expect(late).toBeLessThan(GRACE_MS)
    } finally {
      signalAll(server.pid, 'CONT')
    }
  })

  test('in the middle of a command: it is killed once the server answers, before the next one starts', async () => {
    const name = `sleep 1000.${randomBytes(4).readUInt32BE()}`
    const started = performance.now()
    let begun = () => {}
    const running = new Promise<void>((resolve) => {
      begun = resolve
    })
    const command = exec(connection, `echo begun; ${name}`, { timeout: 1000, onStdout: () => begun() })
    const outcome = expect(command).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_TIMEOUT',
      details: expect.arrayContaining([expect.stringContaining('its processes may still run')]),
    })
    await running
    signalAll(server.pid, 'STOP')
    await outcome
    expect(performance.now() - started).toBeLessThan(1000 + GRACE_MS)
    signalAll(server.pid, 'CONT')
    expect((await exec(connection, 'echo after', { timeout: '20s' })).stdout).toBe('after\n')
    expect(execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' })).not.toContain(name)
  })
})

test('a server that accepts and never speaks', async () => {
  const server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await using real = await startSshd()
  const target = { ...real.target, port }
  const started = performance.now()
  await expect(SshConnection.open({ ...target, timeoutMs: LIMIT_MS })).rejects.toMatchObject({
    code: 'MAYFLY_SSH_FAILED',
  })
  const signal = AbortSignal.timeout(LIMIT_MS)
  await expect(SshConnection.open({ ...target, signal })).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  expect(performance.now() - started).toBeLessThan(2 * (LIMIT_MS + GRACE_MS))
  server.close()
})

/** The server, with the process of each connection; not the commands, which are in sessions of their own. */
function signalAll(pid: number, signal: 'STOP' | 'CONT'): void {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' })
  const rows = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const found = new Set([String(pid)])
  for (let size = 0; size !== found.size; ) {
    size = found.size
    for (const [child, parent, name] of rows) if (found.has(parent!) && /sshd|dropbear/.test(name!)) found.add(child!)
  }
  for (const one of found) {
    try {
      process.kill(Number(one), `SIG${signal}`)
    } catch {
      // It has ended: that of a connection that was given up.
    }
  }
}
