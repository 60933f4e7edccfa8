import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CpioEntry } from './cpio.js'

/** Where a root has it: some releases have /usr paths only. */
export async function busyboxPath(root: string): Promise<string> {
  return join(root, (await readdir(join(root, 'usr/bin'))).includes('busybox') ? 'usr/bin/busybox' : 'bin/busybox')
}

/** busybox and a shell. The guest makes the other links (`busybox --install`): only there a busybox of another architecture runs. */
export async function busyboxEntries(root: string): Promise<CpioEntry[]> {
  return [
    { type: 'file', path: 'usr/bin/busybox', mode: 0o755, content: { hostPath: await busyboxPath(root) } },
    { type: 'symlink', path: 'usr/bin/sh', target: 'busybox' },
  ]
}
