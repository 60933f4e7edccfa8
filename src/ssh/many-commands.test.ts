import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { openShell } from './shell.js'
import { type LocalServer, startDropbear, startSshd } from './testing/local-sshd.js'

describe.each([
  ['OpenSSH', () => startSshd()],
  ['OpenSSH that allows three sessions', () => startSshd(['MaxSessions 3'])],
  ['dropbear', () => startDropbear()],
] as const)('many commands at once over %s', (_name, startServer) => {
  let server: LocalServer
  let connection: SshConnection
  beforeAll(async () => {
    server = await startServer()
    connection = await SshConnection.open(server.target)
  })
  afterAll(async () => {
    await connection.close()
    await server[Symbol.asyncDispose]()
  })

  test('each runs once and is heard, again and again', { timeout: 120_000 }, async () => {
    for (let round = 0; round < 2; round++) {
      const short = Array.from({ length: 200 }, (_, index) => exec(connection, `echo ${index}; exit ${index % 7}`))
      const long = Array.from({ length: 20 }, () =>
        exec(connection, 'head -c 3000000 /dev/zero', { encoding: 'buffer' }),
      )
      const results = await Promise.all(short)
      expect(results.map(({ stdout, exitCode }) => [stdout, exitCode])).toEqual(
        Array.from({ length: 200 }, (_, index) => [`${index}\n`, index % 7]),
      )
      expect((await Promise.all(long)).map(({ stdout }) => stdout.length)).toEqual(Array(20).fill(3_000_000))
    }
    expect(connection.connected).toBe(true)
  })

  test('commands given up in the middle of their output do no harm', async () => {
    for (let round = 0; round < 2; round++) {
      const results = await Promise.allSettled([
        ...Array.from({ length: 10 }, () => exec(connection, 'yes', { maxBuffer: 3_000_000 })),
        ...Array.from({ length: 10 }, () => exec(connection, 'yes', { timeout: 100, onStdout: () => {} })),
        ...Array.from({ length: 20 }, () => exec(connection, 'echo still here')),
      ])
      const outcomes = results.map((result) =>
        result.status === 'fulfilled' ? result.value.stdout : (result.reason as { code: string }).code,
      )
      expect(outcomes).toEqual([
        ...Array(10).fill('MAYFLY_OUTPUT_TOO_LARGE'),
        ...Array(10).fill('MAYFLY_COMMAND_TIMEOUT'),
        ...Array(20).fill('still here\n'),
      ])
    }
    expect(connection.connected).toBe(true)
  })

  test('commands that do not end do not keep others from running', async () => {
    const stop = new AbortController()
    setMaxListeners(0, stop.signal)
    const endless = Array.from({ length: 6 }, () => exec(connection, 'sleep 1000', { signal: stop.signal }))
    const shell = await openShell(connection)
    expect((await exec(connection, 'echo through')).stdout).toBe('through\n')
    stop.abort()
    const settled = await Promise.allSettled(endless)
    expect(settled.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(
      Array(6).fill('MAYFLY_ABORTED'),
    )
    await shell[Symbol.asyncDispose]()
  })

  test('a command that waits for its turn is cancelled at once, and never starts', async () => {
    const stop = new AbortController()
    setMaxListeners(0, stop.signal)
    const all = Array.from({ length: 100 }, () => exec(connection, 'sleep 1000', { signal: stop.signal }))
    const mark = `${server.directory}/started`
    const started = performance.now()
    const waiting = exec(connection, `touch '${mark}'`, { timeout: 60 })
    await expect(waiting).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_TIMEOUT',
      details: expect.arrayContaining([expect.stringMatching(/^it was not started: \d+ others were running$/)]),
    })
    const signal = AbortSignal.abort('no')
    await expect(exec(connection, `touch '${mark}'`, { signal })).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
    expect(performance.now() - started).toBeLessThan(1000)
    stop.abort()
    await Promise.allSettled(all)
    expect((await exec(connection, `[ -e '${mark}' ]`)).exitCode).toBe(1)
  })
})
