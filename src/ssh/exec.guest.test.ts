import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch } from '../vm/launch.js'
import type { Vm } from '../vm/vm.js'
import { SshConnection } from './connection.js'
import { exec } from './exec.js'
import { download, readFile, upload, writeFile } from './transfer.js'

describe('busybox and dropbear', () => {
  let vm: Vm
  let connection: SshConnection
  let here: string
  const open = async () => {
    const { host, port, user: username, privateKeyPath, hostKey } = vm.ssh
    const privateKey = await fs.readFile(privateKeyPath, 'utf8')
    return SshConnection.open({ host, port, username, privateKey, hostKey })
  }
  beforeAll(async () => {
    here = await fs.mkdtemp(join(tmpdir(), 'mayfly-busybox-'))
    vm = await launch('micro')
    connection = await open()
  })
  afterAll(async () => {
    await connection?.close()
    await vm?.destroy()
    await fs.rm(here, { recursive: true, force: true })
  })
  const succeed = async (command: string) => {
    const { exitCode, stdout, stderr } = await exec(connection, command)
    expect([exitCode, stderr]).toEqual([0, ''])
    return stdout
  }

  test('runs as another user through su', async () => {
    const account = 'grep -q "^tester:" /etc/passwd || echo "tester:x:1234:1234::/tmp:/bin/false" >> /etc/passwd'
    await succeed(`${account}; ! command -v sudo`)
    const options = { user: 'tester', cwd: '/etc', env: { A: `it's $A` }, stdin: 'in' }
    const result = await exec(connection, 'id -u; pwd; echo "$A"; cat', options)
    expect(result).toMatchObject({ stdout: "1234\n/etc\nit's $A\nin", stderr: '', exitCode: 0 })
    await expect(exec(connection, 'true', { user: 'nobody-here' })).rejects.toMatchObject({
      code: 'MAYFLY_COMMAND_FAILED',
    })
  })

  test('a timeout kills a tree of processes, also those of another session and another user', async () => {
    await succeed('grep -q "^tester:" /etc/passwd || echo "tester:x:1234:1234::/tmp:/bin/false" >> /etc/passwd')
    const tree = 'sleep 4321 & setsid sleep 4321 & setsid sh -c "sleep 4321; true" & sleep 4321'
    for (const user of [undefined, 'tester']) {
      const running = exec(connection, `echo up; ${tree}`, { timeout: '1s', user })
      await expect(running).rejects.toMatchObject({
        code: 'MAYFLY_COMMAND_TIMEOUT',
        details: expect.arrayContaining(['stdout: up']),
      })
      expect(await succeed('grep -ls "[s]leep.4321" /proc/[0-9]*/cmdline | cat')).toBe('')
    }
  })

  test('hundreds of commands at once, some with much output, again and again', async () => {
    for (let round = 0; round < 4; round++) {
      const large = Array.from({ length: 2 }, () =>
        exec(connection, 'head -c 1000000 /dev/zero', { encoding: 'buffer' }),
      )
      const small = Array.from({ length: 20 }, (_, index) => exec(connection, `echo ${round} ${index}`))
      expect((await Promise.all(small)).map(({ stdout }) => stdout)).toEqual(
        Array.from({ length: 20 }, (_, index) => `${round} ${index}\n`),
      )
      for (const { stdout } of await Promise.all(large)) expect(stdout.length).toBe(1_000_000)
    }
    expect(connection.connected).toBe(true)
  })

  test('a command longer than dropbear takes arrives through dd', async () => {
    const long = 'x'.repeat(20_000)
    const result = await exec(connection, `: ${long}; wc -c`, { stdin: 'the input stays' })
    expect(result.stdout.trim()).toBe('15')
  })

  test('a tree with nasty names goes there and back through busybox tar', async () => {
    const tree = join(here, 'tree')
    await fs.mkdir(join(tree, 'empty dir'), { recursive: true })
    await fs.writeFile(join(tree, 'with\nnewline, ünï, \'quote" $x \\ *'), 'x', { mode: 0o640 })
    await fs.writeFile(join(tree, '-rf'), 'dash')
    await fs.writeFile(Buffer.concat([Buffer.from(`${tree}/latin1 `), Buffer.from([0xe9])]), 'not UTF-8')
    await fs.writeFile(join(tree, 'run'), '#!/bin/sh\n', { mode: 0o755 })
    await fs.symlink('run', join(tree, 'link'))
    await fs.symlink('/nowhere', join(tree, 'dangling'))
    const long = join(tree, 'd'.repeat(120), 'e'.repeat(130))
    await fs.mkdir(long, { recursive: true })
    await fs.writeFile(join(long, 'f'.repeat(200)), 'long')
    await upload(connection, tree, "/tmp/there/it's a tree")
    await download(connection, "/tmp/there/it's a tree", join(here, 'back'))
    expect(await listing(join(here, 'back'))).toEqual(await listing(tree))
    expect(await succeed('ls /tmp/there')).toBe("it's a tree\n")
    await expect(download(connection, '/tmp/nothing', join(here, 'no'))).rejects.toThrow(/: ENOENT/)
  })

  test('files keep mode and owner, and failures say why', async () => {
    await fs.writeFile(join(here, 'f'), 'contents')
    await upload(connection, join(here, 'f'), '/tmp/a/b/f', { mode: 0o4750, owner: '12:34' })
    expect(await succeed('stat -c "%a %u:%g" /tmp/a/b/f')).toBe('4750 12:34\n')
    await writeFile(connection, '/tmp/a/b/f', 'new')
    expect(await readFile(connection, '/tmp/a/b/f')).toBe('new')
    expect(await succeed('stat -c "%a %u:%g" /tmp/a/b/f')).toBe('4750 12:34\n')
    await expect(upload(connection, join(here, 'f'), '/tmp/a')).rejects.toThrow(/: EISDIR/)
    await expect(upload(connection, join(here, 'f'), '/tmp/a/b/f/g')).rejects.toThrow(/: ENOTDIR/)
    await expect(upload(connection, join(here, 'f'), '/proc/none/x')).rejects.toThrow(/: ENOENT/)
    await fs.writeFile(join(here, 'huge'), '')
    await fs.truncate(join(here, 'huge'), 8_000_000)
    await succeed('mkdir -p /tmp/small && mount -t tmpfs -o size=1m none /tmp/small')
    await expect(upload(connection, join(here, 'huge'), '/tmp/small/x')).rejects.toThrow(/: ENOSPC/)
    expect(await succeed('ls -A /tmp/small')).toBe('')
  })

  test('an upload that is cut off leaves nothing under the final name, nor beside it', async () => {
    await fs.writeFile(join(here, 'large'), '')
    await fs.truncate(join(here, 'large'), 40_000_000)
    await succeed('mkdir -p /tmp/cut')
    const doomed = await open()
    const cut = upload(doomed, join(here, 'large'), '/tmp/cut/file')
    cut.catch(() => {})
    await succeed('until [ -s /tmp/cut/.mayfly-* ]; do :; done 2>/dev/null')
    await doomed.close()
    await expect(cut).rejects.toMatchObject({ code: 'MAYFLY_FILE_TRANSFER_FAILED' })
    await succeed('n=0; while [ "$(ls -A /tmp/cut)" ] && [ $n -lt 1000 ]; do n=$((n+1)); done')
    expect(await succeed('ls -A /tmp/cut')).toBe('')
  })
})

/** Names, kinds, modes and contents below a directory. */
async function listing(root: string): Promise<string[]> {
  const lines: string[] = []
  const visit = async (directory: Buffer): Promise<void> => {
    for (const entry of await fs.readdir(directory, { encoding: 'buffer' })) {
      const path = Buffer.concat([directory, Buffer.from('/'), entry])
      const stats = await fs.lstat(path)
      const name = path.toString('latin1').slice(root.length)
      if (stats.isDirectory()) await visit(path)
      const what = stats.isSymbolicLink()
        ? await fs.readlink(path)
        : stats.isFile()
          ? createHash('sha256')
              .update(await fs.readFile(path))
              .digest('hex')
          : ''
      lines.push(`${name} ${stats.mode.toString(8)} ${what}`)
    }
  }
  await visit(Buffer.from(root))
  return lines.sort()
}
