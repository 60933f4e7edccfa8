import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { probe } from './probe.js'
import { quote } from './quote.js'
import { type LocalServer, startDropbear, startSshd } from './testing/local-sshd.js'
import { nastyWords, randomWord } from './testing/words.js'
import { WaitingShell } from './waiting-shell.js'

describe.each([
  ['OpenSSH', startSshd],
  ['dropbear', startDropbear],
] as const)('probe over %s', (_name, startServer) => {
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

  test('stdout, stderr and status, each apart, again and again', async () => {
    for (let status = 0; status < 5; status++) {
      expect(await probe(connection, `echo out ${status}; echo err ${status} >&2; exit ${status}`)).toMatchObject({
        stdout: `out ${status}\n`,
        stderr: `err ${status}\n`,
        exitCode: status,
        signal: null,
      })
    }
    expect(await probe(connection, 'printf "no newline"; false')).toMatchObject({ stdout: 'no newline', exitCode: 1 })
    expect(await probe(connection, ':')).toMatchObject({ stdout: '', stderr: '', exitCode: 0 })
  })

  test('one script leaves nothing to the next', async () => {
    const home = (await probe(connection, 'pwd')).stdout
    await probe(connection, 'cd /usr; LEFT=1; set -e; trap "echo trapped" EXIT; exec >/dev/null')
    expect((await probe(connection, 'echo "[$LEFT]"; pwd; false; echo on')).stdout).toBe(`[]\n${home}on\n`)
  })

  test('what is no shell program is told, and harms no other', async () => {
    expect((await probe(connection, 'if true; then (')).exitCode).not.toBe(0)
    expect((await probe(connection, '. /does/not/exist')).exitCode).not.toBe(0)
    expect((await probe(connection, "echo 'open quote")).exitCode).not.toBe(0)
    expect((await probe(connection, 'echo # comment')).stdout).toBe('\n')
    expect((await probe(connection, 'echo still here')).stdout).toBe('still here\n')
  })

  test('its input is empty', async () => {
    expect((await probe(connection, 'cat; read line; echo "$?"')).stdout).toBe('1\n')
  })

  test('text arrives as it is', async () => {
    const words = [...nastyWords(), ...Array.from({ length: 60 }, (_, seed) => randomWord(seed))]
    const { stdout } = await probe(connection, `printf '%s\\n--end--' ${words.map(quote).join(' ')}`)
    expect(stdout.split('\n--end--').slice(0, -1)).toEqual(words)
  })

  test('much output, in order', async () => {
    const { stdout, stderr } = await probe(connection, 'seq 1 200000; seq 1 100000 >&2')
    expect([stdout.length, stderr.length]).toEqual([1_288_895, 588_895])
  })

  test('a script that is longer than a pipe', async () => {
    const word = randomBytes(60_000).toString('hex')
    expect((await probe(connection, `echo ${word} | wc -c`)).stdout.trim()).toBe('120001')
  })

  test('many at once do not mix, and a long one does not hold up the others', async () => {
    const long = probe(connection, 'sleep 2; echo late')
    const started = performance.now()
    const results = await Promise.all(Array.from({ length: 40 }, (_, i) => probe(connection, `seq ${i} 1000`)))
    expect(performance.now() - started).toBeLessThan(1900)
    results.forEach(({ stdout }, i) => {
      expect(stdout.split('\n')).toHaveLength(1002 - i)
    })
    expect((await long).stdout).toBe('late\n')
  })

  test('a timeout kills the script and what it started, and says what it had written', async () => {
    const script = 'echo before; setsid sleep 1003 & sleep 1004; echo never'
    await expect(probe(connection, script, { timeout: 200 })).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_TIMEOUT',
      details: expect.arrayContaining(['stdout: before']),
    })
    expect((await exec(connection, 'pgrep -f "^sleep 100[34]"')).stdout).toBe('')
    expect((await probe(connection, 'echo after')).stdout).toBe('after\n')
  })

  test('aborting kills it too', async () => {
    const controller = new AbortController()
    const running = probe(connection, 'sleep 1005', { signal: controller.signal })
    await exec(connection, 'until pgrep -f "^sleep 1005"; do :; done')
    controller.abort(new Error('no more'))
    await expect(running).rejects.toMatchObject({ code: 'MAYFLY_ABORTED', cause: new Error('no more') })
    expect((await exec(connection, 'pgrep -f "^sleep 1005"')).stdout).toBe('')
    await expect(probe(connection, 'true', { signal: controller.signal })).rejects.toMatchObject({
      code: 'MAYFLY_ABORTED',
    })
  })

  test('when the connection ends, what is in flight is rejected', async () => {
    const other = await SshConnection.open(server.target)
    const running = probe(other, 'sleep 1006')
    const rejected = expect(running).rejects.toMatchObject({ code: 'MAYFLY_SSH_FAILED' })
    await exec(connection, 'until pgrep -f "^sleep 1006"; do :; done')
    await other.close()
    await rejected
    await expect(probe(other, 'true')).rejects.toMatchObject({ code: 'MAYFLY_SSH_FAILED' })
    await exec(connection, 'pkill -f "^sleep 1006"')
  })
})

describe('the helper shell', () => {
  let server: LocalServer
  let directory: string
  beforeAll(async () => {
    server = await startSshd()
    directory = await mkdtemp('/tmp/mayfly-helper-')
  })
  afterAll(async () => {
    await server[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const shells = async (connection: SshConnection) =>
    (await exec(connection, 'pgrep -f "^/bin/sh -s MAYFLY_HELPER" || true')).stdout.split('\n').filter(Boolean)

  test('is one for all scripts of a connection, and ends with it', async () => {
    await using observer = await SshConnection.open(server.target)
    const connection = await SshConnection.open(server.target)
    const first = (await probe(connection, 'echo $PPID')).stdout
    for (let i = 0; i < 10; i++) expect((await probe(connection, 'echo $PPID')).stdout).toBe(first)
    expect(await shells(observer)).toHaveLength(1)
    await connection.close()
    await expect.poll(() => shells(observer)).toEqual([])
  })

  test('that was killed is made again, and the script with it', async () => {
    await using connection = await SshConnection.open(server.target)
    const mark = join(directory, 'mark')
    const { stdout } = await probe(connection, `[ -e ${mark} ] || { : >${mark}; kill -KILL $$; }; echo survived`)
    expect(stdout).toBe('survived\n')
  })

  test('starts in the shell that waits, if there is one', async () => {
    await using connection = await SshConnection.open(server.target)
    const waiting = await WaitingShell.start(connection)
    connection.keep(waiting)
    expect((await probe(connection, 'echo from it')).stdout).toBe('from it\n')
    expect(connection.takeWaitingShell()).toBeUndefined()
    expect(connection.lanes.running).toBe(1)
  })

  test('does not care what the start-up files print', async () => {
    await writeFile(join(server.directory, '.bashrc'), 'echo noise; echo noise >&2\n')
    await using connection = await SshConnection.open(server.target)
    expect(await probe(connection, 'echo clean')).toMatchObject({ stdout: 'clean\n', stderr: '' })
    await rm(join(server.directory, '.bashrc'))
  })

  test('keeps no directory busy', async () => {
    await using connection = await SshConnection.open(server.target)
    const marker = await probe(connection, 'readlink /proc/$PPID/cwd; readlink /proc/$$/cwd')
    expect(marker.stdout.split('\n')[1]).toBe('/')
  })
})
