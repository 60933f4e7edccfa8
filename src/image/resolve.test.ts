import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { KernelImage } from './reference.js'
import { type ResolveOptions, resolveImage } from './resolve.js'

test("a kernel's digest has all that is said of it, and each file in its place", async () => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-resolve-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const [kernel, other] = [join(directory, 'kernel'), join(directory, 'other')]
  await writeFile(kernel, 'kernel')
  await writeFile(other, Buffer.alloc(512))
  const plain: KernelImage = { kernel, cmdline: '', agent: false }
  const images: KernelImage[] = [
    plain,
    { ...plain, cmdline: 'quiet' },
    { ...plain, agent: true },
    { ...plain, initrd: other },
    { ...plain, disk: other },
  ]
  const digests = await Promise.all(
    images.map(async (image) => (await resolveImage(image, {} as ResolveOptions)).digest),
  )
  expect(new Set(digests).size).toBe(images.length)
  expect((await resolveImage({ ...plain }, {} as ResolveOptions)).digest).toBe(digests[0])
})
