import { readdir, readFile, statfs } from 'node:fs/promises'
import { availableParallelism, loadavg, platform, release } from 'node:os'
import { hostMemory } from '../host/memory.js'
import type { Harness } from '../session/harness.js'
import { formatBytes } from '../units.js'

/** The host's state at the end of a test, one fact a line; without a harness, what is known without one. */
export async function hostText(harness: Harness | undefined, ownPids: readonly number[]): Promise<string> {
  const { total, available } = hostMemory()
  const others = await otherQemus(ownPids)
  const lines: [string, string][] = [
    ['system', `${platform()} ${release()}, Node ${process.version}`],
    ['processors', `${availableParallelism()}`],
    [
      'load',
      loadavg()
        .map((load) => load.toFixed(2))
        .join(' '),
    ],
    ['memory', `${formatBytes(available)} available of ${formatBytes(total)}`],
    ...(harness ? await factsOf(harness) : []),
    ['other QEMUs', others === undefined ? 'not known' : `${others}`],
  ]
  return `${lines.map(([name, value]) => `${`${name}:`.padEnd(14)}${value}`).join('\n')}\n`
}

async function factsOf({ store, qemu, accelerator }: Harness): Promise<[string, string][]> {
  return [
    ['disk', `${await freeSpace(store.root)} free for ${store.root}`],
    ['qemu', `${qemu.versionLabel} (${qemu.path})`],
    ['accelerator', `${accelerator.kind}: ${accelerator.reason}`],
  ]
}

async function freeSpace(path: string): Promise<string> {
  const { bavail, bsize } = await statfs(path)
  return formatBytes(bavail * bsize)
}

/** QEMUs on this host besides those of the test; undefined where there is no /proc. */
async function otherQemus(ownPids: readonly number[]): Promise<number | undefined> {
  const names = await readdir('/proc').catch(() => undefined)
  if (!names) return undefined
  const pids = names.filter((name) => /^\d+$/.test(name) && !ownPids.includes(Number(name)))
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')))
  return commands.filter((command) => command.startsWith('qemu-system')).length
}
