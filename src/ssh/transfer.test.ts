import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { type LocalServer, startDropbear, startSshd } from './testing/local-sshd.js'
import { download, readFile, upload, writeFile } from './transfer.js'

describe.each([
  ['OpenSSH', startSshd],
  ['dropbear', startDropbear],
] as const)('transfer over %s', (_name, startServer) => {
  let server: LocalServer
  let connection: SshConnection
  let here: string
  let there: string
  let small: string
  beforeAll(async () => {
    small = await fs.mkdtemp(join(tmpdir(), 'mayfly-small-'))
    // Before the server starts: dropbear's mount namespace does not see later ones.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', small])
    server = await startServer()
    connection = await SshConnection.open(server.target)
    here = join(server.directory, 'here')
    there = join(server.directory, 'there')
    await fs.mkdir(here)
    await fs.mkdir(there)
  })
  afterAll(async () => {
    await connection.close()
    await server[Symbol.asyncDispose]()
    execFileSync('umount', [small])
    await fs.rmdir(small)
  })

  test('carries a file there and back, with its mode, into new directories', async () => {
    const bytes = randomBytes(3_000_001)
    await fs.writeFile(join(here, 'a b'), bytes, { mode: 0o750 })
    await upload(connection, join(here, 'a b'), join(there, 'new/dir ü', "it's\nthere"))
    const remote = join(there, 'new/dir ü', "it's\nthere")
    expect((await fs.readFile(remote)).equals(bytes)).toBe(true)
    expect((await fs.stat(remote)).mode & 0o777).toBe(0o750)
    await download(connection, remote, join(here, 'deep/er/copy'))
    expect((await fs.readFile(join(here, 'deep/er/copy'))).equals(bytes)).toBe(true)
    expect((await fs.stat(join(here, 'deep/er/copy'))).mode & 0o777).toBe(0o750)
    expect(await fs.readdir(join(there, 'new/dir ü'))).toEqual(["it's\nthere"])
  })

  test('carries an empty file, and applies mode and owner', async () => {
    await fs.writeFile(join(here, 'empty'), '')
    await upload(connection, join(here, 'empty'), join(there, 'empty'), { mode: 0o4711, owner: 'daemon:games' })
    const stats = await fs.stat(join(there, 'empty'))
    expect(stats).toMatchObject({ size: 0, uid: 1, gid: 60 })
    expect(stats.mode & 0o7777).toBe(0o4711)
    await download(connection, join(there, 'empty'), join(here, 'empty2'))
    expect((await fs.stat(join(here, 'empty2'))).size).toBe(0)
  })

  test('writes and reads contents, keeping mode and owner of a file that is there, through a symlink', async () => {
    await writeFile(connection, join(there, 'w/x'), 'größe')
    expect((await fs.stat(join(there, 'w/x'))).mode & 0o777).toBe(0o644)
    await fs.chmod(join(there, 'w/x'), 0o600)
    await fs.chown(join(there, 'w/x'), 1, 1)
    await fs.symlink('x', join(there, 'w/link'))
    await writeFile(connection, join(there, 'w/link'), Buffer.from([0, 255, 10]))
    expect(await readFile(connection, join(there, 'w/x'), { encoding: 'buffer' })).toEqual(Buffer.from([0, 255, 10]))
    const stats = await fs.stat(join(there, 'w/x'))
    expect(stats).toMatchObject({ uid: 1, gid: 1 })
    expect(stats.mode & 0o777).toBe(0o600)
    expect((await fs.lstat(join(there, 'w/link'))).isSymbolicLink()).toBe(true)
  })

  test('writes files that can only be written in place', async () => {
    const path = '/proc/self/comm'
    await writeFile(connection, path, 'renamed')
    await writeFile(connection, '/dev/null', 'gone')
    expect((await fs.lstat('/dev/null')).isCharacterDevice()).toBe(true)
  })

  test('carries a directory there and back, exactly', async () => {
    const tree = join(here, 'tree')
    await makeTree(tree)
    await upload(connection, tree, join(there, 'p/tree'))
    expect(await describeTree(join(there, 'p/tree'))).toEqual(await describeTree(tree))
    await download(connection, join(there, 'p/tree'), join(here, 'q/tree'))
    expect(await describeTree(join(here, 'q/tree'))).toEqual(await describeTree(tree))
    expect(await fs.readdir(join(there, 'p'))).toEqual(['tree'])
    expect(await fs.readdir(join(here, 'q'))).toEqual(['tree'])
  })

  test('merges into a directory that is there', async () => {
    await fs.mkdir(join(here, 'm'))
    await fs.writeFile(join(here, 'm/new'), 'new')
    await fs.mkdir(join(there, 'm'))
    await fs.writeFile(join(there, 'm/old'), 'old')
    await upload(connection, join(here, 'm'), join(there, 'm'), { owner: 'daemon', mode: 0o640 })
    expect((await fs.readdir(join(there, 'm'))).sort()).toEqual(['new', 'old'])
    const stats = await fs.stat(join(there, 'm/new'))
    expect([stats.uid, stats.mode & 0o777]).toEqual([1, 0o640])
    await download(connection, join(there, 'm'), join(here, 'm'))
    expect((await fs.readdir(join(here, 'm'))).sort()).toEqual(['new', 'old'])
  })

  test('failures name both paths and the reason, and leave nothing', async () => {
    const missing = upload(connection, join(here, 'nothing'), '/x')
    await expect(missing).rejects.toMatchObject({
      code: 'MAYFLY_FILE_TRANSFER_FAILED',
      shortMessage: `cannot upload ${join(here, 'nothing')} to /x: ENOENT`,
    })
    await fs.writeFile(join(here, 'f'), 'f')
    await fs.mkdir(join(there, 'is-dir'))
    await expect(upload(connection, join(here, 'f'), join(there, 'is-dir'))).rejects.toThrow(/: EISDIR/)
    await expect(upload(connection, join(here, 'f'), join(there, 'w/x/below'))).rejects.toThrow(/: ENOTDIR/)
    await expect(upload(connection, join(here, 'f'), '/proc/nothing/here')).rejects.toThrow(/: ENOENT/)
    await expect(download(connection, join(there, 'nothing'), join(here, 'dl'))).rejects.toThrow(
      /nothing to .*dl: ENOENT/,
    )
    await expect(readFile(connection, join(there, 'nothing'))).rejects.toThrow(/: ENOENT/)
    await expect(upload(connection, join(here, 'f'), join(there, 'f'), { owner: 'no-such-user' })).rejects.toThrow(
      /: EINVAL/,
    )
    expect((await fs.readdir(there)).filter((name) => /mayfly|^f$/.test(name))).toEqual([])
    expect((await fs.readdir(here)).filter((name) => /mayfly|^dl$/.test(name))).toEqual([])
  })

  test('a full disk is ENOSPC and leaves nothing', async () => {
    await fs.writeFile(join(here, 'big'), Buffer.alloc(3 << 20))
    await fs.mkdir(join(here, 'bigdir'))
    await fs.copyFile(join(here, 'big'), join(here, 'bigdir/big'))
    await expect(upload(connection, join(here, 'big'), join(small, 'big'))).rejects.toThrow(/: ENOSPC/)
    await expect(upload(connection, join(here, 'bigdir'), join(small, 'bigdir'))).rejects.toThrow(/: ENOSPC/)
    expect(await fs.readdir(small)).toEqual([])
    await expect(download(connection, join(here, 'big'), join(small, 'big'))).rejects.toThrow(/: ENOSPC/)
    await expect(download(connection, join(here, 'bigdir'), join(small, 'bigdir'))).rejects.toThrow(/: ENOSPC/)
    expect(await fs.readdir(small)).toEqual([])
  })
})

