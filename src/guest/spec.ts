import { z } from 'zod'
import { MayflyError } from '../errors.js'
import {
  type EmbeddedImage,
  embeddedImage,
  embeddedSchema,
  type KernelImage,
  kernelSchema,
} from '../image/reference.js'
import { GIB, MIB, type Size, toBytes } from '../units.js'
import { type Step, stepSchema } from './steps.js'

/** Names of the guests that Mayfly builds itself, with the memory each needs to be comfortable. */
const EMBEDDED = { micro: { memory: 256 * MIB, disk: GIB }, debian: { memory: 512 * MIB, disk: 8 * GIB } } as const
const MINIMUM_MEMORY = 96 * MIB
const MAXIMUM_CPUS = 255

const size = z.union([z.number(), z.string()])

const guestSchema = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  image: z.union([z.string().min(1), embeddedSchema, kernelSchema]),
  cpus: z.int().min(1).max(MAXIMUM_CPUS).default(1),
  memory: size.optional(),
  disk: size.optional(),
  /** A screen and a keyboard. Default false: they cost time at every start. */
  display: z.boolean().default(false),
  provision: z.array(stepSchema).default([]),
})

/** A guest as users write it. */
export type GuestSpec = Omit<z.input<typeof guestSchema>, 'provision' | 'memory' | 'disk'> & {
  /** A bare number counts MiB. */
  memory?: Size
  /** Virtual size of the disk. A bare number counts GiB. */
  disk?: Size
  provision?: readonly Step[]
}

/** A validated guest: what every room to the right trusts. */
export interface Guest {
  readonly name: string
  readonly image: EmbeddedImage | KernelImage
  readonly cpus: number
  readonly memoryBytes: number
  readonly diskBytes: number
  readonly display: boolean
  readonly provision: readonly Step[]
}

/** Marks what has been validated, also by another copy of this package: a user's module may load its own. */
const GUEST = Symbol.for('mayfly.guest.v1')

/** Whether a value came from `defineGuest`. */
export function isGuest(value: unknown): value is Guest {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, GUEST)
}

/**
 * Validates a guest and fills in its defaults. A guest that was defined before is returned as it is.
 * @throws MayflyError MAYFLY_GUEST_INVALID naming every wrong option and the value received, MAYFLY_IMAGE_NOT_FOUND for an unknown image name.
 */
export function defineGuest(spec: GuestSpec | Guest | string): Guest {
  if (isGuest(spec)) return spec
  const given = typeof spec === 'string' ? { image: spec } : spec
  const parsed = guestSchema.safeParse(given)
  if (!parsed.success) throw invalid(given, parsed.error)
  const { image: reference, cpus, display, provision } = parsed.data
  const image = typeof reference === 'string' ? embeddedImage(reference) : reference
  const defaults = 'name' in image ? EMBEDDED[image.name] : EMBEDDED.debian
  const guest: Guest = {
    name: parsed.data.name ?? ('name' in image ? image.name : 'kernel'),
    image,
    cpus,
    memoryBytes: memoryOf(parsed.data.memory ?? `${defaults.memory}`),
    diskBytes: toBytes(parsed.data.disk ?? `${defaults.disk}`, GIB, 'disk'),
    display,
    provision,
  }
  // Not enumerable: a copy with other properties has not been validated.
  return Object.freeze(Object.defineProperty(guest, GUEST, { value: true }))
}

function memoryOf(memory: Size): number {
  const bytes = toBytes(memory, MIB, 'memory')
  // QEMU takes whole MiB; a page short of one would not match the RAM file.
  const whole = Math.ceil(bytes / MIB) * MIB
  if (whole < MINIMUM_MEMORY || whole > 4096 * GIB) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `memory is out of range: ${JSON.stringify(memory)}`, {
      hint: `Give at least ${MINIMUM_MEMORY / MIB} MiB and at most 4 TiB, such as '256MiB'; a bare number counts MiB.`,
    })
  }
  return whole
}

function invalid(given: unknown, error: z.ZodError): MayflyError {
  const received = (path: PropertyKey[]) =>
    path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], given)
  return new MayflyError('MAYFLY_GUEST_INVALID', 'the guest is not valid', {
    details: error.issues.map(({ path, message }) => {
      const where = path.length === 0 ? 'guest' : path.map(String).join('.')
      return `${where}: ${message} (received ${JSON.stringify(received(path))})`
    }),
    hint: 'See the README, "Guests", for every option.',
  })
}
