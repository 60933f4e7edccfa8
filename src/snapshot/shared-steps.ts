import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Guest } from '../guest/spec.js'
import type { Image } from '../image/image.js'
import type { Store } from '../image/store.js'
import type { Ingredients } from './cache-key.js'
import { readManifest } from './manifest.js'
import { findTemplate, type Template } from './template.js'

/**
 * How many of a guest's first steps leave a disk that other machines can boot from, with another name, cpus or memory.
 * Those are files and packages: Mayfly knows that what they do is on the disk. A script or code may have changed the memory,
 * or looked at the name. Only debian is known to take its name and its keys anew at each boot.
 */
export function countSharedSteps({ image, firmware, cloudInit, network, provision }: Guest): number {
  if (!('name' in image) || image.name !== 'debian' || firmware || cloudInit || network.mode === 'none') return 0
  const other = provision.findIndex(({ kind }) => kind !== 'packages' && kind !== 'file')
  const first = other < 0 ? provision : provision.slice(0, other)
  // Files behind the last package are copied in no time.
  return first.findLastIndex(({ kind }) => kind === 'packages') + 1
}

/** The same for all guests that can boot from each other's disks: everything that must match but name, cpus and memory. */
export function sharedKey({ guest, host }: Ingredients): string {
  const { name: _name, cpus: _cpus, memoryBytes: _memory, ...same } = guest
  // The arguments of QEMU follow from these and from those left out.
  const { argv: _argv, ...runs } = host
  return createHash('sha256')
    .update(JSON.stringify([same, runs]))
    .digest('hex')
    .slice(0, 20)
}

/** The usable template with the fewest layers that differs from the one of `ingredients` in name, cpus or memory alone. */
export async function findSibling(store: Store, ingredients: Ingredients, image: Image): Promise<Template | undefined> {
  const wanted = sharedKey(ingredients)
  const found: Template[] = []
  for (const name of (await readdir(store.templates)).sort()) {
    const manifest = await readManifest(join(store.templates, name))
    if (typeof manifest !== 'object' || sharedKey(manifest.ingredients) !== wanted) continue
    const { template } = await findTemplate(store, manifest.ingredients, image)
    if (template) found.push(template)
  }
  return found.sort((a, b) => a.layers.length - b.layers.length)[0]
}
