import { z } from 'zod'
import { MayflyError } from '../errors.js'

/** A guest that Mayfly builds itself, from the distribution's packages. */
export const embeddedSchema = z.strictObject({
  name: z.enum(['micro', 'debian']),
  suite: z.enum(['bookworm', 'trixie']).optional(),
  mirror: z.url({ protocol: /^https?$/ }).optional(),
})

/**
 * A kernel and an initrd of the user's own, with or without a disk. The initrd finds its keys in `/mayfly`.
 * `agent` says that the guest runs Mayfly's agent, which then sets the clock and the random numbers of clones right.
 */
export const kernelSchema = z.strictObject({
  kernel: z.string().min(1),
  initrd: z.string().min(1),
  cmdline: z.string().default(''),
  disk: z.string().min(1).optional(),
  agent: z.boolean().default(false),
})

export type EmbeddedImage = z.output<typeof embeddedSchema>
export type KernelImage = z.output<typeof kernelSchema>

/**
 * An image by its short name: `micro`, `debian`, `debian:trixie`.
 * @throws MayflyError MAYFLY_IMAGE_NOT_FOUND.
 */
export function embeddedImage(text: string): EmbeddedImage {
  const [name, suite, ...rest] = text.split(':')
  const parsed = embeddedSchema.safeParse({ name, ...(suite === undefined ? {} : { suite }) })
  if (parsed.success && rest.length === 0) return parsed.data
  throw new MayflyError('MAYFLY_IMAGE_NOT_FOUND', `unknown image: ${JSON.stringify(text)}`, {
    hint: "Known images are 'micro' and 'debian', with a suite if you like ('debian:trixie'). Or give { kernel, initrd, cmdline, disk }.",
  })
}
