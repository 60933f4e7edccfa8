import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seeded } from '../testing/random.js'
import { DownloadReceiver } from './download-receiver.js'
import { BLOCK, paddingOf, tarHeader } from './tar-format.js'
import { mutate } from './testing/mutate-archive.js'

const base = fs.mkdtempSync(join(tmpdir(), 'mayfly-hostile-'))
const outside = join(base, 'outside')
beforeAll(makeOutside)
afterAll(() => fs.rmSync(base, { recursive: true, force: true }))

/** What no archive may change, reach or read. */
function makeOutside(): void {
  fs.mkdirSync(join(outside, 'private'), { recursive: true })
  fs.chmodSync(join(outside, 'private'), 0o700)
  fs.writeFileSync(join(outside, 'secret'), 'a file of the host', { mode: 0o600 })
  fs.writeFileSync(join(outside, 'private/key'), 'a key of the host', { mode: 0o600 })
}

/** Names, types, modes, numbers of links, times and contents of all that is outside. */
function look(path = outside): string[] {
  const stats = fs.lstatSync(path)
  const said = `${path} ${stats.mode} ${stats.nlink} ${stats.mtimeMs} ${stats.ctimeMs}`
  if (!stats.isDirectory()) return [`${said} ${fs.readFileSync(path, 'utf8')}`]
  return [said, ...fs.readdirSync(path).flatMap((name) => look(join(path, name)))]
}

async function unpack(archive: Buffer, target: string, chunk = archive.length): Promise<unknown> {
  const receiver = new DownloadReceiver(target, '/guest')
  try {
    await receiver.begin(['D'])
    for (let at = 0; at < archive.length; at += chunk) await receiver.contents(archive.subarray(at, at + chunk))
    await receiver.finish(['tar'])
  } catch (error) {
    return error
  } finally {
    await receiver.discard()
  }
  return undefined
}

type Entry = Omit<Parameters<typeof tarHeader>[0], 'mode' | 'size' | 'mtimeSeconds'> & {
  contents?: string
  mode?: number
}

