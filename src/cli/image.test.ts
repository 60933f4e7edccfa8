import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa, type Options } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { downloadKey } from '../image/download/partial.js'
import { type Answer, type FileServer, send, serve, sha256Hex } from '../image/download/testing/file-server.js'
import { openStore, type Store } from '../image/store.js'
import { type Disks, makeDisks, qcow2Bytes } from '../image/testing/disks.js'
import { Session } from '../session/session.js'
import { hold } from '../session/uses.js'
import { seededCache } from '../snapshot/testing/seeded-cache.js'
import { MIB } from '../units.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

let built: BuiltPackage
let disks: Disks
let bytes: Buffer
beforeAll(async () => {
  built = await buildPackage()
  disks = await makeDisks()
  bytes = await qcow2Bytes(disks)
}, 180_000)
afterAll(async () => {
  await built[Symbol.asyncDispose]()
  await disks[Symbol.asyncDispose]()
})

let root: string
let store: Store
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mayfly-image-'))
  store = await openStore(root)
})
afterEach(() => rm(root, { recursive: true, force: true }))

const image = (args: string[], options: Options = {}) =>
  execa(process.execPath, [built.main, 'image', ...args, '--cache-dir', root], {
    reject: false,
    ...options,
    env: { MAYFLY_IMAGE_MIRRORS: '', ...(options.env as Record<string, string>) },
    encoding: 'utf8',
    lines: false,
  })

const json = async (args: string[]) => JSON.parse((await image([...args, '--json'])).stdout as string)

const sending: Answer = (request, response) => send(request, response, bytes)

test('pull, ls, inspect, verify, rm', async () => {
  await using server = await serve(sending)
  const pulled = await image(['pull', `${server.origin}/disk.img`, '--checksum', sha256Hex(bytes)])
  expect(pulled).toMatchObject({ exitCode: 0, stderr: '' })
  expect(pulled.stdout).toMatch(/^disk\.img: qcow2, .*, a disk of 1\.0 MiB\nsha256:[0-9a-f]{64}\n\/.*\/disk$/)
  const key = sha256Hex(bytes)
  expect((await image(['ls'])).stdout).toMatch(
    new RegExp(`^disk\\.img +${key.slice(0, 12)} +- +qcow2 +1\\.0 MiB .* usable$`, 'm'),
  )
  expect(await json(['inspect', key.slice(0, 5)])).toMatchObject([
    { key, name: 'disk.img', disk: { sources: [{ name: 'disk.img' }] } },
  ])
  expect((await image(['inspect', 'disk'])).stdout).toContain(`${server.origin}/disk.img`)
  expect(await image(['verify'])).toMatchObject({ exitCode: 0 })
  expect(await json(['pull', `${server.origin}/disk.img`])).toMatchObject({
    cached: true,
    key,
    disk: { format: 'qcow2' },
  })
  expect((await image(['rm', 'disk.img'])).stdout).toMatch(/^removed disk\.img [0-9a-f]{12} \(/)
  expect(await readdir(store.images)).toEqual([])
  expect(await readdir(store.sessions)).toEqual([])
})

test('pull --name: what is there already has that name from now on as well', async () => {
  await using server = await serve(sending)
  const url = `${server.origin}/disk.img`
  expect(await json(['pull', url, '--name', 'first'])).toMatchObject({ name: 'first', cached: false })
  expect(await json(['pull', url, '--name', 'second'])).toMatchObject({ name: 'second', cached: true })
  expect(await json(['pull', url, '--name', 'third', '--if-missing'])).toMatchObject({ name: 'third', cached: true })
  for (const name of ['first', 'second', 'third']) expect(await json(['inspect', name])).toHaveLength(1)
  expect((await image(['rm', 'third'])).exitCode).toBe(0)
})

test('a name of the catalogue, through a mirror of its publisher', async () => {
  const disk = 'debian-12-generic-amd64.qcow2'
  await using server = await serve((request, response) => {
    const sums = `${'0'.repeat(64)}  other.qcow2\n${sha256Hex(bytes)}  ${disk}\n`
    send(request, response, request.url!.endsWith('SUMS') ? Buffer.from(sums) : bytes)
  })
  const env = { MAYFLY_IMAGE_MIRRORS: `https://cloud.debian.org/=${server.origin}/` }
  const { stdout, exitCode } = await image(['pull', 'debian-12', '--arch', 'amd64', '--json'], { env })
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout as string).sources).toMatchObject([
    { name: 'debian-12', architecture: 'x86_64', url: `https://cloud.debian.org/images/cloud/bookworm/latest/${disk}` },
  ])
  const directory = '/images/cloud/bookworm/latest'
  expect(server.requests.map(({ path }) => path)).toEqual([`${directory}/SHA512SUMS`, `${directory}/${disk}`])
})

