import type { z } from 'zod'
import { MayflyError } from '../errors.js'
import { nearest } from '../nearest.js'
import { URL } from '../node-globals.js'
import { lazySchema, zod } from '../zod.js'
import { catalogueNames } from './catalogue.js'

/** A guest that Mayfly builds itself, from the distribution's packages. */
const embeddedSchema = lazySchema((z) =>
  z.strictObject({
    name: z.enum(['micro', 'debian']),
    suite: z.enum(['bookworm', 'trixie']).optional(),
    mirror: z.url({ protocol: /^https?$/ }).optional(),
  }),
)

/**
 * A kernel of the user's own, with or without an initrd and a disk. The initrd finds its keys in `/mayfly`; a disk with
 * cloud-init can have them from there (`cloudInit`).
 * `agent` says that the guest runs Mayfly's agent, which then sets the clock and the random numbers of clones right.
 */
const kernelSchema = lazySchema((z) =>
  z.strictObject({
    kernel: z.string().min(1),
    initrd: z.string().min(1).optional(),
    cmdline: z.string().default(''),
    disk: z.string().min(1).optional(),
    agent: z.boolean().default(false),
  }),
)

const sha256 = () =>
  zod()
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'expected 64 hexadecimal digits')
    .transform((hex) => hex.toLowerCase())

/** A disk on this host, with a boot loader. What format it has, its bytes say. `sha256` is what the file must hash to. */
const fileSchema = lazySchema((z) => z.strictObject({ path: z.string().min(1), sha256: sha256().optional() }))

/** A disk with a boot loader at an address. It may be compressed (.xz, .zst, .gz, .bz2). */
const urlSchema = lazySchema((z) =>
  z.strictObject({
    url: z.url({ protocol: /^https?$/, hostname: /./ }),
    /** Of the file as it is served. Without one, what came first is kept. */
    sha256: sha256().optional(),
  }),
)

/** An image as an object; its text form is a name. */
export const imageSchema = lazySchema((z) => z.union([embeddedSchema(), kernelSchema(), fileSchema(), urlSchema()]))

export type EmbeddedImage = z.output<ReturnType<typeof embeddedSchema>>
export type KernelImage = z.output<ReturnType<typeof kernelSchema>>
/** A disk that its own boot loader starts. */
export type BootableDisk =
  | z.output<ReturnType<typeof fileSchema>>
  | z.output<ReturnType<typeof urlSchema>>
  | { catalogue: string }
export type ImageReference = EmbeddedImage | KernelImage | BootableDisk

/** Whether an image is a disk that firmware boots, by its boot loader. */
export function isBootable(image: ImageReference): image is BootableDisk {
  return 'path' in image || 'url' in image || 'catalogue' in image
}

/**
 * A guest of Mayfly's own by its short name: `micro`, `debian`, `debian:trixie`.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND.
 */
export function embeddedImage(text: string): EmbeddedImage {
  const [name, suite, ...rest] = text.split(':')
  const parsed = embeddedSchema().safeParse({ name, ...(suite === undefined ? {} : { suite }) })
  if (parsed.success && rest.length === 0) return parsed.data
  const written = imageWritten(text)
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text
  const meant = nearest(shown, ['micro', 'debian', ...catalogueNames()])
  throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `unknown image: ${JSON.stringify(shown)}`, {
    hint: written
      ? `Write it as an object: { ${Object.entries(written).map(([key, value]) => `${key}: '${value}'`)} }. A text is the name of an image.`
      : [
          ...(meant ? [`Did you mean '${meant}'?`] : []),
          "Names are 'micro', 'debian' ('debian:trixie'), and those of `mayfly image ls --catalogue`.",
          'Or give { path }, { url, sha256 } or { kernel, initrd, cmdline, disk }.',
        ].join(' '),
  })
}

/** What a command line means by the address or the path of a disk; undefined for a name. */
export function imageWritten(text: string): { url: string } | { path: string } | undefined {
  if (/^https?:\/\//i.test(text)) return { url: text }
  if (text.includes('/') || /\.(?:qcow2|img|raw|vmdk|vdi|vhdx?)(?:\.(?:xz|zst|gz|bz2))?$/i.test(text))
    return { path: text }
  return undefined
}

/** The same, or one of the catalogue: `debian-12`. */
export function imageByName(text: string): EmbeddedImage | BootableDisk {
  return catalogueNames().includes(text) ? { catalogue: text } : embeddedImage(text)
}

/** What a guest is called if it is not said: by its image. */
export function imageTitle(image: ImageReference): string {
  if ('name' in image) return image.name
  if ('catalogue' in image) return image.catalogue
  if ('kernel' in image) return 'kernel'
  const file = 'path' in image ? image.path : new URL(image.url).pathname
  return /([^/]+?)(?:\.(?:qcow2|img|raw|xz|zst|gz|bz2))*$/.exec(file)?.[1]?.slice(0, 200) ?? 'disk'
}
