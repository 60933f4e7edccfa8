import { chmod, mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import type { Look } from './contents.js'
import { fileChanges, type Side } from './file-changes.js'
import { parseInventory } from './inventory.js'
import { inventoryScript } from './inventory-script.js'
import { MachineDiff } from './machine-diff.js'

const here: Look = async (script, { stdin } = {}) => {
  const result = await execa('sh', ['-c', script], {
    encoding: 'buffer',
    reject: false,
    stripFinalNewline: false,
    input: stdin as Buffer,
  })
  return {
    ...result,
    stdout: Buffer.from(result.stdout),
    stderr: Buffer.from(result.stderr),
    exitCode: 0,
    signal: null,
  }
}

async function side(root: string, look = here): Promise<Side> {
  const { stdout, stderr } = await look(inventoryScript('mark', { roots: [root], pruned: [] }))
  return { look, inventory: parseInventory('mark', stdout, stderr.toString()) }
}

/** What `change` does to a directory, named as if it were the root. */
async function changes(before: (root: string) => Promise<unknown>, change: (root: string) => Promise<unknown>) {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-diff-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  await before(root)
  // What was here is looked at when it is gone: a copy stands for it, in a place of the same name.
  const old = `${root}.old`
  onTestFinished(() => rm(old, { recursive: true, force: true }))
  const first = await side(root)
  await execa('cp', ['-a', root, old])
  const lookAtOld: Look = async (script, { stdin } = {}) => {
    const there = (text: string) => text.replaceAll(root, old)
    const result = await here(script, { stdin: Buffer.from(there((stdin as Buffer).toString('latin1')), 'latin1') })
    return { ...result, stdout: Buffer.from(result.stdout.toString('latin1').replaceAll(old, root), 'latin1') }
  }
  await change(root)
  const files = await fileChanges({ ...first, look: lookAtOld }, await side(root), () => false, true)
  const named = files.map((file) => ({ ...file, name: file.name.replace(root, '') }))
  return new MachineDiff({ files: named, packages: [], units: [], ports: [], users: [], groups: [] })
}

test('whatever is in a name', async () => {
  const names = [
    'new\nline',
    'tab\t',
    "it's",
    '"quoted"',
    'back\\slash',
    'ünï €',
    '$HOME',
    '-n',
    ' ',
    'a|b',
    "' -> '",
    '*',
  ]
  const link = (root: string, name: string) => join(root, `link to ${name}`)
  const { files } = await changes(
    async (root) => {
      for (const name of names) {
        await writeFile(join(root, name), 'one\n')
        await symlink(`${name}\n//x`, link(root, name))
      }
    },
    async (root) => {
      for (const name of names) {
        await writeFile(join(root, name), 'two\n')
        await unlink(link(root, name))
        await symlink(`${name}//y`, link(root, name))
      }
    },
  )
  const both = names.flatMap((name) => [
    expect.objectContaining({ name: `/${name}`, differs: ['content'], lines: ['-one', '+two'] }),
    expect.objectContaining({
      name: `/link to ${name}`,
      differs: ['target'],
      before: expect.objectContaining({ target: `${name}\n//x` }),
      after: expect.objectContaining({ target: `${name}//y` }),
    }),
  ])
  expect(files).toHaveLength(both.length)
  expect(files).toEqual(expect.arrayContaining(both))
})

test('a name that would break a line is told in quotes', async () => {
  const diff = await changes(
    async () => {},
    async (root) => {
      for (const name of ['a\nb', ' c ', 'd e', 'é']) await writeFile(join(root, name), '')
    },
  )
  expect(diff.toJSON()).toEqual({ files: ['+ "/ c "', '+ "/a\\nb"', '+ /d e', '+ /é'] })
})

test('what is the same though it was written again, or touched, has not changed', async () => {
  const diff = await changes(
    async (root) => {
      await writeFile(join(root, 'same'), 'text')
      await writeFile(join(root, 'touched'), 'text')
      await mkdir(join(root, 'dir'))
    },
    async (root) => {
      await writeFile(join(root, 'new'), 'text')
      await rename(join(root, 'new'), join(root, 'same'))
      await utimes(join(root, 'touched'), 0, 0)
      await writeFile(join(root, 'dir', 'a'), '')
      await unlink(join(root, 'dir', 'a'))
    },
  )
  expect(diff.toString()).toBe('no changes')
})

test('content of the same length, mode, kind, and what came and went', async () => {
  const diff = await changes(
    async (root) => {
      for (const name of ['content', 'mode', 'gone', 'kind', 'both']) await writeFile(join(root, name), 'aaa\n')
      await writeFile(join(root, 'binary'), Buffer.from([0, 1, 2]))
    },
    async (root) => {
      await writeFile(join(root, 'content'), 'bbb\n')
      await chmod(join(root, 'mode'), 0o4755)
      await unlink(join(root, 'gone'))
      await unlink(join(root, 'kind'))
      await mkdir(join(root, 'kind'), { mode: 0o755 })
      await writeFile(join(root, 'both'), 'bbb\n')
      await chmod(join(root, 'both'), 0o600)
      await writeFile(join(root, 'binary'), Buffer.from([0, 1, 3]))
      await mkdir(join(root, 'dir'))
      await symlink('/etc/hosts', join(root, 'link'))
      await execa('sh', ['-c', 'mkfifo "$0"', join(root, 'pipe')])
    },
  )
  expect(diff.toJSON().files).toEqual([
    '~ /binary (content)',
    '~ /both (content, mode 644 -> 600)',
    '    -aaa',
    '    +bbb',
    '~ /content (content)',
    '    -aaa',
    '    +bbb',
    '+ /dir/',
    '- /gone',
    '    -aaa',
    '~ /kind/ (type file -> directory, mode 644 -> 755)',
    '+ /link -> /etc/hosts',
    '~ /mode (mode 644 -> 4755)',
    '+ /pipe (fifo)',
  ])
})

test('names that are not UTF-8 are told with escapes', async () => {
  const diff = await changes(
    async () => {},
    (root) => writeFile(Buffer.concat([Buffer.from(`${root}/a`), Buffer.from([0xff, 0xfe])]), ''),
  )
  expect(diff.toJSON().files).toEqual(['+ "/a\\\\xff\\\\xfe"'])
})

test('a look that does not come to its end is no comparison', () => {
  const output = Buffer.from('\nmark passwd\nroot:x:0:0::/root:/bin/sh\n')
  expect(() => parseInventory('mark', output, 'sh: 3: find: not found\n')).toThrow(
    /its last section: passwd\s+sh: 3: find/,
  )
})