test('the catalogue is shown', async () => {
  const { stdout } = await image(['ls', '--catalogue'])
  expect(stdout).toMatch(/^fedora-\d+ +fedora +aarch64 +https:\/\//m)
})

test.each([
  [['pull', 'debain-12'], 2, 'Did you mean debian-12?'],
  [['pull', 'debian'], 2, 'mayfly warm debian'],
  [['pull', 'arch', '--arch', 'arm64'], 2, 'There is one for x86_64.'],
  [['pull', 'cirros', '--arch', 'vax'], 2, 'unknown architecture'],
  [['pull', 'cirros', '--checksum', 'abc'], 2, 'not a checksum'],
  [['pull', 'cirros', '--mirror', 'here'], 2, 'not a mirror'],
  [['pull', './nowhere.qcow2'], 2, 'cannot read'],
  [['pull', 'http://127.0.0.1:9/x', '--checksum', 'https://'], 125, 'not an http or https address'],
  [['inspect', 'nothing'], 2, 'mayfly image ls shows'],
  [['rm', 'nothing'], 2, 'no image "nothing" in the cache'],
  [['verfiy'], 2, 'Did you mean verify?'],
])('%j is refused with %i and says why', async (args, status, why) => {
  const { exitCode, stdout, stderr } = await image(args)
  expect({ exitCode, stdout }).toEqual({ exitCode: status, stdout: '' })
  expect(stderr).toContain(why)
  expect(stderr).not.toContain('    at ')
})

test('what cannot be downloaded is 125, and a wrong checksum says both', async () => {
  await using server = await serve((request, response) =>
    request.url === '/gone' ? response.writeHead(404).end() : send(request, response, bytes),
  )
  const gone = await image(['pull', `${server.origin}/gone`])
  expect(gone).toMatchObject({ exitCode: 125 })
  expect(gone.stderr).toContain('answered with status 404')
  const wrong = await image(['pull', `${server.origin}/disk`, '--checksum', 'f'.repeat(64)])
  expect(wrong).toMatchObject({ exitCode: 125 })
  expect(wrong.stderr).toContain('[MAYFLY_IMAGE_CHECKSUM_MISMATCH]')
  expect(wrong.stderr).toContain(`received sha256 ${sha256Hex(bytes)}`)
})

describe('of several processes', () => {
  /** Sends the first half and keeps the rest, until it is told to go on. */
  function slowServer(content: Buffer): { serving: Promise<FileServer>; halfSent: Promise<void>; goOn: () => void } {
    let sent!: () => void
    let goOn!: () => void
    const halfSent = new Promise<void>((resolve) => (sent = resolve))
    const told = new Promise<void>((resolve) => (goOn = resolve))
    const half = content.length / 2
    const serving = serve((request, response, count) => {
      if (count > 1) return send(request, response, content)
      response.writeHead(200, { 'content-length': content.length, etag: `"${sha256Hex(content).slice(0, 16)}"` })
      response.write(content.subarray(0, half), () => sent())
      void told.then(() => response.end(content.subarray(half)))
    })
    return { serving, halfSent, goOn }
  }

  /** Resolves when a process says that it waits for another one. */
  const untilWaiting = (child: ReturnType<typeof image>) =>
    new Promise<void>((resolve) => {
      let text = ''
      child.stderr!.on('data', (chunk) => {
        text += chunk
        if (text.includes('another process is downloading disk.img; waiting for it')) resolve()
      })
    })

  test('one downloads, and the others wait and have it too', async () => {
    const { serving, halfSent, goOn } = slowServer(bytes)
    await using server = await serving
    const pull = () => image(['pull', `${server.origin}/disk.img`, '--verbose'])
    const first = pull()
    await halfSent
    const others = [pull(), pull()]
    await Promise.all(others.map(untilWaiting))
    goOn()
    for (const { exitCode, stdout } of await Promise.all([first, ...others])) {
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(sha256Hex(bytes)) })
    }
    expect(server.requests).toHaveLength(1)
    expect(await readdir(store.downloads)).toEqual([])
  })

  test('one that is killed in the middle leaves what it has to the next', async () => {
    const large = randomBytes(4 * MIB)
    const { serving } = slowServer(large)
    await using server = await serving
    const pull = () => image(['pull', `${server.origin}/disk.img`, '--verbose'])
    const first = pull()
    const part = join(store.downloads, downloadKey(`${server.origin}/disk.img`), 'part')
    await expect
      .poll(
        () =>
          stat(part).then(
            ({ size }) => size,
            () => 0,
          ),
        { timeout: 10_000 },
      )
      .toBeGreaterThanOrEqual(MIB)
    const second = pull()
    await untilWaiting(second)
    first.kill('SIGKILL')
    expect(await second).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(sha256Hex(large)) })
    expect(await first).toMatchObject({ signal: 'SIGKILL' })
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, expect.stringMatching(/^bytes=\d{7}-$/)])
    expect(await readdir(store.downloads)).toEqual([])
  })
})

