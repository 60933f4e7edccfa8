// @ts-check
import { link, mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { defineGuest, shell } from 'mayfly'
import { closeSession } from '../../dist/session/session.js'
import { prepare } from '../../dist/snapshot/prepare.js'
import { row } from './row.js'
import { stopwatch } from './statistics.js'

/** A second or a few each on an emulated guest, with nothing from the network. */
const STEPS = [
  'find /usr/sbin -type f -exec sha256sum {} + > /root/programs.sha256',
  'tar -C / -czf /root/etc.tar.gz etc usr/share/perl5',
  'mkdir /root/tree; i=0; while [ $i -lt 1500 ]; do echo $i > /root/tree/file-$i; i=$((i+1)); done',
  "find /usr/lib -name '*.pm' -exec grep -c sub {} + | sort -t: -k2 -n > /root/subs",
]
const LAST = `perl -e 'my %count; $count{$_ % 9973}++ for 1 .. 800_000; print scalar(keys %count), "\\n"' > /root/count`

/** @param {string} name */
export const provisionRowName = (name) => `${name}: changed last provision step of five, warm time / from scratch`

/**
 * A cache of its own, which has the image and no template. Each of its preparations is like another process's: what one of
 * them knows of the cache does not help the next.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchProvision({ name, prepared, makeDirectory }, { repeat, progress }) {
  progress(provisionRowName(name))
  /** @param {string} cacheDir @param {string} lastStep */
  const warm = async (cacheDir, lastStep) => {
    const provision = [...STEPS, lastStep].map((script) => shell(script))
    const guest = defineGuest({ name: `${name}-five-steps`, image: /** @type {any} */ (name), provision })
    const ms = await stopwatch(() => prepare(guest, { cacheDir }))
    await closeSession(cacheDir)
    progress(`  ${(ms / 1000).toFixed(1)} s`)
    return ms / 1000
  }
  /** @type {number[]} */
  const value = []
  /** @type {number[]} */
  const floor = []
  for (let round = 0; round < Math.max(1, Math.floor(repeat / 3)); round++) {
    const cacheDir = await makeDirectory()
    try {
      await linkImage(prepared.image.dir, cacheDir)
      floor.push(await warm(cacheDir, LAST))
      for (const change of ['first', 'second']) value.push(await warm(cacheDir, `${LAST} # ${change} change`))
    } finally {
      await closeSession(cacheDir)
      await rm(cacheDir, { recursive: true, force: true })
    }
  }
  const target = 'ratio <= 0.2'
  return [row({ name: provisionRowName(name), unit: 's', value, floor, target, note: 'boot and five steps' })]
}

/**
 * @param {string} image directory, whose files are never written to
 * @param {string} cacheDir on the same file system
 */
async function linkImage(image, cacheDir) {
  const target = join(cacheDir, 'images', basename(image))
  await mkdir(target, { recursive: true })
  for (const name of await readdir(image)) await link(join(image, name), join(target, name))
}