function archive(...entries: Entry[]): Buffer {
  const parts = entries.flatMap(({ contents = '', mode = 0o644, ...entry }) => [
    tarHeader({ ...entry, mode, size: contents.length, mtimeSeconds: 1 }),
    Buffer.from(contents),
    Buffer.alloc(paddingOf(contents.length)),
  ])
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

const link = (name: string): Entry => ({ name, type: 'symlink', linkName: outside, mode: 0o777 })
const file = (name: string): Entry => ({ name, type: 'file', contents: 'pwned', mode: 0o755 })
const directory = (name: string): Entry => ({ name: `${name}/`, type: 'directory', mode: 0o777 })

test.each<[string, Entry[]]>([
  ['a file above the directory', [file('./../escape')]],
  ['a file behind a symlink', [link('s'), file('s/evil')]],
  [
    'a file behind a hard link to a symlink',
    [link('s'), { name: 'h', type: 'hardLink', linkName: 's' }, file('h/evil')],
  ],
  ['a directory over a symlink', [link('s'), directory('s')]],
  ['a directory behind a symlink', [link('s'), directory('s/private')]],
  ['a symlink behind a symlink', [link('s'), link('s/evil')]],
  ['a file over a symlink', [{ name: 's', type: 'symlink', linkName: join(outside, 'secret') }, file('s')]],
  ['a hard link through a symlink', [link('s'), { name: 'h', type: 'hardLink', linkName: 's/secret' }]],
  ['a hard link above the directory', [{ name: 'h', type: 'hardLink', linkName: '../outside/secret' }]],
  ['a hard link to a directory', [directory('d'), { name: 'h', type: 'hardLink', linkName: 'd' }]],
  ['a file below a file', [file('f'), file('f/g')]],
])('refuses %s, and leaves nothing', async (_name, entries) => {
  const before = look()
  const target = join(base, 'target')
  expect(await unpack(archive(...entries), target)).toBeInstanceOf(Error)
  expect(look()).toEqual(before)
  expect(fs.readdirSync(base)).toEqual(['outside'])
})

test('refuses a directory where an earlier download left a link, and moves nothing', async () => {
  const before = look()
  const target = join(base, 'twice')
  expect(await unpack(archive(link('d/s')), target)).toBeUndefined()
  const error = await unpack(archive(file('a'), directory('d/s'), file('d/s/evil')), target)
  expect(error).toMatchObject({ code: 'EEXIST', message: expect.stringContaining('twice/d/s') })
  expect(fs.readdirSync(target)).toEqual(['d'])
  // One that is given as the target is the user's own.
  expect(await unpack(archive(file('d/s'), file('a')), target)).toBeUndefined()
  expect(fs.lstatSync(join(target, 'd/s')).isFile()).toBe(true)
  expect(look()).toEqual(before)
  fs.rmSync(target, { recursive: true })
})

test('sets modes that keep even the owner out, and keeps the mode of what is there', async () => {
  const target = join(base, 'modes')
  const closed = { ...directory('closed'), mode: 0o1500 }
  const contents = [{ ...directory('.'), mode: 0o3750 }, closed, directory('closed/in'), file('closed/in/f')]
  expect(await unpack(archive(...contents), target)).toBeUndefined()
  const modeOf = (name: string) => (fs.statSync(join(target, name)).mode & 0o7777).toString(8)
  expect(['.', 'closed', 'closed/in'].map(modeOf)).toEqual(['3750', '1500', '777'])
  fs.chmodSync(target, 0o711)
  expect(await unpack(archive(...contents.slice(0, 1), { ...directory('new'), mode: 0o4 }), target)).toBeUndefined()
  expect(['.', 'closed', 'new'].map(modeOf)).toEqual(['711', '1500', '4'])
  fs.rmSync(target, { recursive: true })
})

test.each([
  ['a header of 8 GiB', tarHeader({ name: 'p', type: 'file', mode: 0, size: 2 ** 33, mtimeSeconds: 0 }), 'x'],
  ['a name of 1 MiB', tarHeader({ name: 'p', type: 'file', mode: 0, size: 2 ** 20, mtimeSeconds: 0 }), 'L'],
])('refuses %s before it has come', async (_name, header, flag) => {
  header.write(flag, 156, 'latin1')
  expect(String(await unpack(checksummed(header), join(base, 'bomb')))).toMatch(/has a header of \d+ bytes/)
})

test('10,000 mutated archives neither lead out of the directory nor leave anything open', {
  timeout: 120_000,
}, async () => {
  const seeds = seedArchives()
  const before = look()
  const descriptors = () => fs.readdirSync('/proc/self/fd').length
  const open = process.platform === 'linux' ? descriptors() : 0
  let unpacked = 0
  const run = async (lane: number) => {
    const next = seeded(lane)
    const target = join(base, `fuzzed-${lane}`)
    for (let round = 0; round < 1_250; round++) {
      const error = await unpack(mutate(seeds[round % seeds.length]!, next, outside), target, 1 + next(4 * BLOCK))
      if (!error) unpacked++
      else if (!(error instanceof Error)) throw error
      // Every now and then a fresh target; in between, archives meet what others have left.
      if (next(20) === 0) fs.rmSync(target, { recursive: true, force: true })
      if (round % 100 === 0) expect(look(), `lane ${lane}, round ${round}`).toEqual(before)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, lane) => run(lane)))
  expect(look()).toEqual(before)
  expect(fs.readdirSync(base).filter((name) => !name.startsWith('fuzzed'))).toEqual(['outside'])
  expect(unpacked).toBeGreaterThan(500)
  expect(unpacked).toBeLessThan(9_500)
  if (process.platform === 'linux') expect(descriptors()).toBeLessThanOrEqual(open)
})

/** Small archives with every kind of entry, made by Mayfly and by the tars that guests have. */
function seedArchives(): Buffer[] {
  const tree = join(base, 'seed')
  fs.mkdirSync(join(tree, 'd/e'), { recursive: true })
  fs.writeFileSync(join(tree, 'd/f'), 'f'.repeat(700))
  fs.linkSync(join(tree, 'd/f'), join(tree, 'd/g'))
  fs.symlinkSync('d', join(tree, 's'))
  fs.writeFileSync(join(tree, `d/e/${'n'.repeat(120)}`), 'long')
  fs.chmodSync(join(tree, 'd/e'), 0o555)
  const tar = (program: string, ...args: string[]) => execFileSync(program, [...args, '-c', '-f', '-', '-C', tree, '.'])
  const ours = archive(directory('.'), directory('d'), file('d/f'), link('s'), file('t'), directory('s2'))
  const seeds = [
    ours,
    tar('tar', '-b1'),
    tar('tar', '-b1', '--format=pax'),
    tar('tar', '-b1', '--format=v7', '--exclude=n*'),
  ]
  seeds.push(tar('busybox', 'tar'))
  fs.rmSync(tree, { recursive: true })
  return seeds
}

function checksummed(header: Buffer): Buffer {
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