describe('a disk of the user’s own', () => {
  test('is imported by its path, with either command', async () => {
    const path = join(disks.directory, 'whole-1.qcow2')
    expect(await json(['import', path, '--name', 'mine', '--arch', 'arm64'])).toMatchObject({
      name: 'mine',
      cached: false,
      sources: [{ name: 'mine', path, architecture: 'aarch64' }],
    })
    expect(await json(['pull', path])).toMatchObject({ name: 'whole-1.qcow2', cached: true })
    expect((await image(['ls'])).stdout).toContain('mine, whole-1.qcow2')
  })

  test('that reads other files is refused, with a way out', async () => {
    await disks.make('base.qcow2')
    const path = await disks.make('layer.qcow2', '-b', 'base.qcow2', '-F', 'qcow2')
    const refused = await image(['import', path])
    expect(refused.exitCode).toBe(125)
    expect(refused.stderr).toMatch(/is a layer over another file, base\.qcow2[\s\S]*Hint: .*--convert/)
    expect((await image(['inspect', path])).stdout).toMatch(/^import +only with --convert/m)
    expect((await image(['import', path, '--convert'])).exitCode).toBe(0)
    expect(await json(['inspect', join(disks.directory, 'base.qcow2')])).toMatchObject({ format: 'qcow2', whole: true })
  })
})

test('verify tells a sound image from one that was changed, or cut short', async () => {
  const { disk } = await json(['import', join(disks.directory, 'whole-1.qcow2'), '--name', 'one'])
  const content = await readFile(disk.path)
  content.writeUInt8(content.readUInt8(5000) ^ 1, 5000)
  await writeFile(disk.path, content)
  const { exitCode, stdout } = await image(['verify', 'one'])
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^one +[0-9a-f]{12} +its file disk is damaged between byte 0 and 196616/)
  await truncate(disk.path, 5000)
  expect((await image(['verify'])).stdout).toContain('its file disk has 5000 bytes instead of 196616')
})

test('rm keeps what a process uses, or a template stands on, and says so', async () => {
  await using cache = await seededCache()
  await rm(root, { recursive: true })
  root = cache.store.root
  const used = await cache.image('used', { daysUnused: 1 })
  await cache.image('below', { daysUnused: 1 })
  await cache.image('free', { daysUnused: 1 })
  await cache.template('above', 'below', { daysUnused: 1 })
  await using session = await Session.open(cache.store)
  await hold(
    { store: cache.store, session },
    async () => used,
    (directory) => [directory],
  )
  const { exitCode, stdout } = await image(['rm', 'micro'])
  expect(exitCode).toBe(1)
  expect((stdout as string).split('\n').sort()).toEqual([
    expect.stringMatching(/^kept micro below: templates stand on it: micro; /),
    'kept micro used: a running process or a named machine uses it',
    expect.stringMatching(/^removed micro free /),
  ])
  expect(await readdir(cache.store.images)).toEqual(['below', 'used'])
})

test('gc removes what is left of a download', async () => {
  let again!: () => void
  const triedAgain = new Promise<void>((resolve) => (again = resolve))
  await using server = await serve((request, response, count) => {
    if (count > 1) again()
    send(request, response, bytes, { dropAt: 1000, ignoreRange: true })
  })
  const pulling = image(['pull', `${server.origin}/disk.img`])
  await triedAgain
  pulling.kill('SIGINT')
  expect((await pulling).exitCode).toBe(130)
  const { stdout } = await execa(process.execPath, [built.main, 'gc', '--all', '--cache-dir', root])
  expect(stdout).toMatch(/^removed download disk\.img [0-9a-f]{12} \(.*\): nothing uses it now$/m)
  expect(await readdir(store.downloads)).toEqual([])
})
