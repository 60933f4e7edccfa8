import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SshConnection } from './connection.js'
import { type LocalServer, startDropbear, startSshd } from './testing/local-sshd.js'
import { describeTree, makeTree } from './testing/trees.js'
import { download, readFile, upload, writeFile } from './transfer.js'

describe.each([
  ['OpenSSH', startSshd],
  ['dropbear', startDropbear],
] as const)('transfer over %s', (name, startServer) => {
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
    const path = `/proc/${process.pid}/oom_score_adj`
    const before = await fs.readFile(path, 'utf8')
    await writeFile(connection, path, '7')
    expect(await fs.readFile(path, 'utf8')).toBe('7\n')
    await fs.writeFile(path, before)
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
    await expect(readFile(connection, join(there, 'nothing'))).rejects.toMatchObject({
      shortMessage: `cannot read ${join(there, 'nothing')}: ENOENT`,
    })
    await expect(writeFile(connection, join(there, 'is-dir'), '')).rejects.toMatchObject({
      shortMessage: `cannot write ${join(there, 'is-dir')}: EISDIR`,
    })
    await expect(writeFile(connection, `${there}/new/`, '')).rejects.toThrow(/new\/: EISDIR/)
    await expect(readFile(connection, join(there, 'is-dir'))).rejects.toThrow(/: EISDIR/)
    await expect(download(connection, join(there, 'is-dir'), join(here, 'f'))).rejects.toThrow(/: ENOTDIR/)
    await expect(download(connection, join(here, 'f'), join(there, 'is-dir'))).rejects.toThrow(/: EISDIR/)
    await expect(upload(connection, join(here, 'f'), join(there, 'f'), { owner: 'no-such-user' })).rejects.toThrow(
      /: EINVAL/,
    )
    expect((await fs.readdir(there)).filter((name) => /mayfly|^f$/.test(name))).toEqual([])
    expect((await fs.readdir(here)).filter((name) => /mayfly|^dl$/.test(name))).toEqual([])
  })

  test('what start-up files print and read is neither contents nor a header', async () => {
    const home = name === 'dropbear' ? join(server.directory, 'home') : server.directory
    const noise = 'echo "Welcome to D"; echo "F 777 4 8"; read -r -t 0.2 eaten'
    for (const file of ['.bashrc', '.profile']) await fs.writeFile(join(home, file), `${noise}\n`)
    try {
      await writeFile(connection, join(there, 'quiet/x'), 'hello\n', { mode: 0o640 })
      expect(await readFile(connection, join(there, 'quiet/x'))).toBe('hello\n')
      await download(connection, join(there, 'quiet/x'), join(here, 'quiet-x'))
      expect(await fs.readFile(join(here, 'quiet-x'), 'utf8')).toBe('hello\n')
      expect((await fs.stat(join(here, 'quiet-x'))).mode & 0o777).toBe(0o640)
      await download(connection, join(there, 'quiet'), join(here, 'quiet'))
      expect(await fs.readdir(join(here, 'quiet'))).toEqual(['x'])
      await upload(connection, join(here, 'quiet'), join(there, 'quieter'))
      expect(await fs.readFile(join(there, 'quieter/x'), 'utf8')).toBe('hello\n')
    } finally {
      for (const file of ['.bashrc', '.profile']) await fs.rm(join(home, file))
    }
  })

  test('a file goes into a directory whose name ends with a slash', async () => {
    await fs.writeFile(join(here, 'into'), 'into')
    await upload(connection, join(here, 'into'), `${join(there, 'slash')}/`)
    expect(await fs.readFile(join(there, 'slash/into'), 'utf8')).toBe('into')
    await download(connection, join(there, 'slash/into'), `${join(here, 'slash')}/`)
    expect(await fs.readFile(join(here, 'slash/into'), 'utf8')).toBe('into')
  })

  test('a file that grows is taken as long as it was, and one of /proc as long as it is', async () => {
    const log = join(here, 'log')
    await fs.writeFile(log, Buffer.alloc(1_000_000, 'a'))
    const appending = await fs.open(log, 'a')
    let writing = true
    const growth = (async () => {
      while (writing) await appending.write(Buffer.alloc(100, 'b'))
    })()
    try {
      await upload(connection, log, join(there, 'log'))
      await download(connection, log, join(here, 'log-copy'))
      await fs.mkdir(join(here, 'logs'))
      await fs.rename(log, join(here, 'logs/log'))
      await upload(connection, join(here, 'logs'), join(there, 'logs'))
      await download(connection, join(here, 'logs'), join(here, 'logs-copy'))
    } finally {
      writing = false
      await growth
      await appending.close()
    }
    for (const copy of [
      join(there, 'log'),
      join(here, 'log-copy'),
      join(there, 'logs/log'),
      join(here, 'logs-copy/log'),
    ]) {
      const bytes = await fs.readFile(copy)
      expect(bytes.subarray(0, 1_000_000).equals(Buffer.alloc(1_000_000, 'a'))).toBe(true)
      expect(bytes.subarray(1_000_000).every((byte) => byte === 98)).toBe(true)
    }
    await upload(connection, '/proc/version', join(there, 'version'))
    await download(connection, '/proc/version', join(here, 'version'))
    const version = await fs.readFile('/proc/version', 'utf8')
    expect(await fs.readFile(join(there, 'version'), 'utf8')).toBe(version)
    expect(await fs.readFile(join(here, 'version'), 'utf8')).toBe(version)
  })

  test('copies hard links, and leaves out what has no contents', async () => {
    const tree = join(here, 'special')
    await fs.mkdir(tree, { mode: 0o1777 })
    await fs.chmod(tree, 0o1777)
    await fs.writeFile(join(tree, 'a'), randomBytes(200_000), { mode: 0o755 })
    await fs.chmod(join(tree, 'a'), 0o4755)
    await fs.link(join(tree, 'a'), join(tree, 'b'))
    execFileSync('mkfifo', [join(tree, 'fifo')])
    expect(await upload(connection, tree, join(there, 'special'))).toEqual([join(tree, 'fifo')])
    execFileSync('mkfifo', [join(there, 'special/fifo')])
    expect(await download(connection, join(there, 'special'), join(here, 'special2'))).toEqual(['./fifo'])
    for (const copy of [join(there, 'special'), join(here, 'special2')]) {
      const { nlink, mode } = await fs.stat(join(copy, 'b'))
      expect([nlink, mode & 0o7777, (await fs.stat(copy)).mode & 0o7777]).toEqual([2, 0o4755, 0o1777])
    }
  })

  test('carries what comes out of a FIFO, and into a device', async () => {
    const fifo = join(here, 'fifo')
    execFileSync('mkfifo', [fifo])
    const bytes = randomBytes(300_000)
    const feed = fs.writeFile(fifo, bytes)
    await upload(connection, fifo, join(there, 'from-fifo'))
    await feed
    expect((await fs.readFile(join(there, 'from-fifo'))).equals(bytes)).toBe(true)
    await download(connection, join(there, 'from-fifo'), '/dev/null')
    expect((await fs.lstat('/dev/null')).isCharacterDevice()).toBe(true)
  })

  test('a tree that fits once goes into the file system that is mounted there, which keeps its mode', async () => {
    const tree = join(here, 'most')
    await fs.mkdir(join(tree, 'sub'), { recursive: true })
    await fs.writeFile(join(tree, 'sub/most'), Buffer.alloc(700_000, 'm'))
    await fs.chmod(tree, 0o700)
    await fs.mkdir(join(small, 'sub'))
    await fs.writeFile(join(small, 'sub/kept'), 'kept')
    await upload(connection, tree, small)
    expect((await fs.readdir(join(small, 'sub'))).sort()).toEqual(['kept', 'most'])
    // A directory that is there keeps its mode.
    expect((await fs.stat(small)).mode & 0o7777).toBe(0o1777)
    await fs.rm(join(small, 'sub/most'))
    await download(connection, tree, small)
    expect((await fs.readdir(join(small, 'sub'))).sort()).toEqual(['kept', 'most'])
    expect(await fs.readdir(small)).toEqual(['sub'])
    await fs.rm(join(small, 'sub'), { recursive: true })
  })

  test('names as long as the file system has them', async () => {
    const long = 'n'.repeat(255)
    await writeFile(connection, join(there, long), 'long')
    await download(connection, join(there, long), join(here, long))
    await upload(connection, join(here, long), join(there, 'deep', long))
    expect(await readFile(connection, join(there, 'deep', long))).toBe('long')
    await download(connection, join(there, 'deep'), join(here, long.replaceAll('n', 'd')))
    expect(await fs.readdir(join(here, long.replaceAll('n', 'd')))).toEqual([long])
  })

  test('an aborted download leaves nothing, and stops', async () => {
    const fifo = join(there, 'endless')
    execFileSync('mkfifo', [fifo])
    const controller = new AbortController()
    const feeding = fs.open(fifo, 'r+')
    const remembered: string[] = []
    const running = download(connection, fifo, join(here, 'endless'), { signal: controller.signal }, async (path) => {
      remembered.push(path)
      return async () => void remembered.pop()
    })
    const feeder = await feeding
    await feeder.write('some')
    while ((await fs.readdir(here)).every((entry) => !entry.startsWith('.mayfly-'))) await setImmediate()
    expect(remembered).toHaveLength(1)
    controller.abort()
    await expect(running).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
    await feeder.close()
    expect((await fs.readdir(here)).filter((entry) => entry.includes('mayfly') || entry === 'endless')).toEqual([])
    expect(remembered).toEqual([])
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
