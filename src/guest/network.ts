import type { z } from 'zod'
import { lazySchema } from '../zod.js'

const tap = lazySchema((z) => {
  const bridge = z
    .string()
    // What the kernel takes as the name of an interface.
    .regex(
      /^[^\s/:%]{1,15}$/,
      'must be the name of a network interface: at most 15 characters, no spaces, slashes or colons',
    )
  return z.strictObject({
    mode: z.literal('tap'),
    /** The host's bridge that the guest is connected to. */
    bridge: bridge.default('br0'),
    /** A lease file to look into besides the usual ones: dnsmasq's, or ISC dhcpd's. */
    leases: z.string().min(1).optional(),
  })
})

/** How a guest is connected: by a word, or for `tap` with the bridge's name. */
export const networkSchema = lazySchema((z) =>
  z
    .union([z.enum(['user', 'none', 'tap']), tap()])
    .default('user')
    .transform((given): Network => {
      if (typeof given === 'object') return given
      return given === 'tap' ? tap().parse({ mode: 'tap' }) : { mode: given }
    }),
)

/**
 * `user`: QEMU's own network, which reaches out, and is reached through forwarded ports. `tap`: a bridge of the host's.
 * `none`: no network card.
 */
export type Network = { mode: 'user' } | { mode: 'none' } | TapNetwork
export type TapNetwork = z.output<ReturnType<typeof tap>>
