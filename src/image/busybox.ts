import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import type { CpioEntry } from './cpio.js'

/** busybox and a link for each of its applets, but for the names that `taken` says others have. */
export async function busyboxEntries(root: string, taken: readonly string[]): Promise<CpioEntry[]> {
  const hostPath = (await readdir(join(root, 'usr/bin'))).includes('busybox') ? 'usr/bin/busybox' : 'bin/busybox'
  const { stdout } = await execa(join(root, hostPath), ['--list-full'])
  const names = new Set([...taken, 'busybox'])
  const links: CpioEntry[] = []
  for (const path of stdout.split('\n').filter((line) => /^[\w./[-]+$/.test(line))) {
    const name = path.split('/').pop() ?? ''
    if (names.has(name)) continue
    names.add(name)
    const directory = /(^|\/)sbin\//.test(path) ? 'usr/sbin' : 'usr/bin'
    links.push({ type: 'symlink', path: `${directory}/${name}`, target: '/usr/bin/busybox' })
  }
  return [{ type: 'file', path: 'usr/bin/busybox', mode: 0o755, content: { hostPath: join(root, hostPath) } }, ...links]
}
