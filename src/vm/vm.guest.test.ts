import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-vm-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

const micro = guestTest('micro', { scope: 'file' })
const debian = guestTest('debian', { scope: 'file' })

describe.each([
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
])('on $image', ({ test }) => {
  test('exec gives stdout, stderr, the exit code and the time, and does not throw', async ({ vm }) => {
    const result = await vm.exec('echo out; echo err >&2; exit 7')
    expect(result).toMatchObject({ stdout: 'out\n', stderr: 'err\n', exitCode: 7, signal: null })
    expect(result.durationMs).toBeGreaterThan(0)
  })

  test('a command killed by a signal says which', async ({ vm }) => {
    expect(await vm.exec('kill -TERM $$')).toMatchObject({ exitCode: null, signal: 'SIGTERM' })
  })

  test('an argument vector arrives as it is', async ({ vm }) => {
    const words = ['a b', "it's", '"', '$HOME', '*', '', '\\n', 'ünï €', '-e']
    expect((await vm.exec(['printf', '%s|', ...words])).stdout).toBe(`${words.join('|')}|`)
  })

  test('cwd, env and stdin', async ({ vm }) => {
    const { stdout } = await vm.exec('pwd; echo "$GREETING"; cat', {
      cwd: '/usr',
      env: { GREETING: "it's 5 €" },
      stdin: 'from the host',
    })
    expect(stdout).toBe("/usr\nit's 5 €\nfrom the host")
  })

  test('another user runs a command as themselves', async ({ vm }) => {
    await vm.succeed(
      'id -u tester >/dev/null 2>&1 || adduser --disabled-password --gecos "" tester 2>/dev/null || adduser -D tester',
    )
    expect(
      (await vm.succeed('id -un; pwd; echo "$HOME"', { user: 'tester', cwd: '/tmp' })).split('\n').slice(0, 3),
    ).toEqual(['tester', '/tmp', '/home/tester'])
  })

  test('bytes survive both ways', async ({ vm }) => {
    const bytes = randomBytes(1_000_003)
    const { stdout } = await vm.exec('cat', { stdin: bytes, encoding: 'buffer' })
    expect(stdout.equals(bytes)).toBe(true)
  })

  test('100 MB of output are streamed in constant memory', async ({ vm }) => {
    const hash = createHash('sha256')
    let received = 0
    let peak = 0
    const before = process.memoryUsage().rss
    await vm.exec('head -c 100000000 /dev/zero', {
      onStdout: (chunk) => {
        received += chunk.length
        hash.update(chunk)
        peak = Math.max(peak, process.memoryUsage().rss - before)
      },
    })
    expect(received).toBe(100_000_000)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(100_000_000)).digest('hex'))
    expect(peak).toBeLessThan(80 * 1024 ** 2)
  })

  test('a timeout kills the command and what it started', async ({ vm }) => {
    const command = 'setsid sleep 1001 & sleep 1002; echo never'
    await expect(vm.exec(command, { timeout: '500ms' })).rejects.toMatchObject({ code: 'MAYFLY_COMMAND_TIMEOUT' })
    expect((await vm.exec('ps -ef 2>/dev/null || ps')).stdout).not.toMatch(/sleep 100[12]/)
  })

  test('succeed and fail throw with the evidence', async ({ vm }) => {
    await expect(vm.succeed('echo why >&2; exit 3')).rejects.toMatchObject({
      name: 'GuestAssertionError',
      code: 'MAYFLY_COMMAND_FAILED',
      message: expect.stringContaining('stderr: why'),
    })
    await expect(vm.fail('true')).rejects.toMatchObject({ name: 'GuestAssertionError' })
  })

  test('a directory goes there and back: modes, links, names', async ({ vm }) => {
    const directory = await scratch()
    const source = join(directory, 'source')
    await mkdir(join(source, 'a b', 'empty'), { recursive: true })
    await writeFile(join(source, 'a b', 'naïve €.txt'), 'contents', { mode: 0o640 })
    await writeFile(join(source, 'run.sh'), '#!/bin/sh\necho ran\n', { mode: 0o755 })
    await symlink('run.sh', join(source, 'link'))
    await vm.upload(source, '/tmp/tree one')
    expect(await vm.succeed(['/tmp/tree one/link'])).toBe('ran\n')
    expect(await vm.succeed(['stat', '-c', '%a', '/tmp/tree one/a b/naïve €.txt'])).toBe('640\n')
    await vm.download('/tmp/tree one', join(directory, 'back'))
    expect(await readFile(join(directory, 'back', 'a b', 'naïve €.txt'), 'utf8')).toBe('contents')
    expect((await stat(join(directory, 'back', 'run.sh'))).mode & 0o777).toBe(0o755)
    expect(await readlink(join(directory, 'back', 'link'))).toBe('run.sh')
    expect((await stat(join(directory, 'back', 'a b', 'empty'))).isDirectory()).toBe(true)
  })

  test('upload sets mode and owner; a failed one says both paths and why', async ({ vm }) => {
    const directory = await scratch()
    await writeFile(join(directory, 'secret'), 'x')
    await vm.upload(join(directory, 'secret'), '/tmp/secret', { mode: 0o600, owner: 'nobody' })
    expect(await vm.succeed('stat -c "%a %U" /tmp/secret')).toBe('600 nobody\n')
    await expect(vm.upload(join(directory, 'missing'), '/tmp/x')).rejects.toMatchObject({
      code: 'MAYFLY_FILE_TRANSFER_FAILED',
      message: expect.stringContaining('ENOENT'),
    })
  })

  test('writeFile and readFile', async ({ vm }) => {
    await vm.writeFile('/tmp/deep/er/file', 'text €')
    expect(await vm.readFile('/tmp/deep/er/file')).toBe('text €')
    expect(await vm.readFile('/tmp/deep/er/file', { encoding: 'buffer' })).toEqual(Buffer.from('text €'))
  })

  test('commands run side by side on one connection', async ({ vm }) => {
    const outputs = await Promise.all(Array.from({ length: 20 }, (_, index) => vm.succeed(`echo ${index}`)))
    expect(outputs).toEqual(Array.from({ length: 20 }, (_, index) => `${index}\n`))
  })

  test('an interactive shell has a terminal', async ({ vm }) => {
    const shell = await vm.shell({ cols: 90, rows: 30 })
    shell.stream.end('stty size; exit 5\n')
    let output = ''
    for await (const chunk of shell.stream) output += chunk
    expect(output).toContain('30 90')
    expect(await shell.exited).toMatchObject({ exitCode: 5 })
  })
})
