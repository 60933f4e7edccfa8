import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeImageManifest } from '../../image/image-manifest.js'
import { openStore, type Store } from '../../image/store.js'
import { FORMAT } from '../format.js'
import { FILES } from '../machine.js'
import { writeManifest } from '../manifest.js'

const DAY_MS = 86_400_000

export interface SeededCache extends AsyncDisposable {
  store: Store
  /** An image of `sizeBytes` that was last used so long ago. */
  image(key: string, options: { daysUnused: number; sizeBytes?: number }): Promise<string>
  /** A template on the image `imageKey`, in every file as if it had been sealed. */
  template(key: string, imageKey: string, options: Contents & { daysUnused: number }): Promise<string>
  /** The same in a directory that is there. */
  fill(directory: string, key: string, imageKey: string, options: Contents): Promise<void>
}

interface Contents {
  sizeBytes?: number
  /** Key of the template that it is stacked on. */
  on?: string
}

/** A cache directory of its own, filled by hand: what the collector looks at, and nothing that boots. */
export async function seededCache(): Promise<SeededCache> {
  const root = await mkdtemp(join(tmpdir(), 'mayfly-cache-'))
  const store = await openStore(root)
  const age = async (directory: string, days: number) => {
    const then = new Date(Date.now() - days * DAY_MS)
    await writeFile(join(directory, 'used'), '')
    await utimes(join(directory, 'used'), then, then)
    return directory
  }
  return {
    store,
    async image(key, { daysUnused, sizeBytes = 0 }) {
      const directory = join(store.images, key)
      await mkdir(directory)
      await writeFile(join(directory, 'vmlinux'), Buffer.alloc(sizeBytes, 1))
      const image = {
        name: 'micro',
        digest: digestOf(key),
        kernel: 'vmlinux',
        initrd: 'vmlinux',
        cmdline: [],
        features: { seed: true, agent: true },
      }
      await writeImageManifest(directory, image)
      return await age(directory, daysUnused)
    },
    fill,
    async template(key, imageKey, { daysUnused, ...options }) {
      const directory = join(store.templates, key)
      await mkdir(directory)
      await fill(directory, key, imageKey, options)
      return await age(directory, daysUnused)
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

async function fill(directory: string, key: string, imageKey: string, { sizeBytes = 0, on }: Contents): Promise<void> {
  for (const name of [FILES.ram, FILES.state, FILES.disk, FILES.overlay, FILES.initrd, FILES.privateKey]) {
    await writeFile(join(directory, name), name === FILES.ram ? Buffer.alloc(sizeBytes, 1) : name)
  }
  await writeManifest(directory, {
    name: 'micro',
    createdAt: new Date().toISOString(),
    seal: key,
    title: on === undefined ? 'boot micro' : `shell ${key}`,
    parent: on === undefined ? undefined : { key: on, seal: on, stacked: true },
    ingredients: {
      guest: {
        format: FORMAT,
        name: 'micro',
        image: digestOf(imageKey),
        cpus: 1,
        memoryBytes: 0,
        diskBytes: 0,
        provision: [],
      },
      host: { qemu: 'another', qemuFile: '', accelerator: 'tcg', cpu: '', argv: [] },
    },
    hostKey: '',
    agent: false,
    timings: {},
  })
}

function digestOf(imageKey: string): string {
  return `sha256:${createHash('sha256').update(imageKey).digest('hex')}`
}
