import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { exec as execOn } from './exec.js'
import type { SshTarget } from './handshake.js'
import { type LocalServer, startDropbear, startSshd } from './testing/local-sshd.js'
import { running, uniqueSleep } from './testing/processes.js'
import { keepWaitingShell, openRelayed } from './testing/relayed-connection.js'
import { nastyWords, randomWord } from './testing/words.js'
import { WaitingShell } from './waiting-shell.js'

const openDirect = (target: SshTarget) => SshConnection.open(target)
const startWaitingShell = async (connection: SshConnection) => connection.keep(await WaitingShell.start(connection))
const isRoot = userInfo().uid === 0

describe.each([
  ['OpenSSH', startSshd, openDirect, undefined],
  ['OpenSSH, in a shell that waits', startSshd, openDirect, startWaitingShell],
  ['dropbear', startDropbear, openDirect, undefined],
  ['OpenSSH, through another process', startSshd, openRelayed, undefined],
  ['OpenSSH, in a shell that waits in another process', startSshd, openRelayed, keepWaitingShell],
  ['dropbear, through another process', startDropbear, openRelayed, undefined],
] as const)('exec over %s', (_name, startServer, open, wait) => {
  let server: LocalServer
  let connection: SshConnection
  const exec = (async (...[on, command, options]: Parameters<typeof execOn>) => {
    if (on.connected) await wait?.(on)
    return await execOn(on, command, options)
  }) as typeof execOn
  /** A command waits for what earlier ones have left to be killed. */
  const stillRuns = async (pattern: string) => {
    await execOn(connection, 'true')
    return running(pattern)
  }
  beforeAll(async () => {
    server = await startServer()
    connection = await open(server.target)
  })
  afterAll(async () => {
    await connection.close()
    await server[Symbol.asyncDispose]()
  })

  test('gives output and status', async () => {
    const result = await exec(connection, 'echo out; echo err >&2; exit 7')
    expect(result).toMatchObject({ stdout: 'out\n', stderr: 'err\n', exitCode: 7, signal: null })
    expect(result.durationMs).toBeGreaterThan(0)
  })

  test('reports the signal that ended the command', async () => {
    expect(await exec(connection, 'kill -KILL $$')).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
  })

  test('reports the signal that ended a program', async () => {
    const pids = exec(connection, 'sleep 1000.5')
    await execOn(connection, 'until pkill -TERM -f "^sleep 1000.5"; do :; done')
    expect(await pids).toMatchObject({ exitCode: null, signal: 'SIGTERM', stderr: '' })
  })

  test('what the shell does itself, what it does not know, and what has more lines than one', async () => {
    expect(await exec(connection, 'exit 3')).toMatchObject({ exitCode: 3 })
    expect(await exec(connection, 'cd /usr')).toMatchObject({ exitCode: 0 })
    expect((await exec(connection, 'there-is-no-such-program')).exitCode).toBe(127)
    expect((await exec(connection, 'A=1 printenv A')).stdout).toBe('1\n')
    expect(
      (await exec(connection, 'cat <<E\n  $((1 + 1)) \\\\ \nE\necho "$mayfly$mayfly_line" # a comment')).stdout,
    ).toBe('  2 \\ \n\n')
    expect((await exec(connection, 'if true')).exitCode).not.toBe(0)
  })

  test('ends a command that reads its input', async () => {
    expect((await exec(connection, 'cat')).stdout).toBe('')
    expect((await exec(connection, 'cat', { stdin: 'héllo' })).stdout).toBe('héllo')
    expect((await exec(connection, 'cat', { stdin: Readable.from(['a', 'b']) })).stdout).toBe('ab')
    expect((await exec(connection, 'true', { stdin: randomBytes(5_000_000) })).exitCode).toBe(0)
  })

  test('is binary-safe in both directions', async () => {
    const bytes = randomBytes(3_000_000)
    const result = await exec(connection, 'tee /dev/stderr', { stdin: bytes, encoding: 'buffer' })
    expect(result.stdout.equals(bytes)).toBe(true)
    expect(result.stderr.equals(bytes)).toBe(true)
  })

  test('keeps characters whole that come in two chunks', async () => {
    const result = await exec(connection, `printf '\\303'; sleep 0.05; printf '\\251'`)
    expect(result.stdout).toBe('é')
  })

  test('sets directory and environment', async () => {
    const options = { cwd: '/usr', env: { A: "it's", B: '$A\nb', C: undefined } }
    expect((await exec(connection, 'pwd; printf "%s|%s" "$A" "$B"', options)).stdout).toBe("/usr\nit's|$A\nb")
    const missing = await exec(connection, 'echo no', { cwd: '/missing' })
    expect(missing.exitCode).not.toBe(0)
    expect(missing.stdout).toBe('')
    expect(missing.stderr).toContain('/missing')
  })

  test('ends with the shell that it started, with all that this has written', async () => {
    const name = uniqueSleep().replace('1000', '60')
    const started = performance.now()
    const plain = await exec(connection, `${name} & echo started; echo err >&2; exit 3`)
    expect(plain).toMatchObject({ stdout: 'started\n', stderr: 'err\n', exitCode: 3 })
    // Neither dropbear nor another process's connection tells.
    if (_name.startsWith('OpenSSH') && !_name.includes('process')) expect(plain.background).toBe(true)
    expect(await exec(connection, 'true')).not.toHaveProperty('background')
    const chatty = await exec(connection, `(while :; do echo later; sleep 0.05; done) & echo started`)
    expect(chatty.stdout).toMatch(/^(later\n)?started\n(later\n)*$/)
    // More than a pipe, a window, and what is read at once.
    for (let round = 0; round < 3; round++) {
      const much = await exec(connection, `${name} & head -c 3000000 /dev/zero; printf end`)
      expect([much.stdout.length, much.stdout.slice(-3)]).toEqual([3_000_003, 'end'])
    }
    let read = 0
    const slow = await exec(connection, `${name} & head -c 5000000 /dev/zero; printf end`, {
      onStdout: async (chunk) => {
        read += chunk.length
        await new Promise((resolve) => setTimeout(resolve, 1))
      },
    })
    expect([read, slow.stdout.slice(-3)]).toEqual([5_000_003, 'end'])
    expect(performance.now() - started).toBeLessThan(30_000)
    execFileSync('pkill', ['-f', name])
  })

  test('argument vectors arrive as they are', async () => {
    const words = [...nastyWords(), ...Array.from({ length: 60 }, (_, seed) => randomWord(seed))]
    const result = await exec(connection, ['printf', '%s\\0', ...words])
    expect(result.stdout.split('\0').slice(0, -1)).toEqual(words)
    await expect(exec(connection, ['echo', 'a\0b'])).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  })

  test.runIf(isRoot)('runs as another user, with input, directory and environment', async () => {
    const options = { user: 'nobody', cwd: '/usr', env: { A: "it's" }, stdin: 'in' }
    const result = await exec(connection, 'id -un; pwd; echo "$A"; cat', options)
    expect(result).toMatchObject({ stdout: "nobody\n/usr\nit's\nin", exitCode: 0 })
    expect((await exec(connection, ['id', '-un'], { user: 'root' })).stdout).toBe('root\n')
    expect((await exec(connection, 'echo "sudo: of its own" >&2; exit 1', { user: 'nobody' })).exitCode).toBe(1)
    await expect(exec(connection, 'true', { user: 'no-such-user' })).rejects.toThrow(
      /cannot run commands as user 'no-such-user'/,
    )
  })

  test('streams with back-pressure, in order, keeping the tail', async () => {
    let busy = 0
    let seen = 0
    const result = await exec(connection, 'seq 1 400000', {
      onStdout: async (chunk) => {
        expect(++busy).toBe(1)
        await new Promise((resolve) => setImmediate(resolve))
        seen += chunk.length
        busy--
      },
    })
    expect(seen).toBe(2_688_895)
    expect(result.stdout.length).toBe(65_536)
    expect(result.stdout.endsWith('\n399999\n400000\n')).toBe(true)
  })

  test('stops reading while the listener is busy', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let first = true
    // The writer reports on stderr when it is through; with 64 MiB it cannot be while nobody reads.
    let through = false
    const running = exec(connection, 'head -c 67108864 /dev/zero; echo done >&2', {
      onStdout: () => {
        if (!first) return
        first = false
        return held
      },
      onStderr: () => {
        through = true
      },
    })
    const other = await exec(connection, 'sleep 0.3; echo other')
    expect(other.stdout).toBe('other\n')
    expect(through).toBe(false)
    release()
    expect((await running).exitCode).toBe(0)
    expect(through).toBe(true)
  })

  test('streams 200 MB in constant memory', async () => {
    let seen = 0
    let highest = 0
    const before = process.memoryUsage().rss
    await exec(connection, 'head -c 200000000 /dev/zero', {
      onStdout: async (chunk) => {
        seen += chunk.length
        highest = Math.max(highest, process.memoryUsage.rss())
      },
    })
    expect(seen).toBe(200_000_000)
    expect(highest - before).toBeLessThan(100_000_000)
  })

  test('a listener that throws fails the command', async () => {
    const failing = exec(connection, 'yes', {
      onStdout: async () => {
        throw new Error('mine')
      },
    })
    await expect(failing).rejects.toThrow('mine')
  })

  test('too much output is an error', async () => {
    await expect(exec(connection, 'yes', { maxBuffer: 100_000 })).rejects.toMatchObject({
      code: 'MAYFLY_OUTPUT_TOO_LARGE',
      hint: expect.stringContaining('onStdout'),
    })
  })

  test('a timeout kills the command and tells its last output', async () => {
    const name = uniqueSleep()
    const started = performance.now()
    await expect(exec(connection, `echo started; ${name}`, { timeout: '250ms' })).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_TIMEOUT',
      details: expect.arrayContaining(['stdout: started', `command: echo started; ${name}`]),
    })
    expect(performance.now() - started).toBeLessThan(3000)
    expect(await stillRuns(name)).toBe(false)
  })

  test.each([
    ['a busy shell without children', () => `x=${uniqueSleep()}; while :; do :; done`],
    ['background jobs and other process groups', () => '(NAME & setsid NAME & setsid sh -c "NAME; true" & NAME)'],
    ['a child whose environment was cleared', () => 'env -i NAME; true'],
    ['sudo, which clears it', () => 'sudo -n NAME & sudo -n -u nobody sh -c "NAME; true"'],
    ['commands that ignore signals', () => `trap '' HUP TERM INT; NAME`],
  ])('a timeout kills %s', async (_what, template) => {
    const name = uniqueSleep()
    const command = template().replaceAll('NAME', name)
    const pattern = command.includes(name) ? name : command
    await expect(exec(connection, command, { timeout: 400 })).rejects.toMatchObject({ code: 'MAYFLY_COMMAND_TIMEOUT' })
    expect(await stillRuns(pattern)).toBe(false)
  })

  test.runIf(isRoot)('a timeout kills a command of another user', async () => {
    const name = uniqueSleep()
    await expect(exec(connection, `${name} & ${name}`, { timeout: 400, user: 'nobody' })).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_TIMEOUT',
    })
    expect(await stillRuns(name)).toBe(false)
  })

  test('aborting kills, also at once, and a finished command leaves no listener', async () => {
    const name = uniqueSleep()
    const controller = new AbortController()
    const aborted = exec(connection, name, { signal: controller.signal, onStdout: () => {} })
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toMatchObject({ code: 'MAYFLY_ABORTED', cause: new Error('enough') })
    expect(await stillRuns(name)).toBe(false)
    await expect(exec(connection, 'true', { signal: controller.signal })).rejects.toMatchObject({
      code: 'MAYFLY_ABORTED',
    })
  })

  test('a timeout kills also when every session of the server is taken', async () => {
    const name = uniqueSleep()
    const all = Array.from({ length: 12 }, () => exec(connection, `${name}; true`, { timeout: 500 }))
    const results = await Promise.allSettled(all)
    expect(results.map((result) => result.status === 'rejected' && result.reason.code)).toEqual(
      Array(12).fill('MAYFLY_COMMAND_TIMEOUT'),
    )
    expect(await stillRuns(name)).toBe(false)
  })

  test('a long command line arrives', async () => {
    const word = 'x'.repeat(100_000)
    expect((await exec(connection, ['printf', '%s', word])).stdout).toBe(word)
    const fed = await exec(connection, `: ${word}; cat`, { stdin: 'the input stays', timeout: '10s' })
    expect(fed.stdout).toBe('the input stays')
  })

  test('more commands at once than the server has sessions', async () => {
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) => exec(connection, `sleep 0.05; echo ${index}`)),
    )
    expect(results.map((result) => result.stdout)).toEqual(Array.from({ length: 40 }, (_, index) => `${index}\n`))
  })

  test('a dropped connection says what was in flight', async () => {
    const second = await open(server.target)
    const reason = new Promise((resolve) => second.onClose(resolve))
    // The command kills the server process that serves it.
    await expect(exec(second, 'kill -KILL $PPID; sleep 5')).rejects.toMatchObject({
      code: 'MAYFLY_SSH_FAILED',
      details: ['in flight: kill -KILL $PPID; sleep 5'],
    })
    expect(await reason).toMatchObject({ code: 'MAYFLY_SSH_FAILED' })
    expect(second.connected).toBe(false)
    await expect(exec(second, 'true')).rejects.toMatchObject({ code: 'MAYFLY_SSH_FAILED' })
  })
})
