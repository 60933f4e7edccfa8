import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { type LocalServer, startSshd } from './testing/local-sshd.js'

let server: LocalServer
let connection: SshConnection
beforeAll(async () => {
  server = await startSshd()
  connection = await SshConnection.open(server.target)
})
afterAll(async () => {
  await connection.close()
  await server[Symbol.asyncDispose]()
})

describe('exec', () => {
  test('gives output and status', async () => {
    const result = await exec(connection, 'echo out; echo err >&2; exit 7')
    expect(result).toMatchObject({ stdout: 'out\n', stderr: 'err\n', exitCode: 7, signal: null })
    expect(result.durationMs).toBeGreaterThan(0)
  })
  test('ends a command that reads its input', async () => {
    expect((await exec(connection, 'cat')).stdout).toBe('')
    expect((await exec(connection, 'cat', { stdin: 'héllo' })).stdout).toBe('héllo')
  })
  test('kills at the timeout', async () => {
    await expect(exec(connection, 'echo started; sleep 1000.125', { timeout: 300 })).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_TIMEOUT',
      details: expect.arrayContaining(['stdout: started']),
    })
    expect((await exec(connection, `pgrep -f '[s]leep 1000.125'`)).stdout).toBe('')
  })
})