async function makeTree(root: string): Promise<void> {
  await fs.mkdir(join(root, 'empty dir'), { recursive: true })
  await fs.mkdir(join(root, 'read-only'), { mode: 0o755 })
  await fs.writeFile(join(root, 'read-only/f'), 'f')
  await fs.chmod(join(root, 'read-only'), 0o555)
  await fs.writeFile(join(root, 'name with\nnewline, ünï and \'quote" $x'), 'x')
  await fs.writeFile(Buffer.concat([Buffer.from(`${root}/latin1 `), Buffer.from([0xe9])]), 'not UTF-8')
  await fs.writeFile(join(root, 'zero'), '')
  await fs.writeFile(join(root, 'run.sh'), '#!/bin/sh', { mode: 0o755 })
  await fs.writeFile(join(root, 'large'), randomBytes(700_001))
  await fs.symlink('run.sh', join(root, 'link'))
  await fs.symlink('/nowhere/at all', join(root, 'dangling'))
  const long = join(root, 'd'.repeat(120), 'e'.repeat(200))
  await fs.mkdir(long, { recursive: true })
  await fs.writeFile(join(long, 'f'.repeat(200)), 'long')
  await fs.symlink('t'.repeat(300), join(long, 'long link'))
  for (let index = 0; index < 100; index++) await fs.writeFile(join(root, `small-${index}`), randomBytes(index * 7))
}

async function describeTree(root: string): Promise<string[]> {
  const lines: string[] = []
  const visit = async (path: Buffer, name: string): Promise<void> => {
    const stats = await fs.lstat(path)
    const mode = (stats.mode & 0o7777).toString(8)
    if (stats.isSymbolicLink()) lines.push(`${name} -> ${await fs.readlink(path)}`)
    else if (stats.isFile()) {
      const digest = createHash('sha256').update(await fs.readFile(path))
      lines.push(`${name} ${mode} ${stats.size} ${digest.digest('hex')} ${Math.floor(stats.mtimeMs / 1000)}`)
    } else {
      lines.push(`${name}/ ${mode}`)
      for (const entry of await fs.readdir(path, { encoding: 'buffer' })) {
        await visit(Buffer.concat([path, Buffer.from('/'), entry]), `${name}/${entry.toString('latin1')}`)
      }
    }
  }
  await visit(Buffer.from(root), '')
  return lines.sort()
}
