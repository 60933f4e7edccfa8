import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { probe } from './probe.js'
import { runScript } from './script.js'
import { type Account, type LocalServer, startSshd } from './testing/local-sshd.js'
import { nastyWords, randomWord } from './testing/words.js'
import { WaitingShell } from './waiting-shell.js'

const CHATTY = 'echo Welcome; echo to the box >&2\n'
/** Prints what a script might, and defines a function in place of a program. */
const HOSTILE = `${CHATTY}printf 'D\\nF 644\\n'; cat() { echo wrong; }; set -u\n`

const ACCOUNTS: Record<string, Account> = {
  bash: { shell: '/bin/bash', files: { '.bashrc': CHATTY } },
  'bash with a bad start-up file': { shell: '/bin/bash', files: { '.bashrc': HOSTILE } },
  dash: { shell: '/bin/dash' },
  zsh: { shell: '/usr/bin/zsh', files: { '.zshenv': CHATTY } },
  fish: { shell: '/usr/bin/fish', files: { '.config/fish/config.fish': CHATTY } },
  tcsh: { shell: '/usr/bin/tcsh', files: { '.tcshrc': 'echo Welcome\n' } },
}

// Another login shell needs an /etc/passwd of its own.
const accounts = Object.entries(ACCOUNTS).filter(([, { shell }]) => userInfo().uid === 0 && existsSync(shell))

describe.each(accounts)('a login shell that is %s', (kind, account) => {
  const isCsh = kind.endsWith('csh')
  let server: LocalServer
  let connection: SshConnection
  beforeAll(async () => {
    server = await startSshd([], undefined, account)
    connection = await SshConnection.open(server.target)
  })
  afterAll(async () => {
    await connection.close()
    await server[Symbol.asyncDispose]()
  })
  const wait = async () => {
    const shell = await WaitingShell.start(connection).catch(() => undefined)
    if (shell) connection.keep(shell)
  }

  test.each([
    ['started for it', async () => {}],
    ['that waits', wait],
  ])('runs a script of its own bytes in a shell %s', async (_name, before) => {
    await before()
    const script = `printf '%s|' "it's" 'a!b' '\\'\ncat <<'E'\n!! $x \`id\` \\\\\nE\ncat; echo "$0 $#" >&2\nexit 3`
    const result = await runScript(connection, script, { name: 'test', stdin: 'the\0input', timeout: '20s' })
    expect(result).toMatchObject({
      stdout: "it's|a!b|\\|!! $x `id` \\\\\nthe\0input",
      stderr: expect.stringMatching(/^MAYFLY_EXEC_\w+ 0\n$/),
      exitCode: 3,
    })
  })

  test('runs a long script, with input, as itself and as another user', async () => {
    const script = `: ${'x'.repeat(200_000)}; cat; id -un`
    expect((await runScript(connection, script, { name: 'test', stdin: 'in ' })).stdout).toBe('in root\n')
    const other = await runScript(connection, script, { name: 'test', stdin: 'in ', user: 'nobody' })
    expect(other.stdout).toBe('in nobody\n')
  })

  test('runs commands with directory, environment, time and user', async () => {
    const env = { A: "it's", B: isCsh ? '!$x\\' : '!$x\\\n\\', C: undefined }
    const read = (text: string) => text.split('Welcome\n').pop()
    const plain = await exec(connection, 'echo plain', { timeout: '20s' })
    expect(plain).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('export') })
    expect(read(plain.stdout)).toMatch(/plain\n$/)
    const set = await exec(connection, ['sh', '-c', 'pwd; printf "%s|%s" "$A" "$B"'], {
      cwd: '/usr',
      env,
      timeout: '20s',
    })
    expect(set.stdout).toContain(`/usr\nit's|${env.B}`)
    const text = await exec(connection, 'printenv A; sh -c "exit 5"', { cwd: '/usr', env })
    expect(text).toMatchObject({ stdout: expect.stringMatching(/it's\n$/), exitCode: 5 })
    const other = await exec(connection, 'id -un; pwd; printf "%s" "$B"', { user: 'nobody', cwd: '/usr', env })
    expect(other.stdout).toMatch(/nobody\n\/usr\n/)
    expect(other.stdout.endsWith(env.B)).toBe(true)
    await expect(exec(connection, 'true', { user: 'no-such-user' })).rejects.toThrow(/cannot run commands as user/)
  })

  test('argument vectors arrive as they are', async () => {
    const words = [...nastyWords(), ...Array.from({ length: 40 }, (_, seed) => randomWord(seed))]
    const { stdout } = await exec(connection, ['printf', '%s\\0', 'begin', ...words])
    expect(
      stdout
        .slice(stdout.indexOf('begin') + 6)
        .split('\0')
        .slice(0, -1),
    ).toEqual(words)
  })

  test('long commands are read by it, as another user by /bin/sh', async () => {
    const text = `echo ${'x'.repeat(20_000)}; sh -c 'exit 4'`
    const result = await exec(connection, text, { timeout: '20s', env: { A: 'a' } })
    expect(result).toMatchObject({ exitCode: 4 })
    expect(result.stdout.endsWith(`${'x'.repeat(20_000)}\n`)).toBe(true)
    const word = 'y'.repeat(isCsh ? 60_000 : 160_000)
    const other = await exec(connection, `x=${word}; echo \${#x}; cat`, { user: 'nobody', stdin: 'rest' })
    expect(other.stdout.endsWith(`${word.length}\nrest`)).toBe(true)
    expect(
      (await exec(connection, ['printf', '%s', word.slice(0, 60_000)])).stdout.endsWith(word.slice(0, 60_000)),
    ).toBe(true)
  })

  test('a timeout kills the command', async () => {
    const name = `sleep 1000.${randomBytes(4).readUInt32BE()}`
    await expect(exec(connection, `${name} & ${name}`, { timeout: 400 })).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_TIMEOUT',
    })
    await exec(connection, 'true')
    expect(execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' })).not.toContain(name)
  })

  test('looks at the guest see nothing of its start-up files', async () => {
    expect(await probe(connection, 'echo one; echo two >&2')).toMatchObject({ stdout: 'one\n', stderr: 'two\n' })
  })
})

test.runIf(userInfo().uid === 0)('a login shell that runs nothing fails scripts in its own words', async () => {
  await using server = await startSshd([], undefined, { shell: '/usr/sbin/nologin' })
  await using connection = await SshConnection.open(server.target)
  const refused = {
    code: 'MAYFLY_SSH_FAILED',
    message: expect.stringMatching(/did not run \/bin\/sh[\s\S]*not available/),
  }
  await expect(runScript(connection, 'true', { name: 'test' })).rejects.toMatchObject(refused)
  await expect(probe(connection, 'true', { timeout: '5s' })).rejects.toMatchObject({ code: 'MAYFLY_SSH_FAILED' })
})

test.runIf(userInfo().uid === 0)('a start-up file that prints without end is not read without end', async () => {
  await using server = await startSshd([], undefined, { shell: '/bin/bash', files: { '.bashrc': 'yes' } })
  await using connection = await SshConnection.open(server.target)
  await expect(runScript(connection, 'true', { name: 'test' })).rejects.toMatchObject({ code: 'MAYFLY_SSH_FAILED' })
})
