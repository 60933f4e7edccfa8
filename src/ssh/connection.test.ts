import { appendFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { generateIdentity } from './identity.js'
import { openShell } from './shell.js'
import { type LocalServer, startDropbear, startSshd } from './testing/local-sshd.js'
import { waitForSsh } from './wait-for-ssh.js'

describe.each([
  ['OpenSSH', startSshd],
  ['dropbear', startDropbear],
] as const)('a connection to %s', (_name, startServer) => {
  let server: LocalServer
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('closes, and says so once', async () => {
    const connection = await SshConnection.open(server.target)
    expect(connection.connected).toBe(true)
    const heard: unknown[] = []
    connection.onClose((error) => heard.push(error))
    connection.onClose(() => heard.push('never'))()
    await connection.close()
    await connection.close()
    expect([connection.connected, heard]).toEqual([false, [undefined]])
  })

  test('refuses a machine with another key, at once, also while waiting', async () => {
    const target = { ...server.target, hostKey: generateIdentity('other').host.publicKey }
    const failure = { code: 'MAYFLY_SSH_FAILED', message: expect.stringContaining('wrong machine') }
    await expect(SshConnection.open(target)).rejects.toMatchObject(failure)
    const started = performance.now()
    await expect(waitForSsh({ ...target, timeoutMs: 20_000 })).rejects.toMatchObject(failure)
    expect(performance.now() - started).toBeLessThan(5000)
  })

  test('a refused login fails at once', async () => {
    const target = { ...server.target, privateKey: generateIdentity('other').client.privateKey }
    await expect(waitForSsh({ ...target, timeoutMs: 20_000 })).rejects.toMatchObject({
      code: 'MAYFLY_SSH_FAILED',
      details: [expect.stringMatching(/^attempts: 1 in/)],
    })
  })

  test.each(['aes128-gcm@openssh.com', 'aes128-ctr', 'chacha20-poly1305@openssh.com'])('can use %s', async (cipher) => {
    // dropbear as Debian builds it has no GCM, so the second choice must work too.
    await using connection = await SshConnection.open({ ...server.target, ciphers: [cipher, 'aes128-ctr'] })
    expect((await exec(connection, 'echo hi')).stdout).toBe('hi\n')
  })

  test('goes on although a test advances its fake timers by an hour', async () => {
    vi.useFakeTimers()
    try {
      await using connection = await SshConnection.open(server.target)
      vi.advanceTimersByTime(3_600_000)
      expect((await exec(connection, 'echo hi')).stdout).toBe('hi\n')
      const sleeping = exec(connection, 'sleep 20', { timeout: '100ms' })
      await expect(sleeping).rejects.toMatchObject({ code: 'MAYFLY_COMMAND_TIMEOUT' })
    } finally {
      vi.useRealTimers()
    }
  })

  test('ends when the server falls silent, unless that is expected', async () => {
    await using link = await cuttable(server)
    const target = { ...server.target, port: link.port, keepaliveMs: 40 }
    const lost = await SshConnection.open(target)
    await using kept = await SshConnection.open(target)
    using silence = kept.expectSilence()
    const ended = new Promise((resolve) => lost.onClose(resolve))
    link.cut()
    expect(await ended).toMatchObject({ code: 'MAYFLY_SSH_FAILED', message: expect.stringContaining('Keepalive') })
    expect(kept.connected).toBe(true)
    link.mend()
    silence[Symbol.dispose]()
    expect((await exec(kept, 'echo back')).stdout).toBe('back\n')
  })

  test('a shell has a terminal, a size that changes, and an exit status', async () => {
    await using connection = await SshConnection.open(server.target)
    const shell = await openShell(connection, { cols: 100, rows: 30, term: 'vt100' })
    let shown = ''
    shell.stream.on('data', (chunk: Buffer) => {
      shown += chunk
    })
    const until = (text: string) =>
      new Promise<void>((resolve) => {
        const look = () => shown.includes(text) && resolve()
        shell.stream.on('data', look)
        look()
      })
    shell.stream.write('echo "$TERM:"; stty size\n')
    await until('vt100:')
    await until('30 100')
    shell.resize(120, 40)
    shell.stream.write('stty size; exit 5\n')
    await until('40 120')
    expect(await shell.exited).toEqual({ exitCode: 5, signal: null })
  })

  test('a hung-up shell ends', async () => {
    await using connection = await SshConnection.open(server.target)
    const shell = await openShell(connection)
    await shell[Symbol.asyncDispose]()
    expect((await exec(connection, 'echo alive')).stdout).toBe('alive\n')
  })
})

test('an invalid key is an error, not a crash', async () => {
  const target = { host: '127.0.0.1', port: 1, username: 'root', hostKey: generateIdentity('x').host.publicKey }
  await expect(SshConnection.open({ ...target, privateKey: 'none' })).rejects.toMatchObject({
    code: 'MAYFLY_SSH_FAILED',
  })
  const privateKey = generateIdentity('x').client.privateKey
  await expect(SshConnection.open({ ...target, privateKey })).rejects.toThrow(/ECONNREFUSED/)
  await expect(SshConnection.open({ ...target, privateKey, hostKey: 'x' })).rejects.toThrow(/not a public key/)
})

describe('waiting', () => {
  /** A port that treats its connections as QEMU's user network does while the guest boots, then leads to the server. */
  async function gate(server: LocalServer) {
    let mode: 'reset' | 'silent' | 'open' = 'reset'
    const silent: Socket[] = []
    const connections: Socket[] = []
    const front: Server = createServer((socket) => {
      connections.push(socket)
      socket.on('error', () => {})
      if (mode === 'reset') socket.resetAndDestroy()
      else if (mode === 'silent') silent.push(socket)
      else through(socket)
    })
    const through = (socket: Socket) => {
      const back = connect(server.port, '127.0.0.1')
      back.on('error', () => socket.destroy())
      socket.pipe(back).pipe(socket)
    }
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
    return {
      port: (front.address() as { port: number }).port,
      connections,
      silent,
      set: (next: typeof mode) => {
        mode = next
      },
      [Symbol.asyncDispose]: async () => {
        for (const socket of connections) socket.destroy()
        await new Promise((resolve) => front.close(resolve))
      },
    }
  }

  test('outlasts resets and silence, and closes the silent ones', async () => {
    await using server = await startSshd()
    await using port = await gate(server)
    const failed: number[] = []
    const waiting = waitForSsh({
      ...server.target,
      port: port.port,
      patienceMs: 100,
      onAttemptFailed: (_error, attempt) => {
        failed.push(attempt)
        if (failed.length === 4) port.set('silent')
      },
    })
    const enough = async () => {
      while (port.silent.length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await enough()
    port.set('open')
    const connection = await waiting
    expect((await exec(connection, 'echo up')).stdout).toBe('up\n')
    expect(failed.slice(0, 4)).toEqual([1, 2, 3, 4])
    await Promise.all(
      port.silent.map(
        (socket) =>
          new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.resume().once('close', resolve))),
      ),
    )
    await connection.close()
  })

  test('of a machine that is settling waits for its keys to be put in place', async () => {
    await using server = await startSshd()
    const { client } = generateIdentity('later')
    const failures: string[] = []
    await using connection = await waitForSsh({
      ...server.target,
      privateKey: client.privateKey,
      settling: true,
      onAttemptFailed: (error) => {
        failures.push(error.code)
        appendFileSync(join(server.directory, 'authorized_keys'), `${client.publicKey}\n`)
      },
    })
    expect((await exec(connection, 'echo hi')).stdout).toBe('hi\n')
    expect(failures).toEqual(['MAYFLY_SSH_FAILED'])
  })

  test('its time-out tells elapsed, attempts and the last error; aborting ends it', async () => {
    await using server = await startSshd()
    await using port = await gate(server)
    const target = { ...server.target, port: port.port }
    await expect(waitForSsh({ ...target, timeoutMs: 300 })).rejects.toMatchObject({
      code: 'MAYFLY_BOOT_TIMEOUT',
      details: [
        expect.stringMatching(/^attempts: \d+ in 3\d\d ms$/),
        expect.stringContaining('last error: '),
        'connections that were accepted and stayed silent: 0',
      ],
    })
    port.set('silent')
    await expect(waitForSsh({ ...target, timeoutMs: 300, patienceMs: 100 })).rejects.toMatchObject({
      code: 'MAYFLY_BOOT_TIMEOUT',
      details: expect.arrayContaining([expect.stringMatching(/silent: [23]$/)]),
    })
    const signal = AbortSignal.timeout(100)
    await expect(waitForSsh({ ...target, signal })).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  })
})

/** A port that leads to the server, but while it is cut. */
async function cuttable(server: LocalServer) {
  const sockets: Socket[] = []
  const front = createServer((socket) => {
    const back = connect(server.port, '127.0.0.1')
    for (const end of [socket, back]) sockets.push(end.on('error', () => {}))
    socket.pipe(back).pipe(socket)
  })
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  return {
    port: (front.address() as { port: number }).port,
    cut: () => sockets.forEach((socket) => void socket.pause()),
    mend: () => sockets.forEach((socket) => void socket.resume()),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => front.close(resolve))
    },
  }
}
