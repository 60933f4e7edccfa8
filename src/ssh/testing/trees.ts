import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'

/** A directory with all that a transfer must keep: modes, links, long names, and names that are not UTF-8. */
export async function makeTree(root: string): Promise<void> {
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

/** A line for each entry, equal for equal trees. */
export async function describeTree(root: string): Promise<string[]> {
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
