import { lazySchema } from '../zod.js'
import { meta } from './field.js'

export const networkSchema = lazySchema((z) =>
  z
    .discriminatedUnion('mode', [
      z
        .strictObject({ mode: z.literal('user') })
        .meta(meta("QEMU's own network. The guest reaches out; the host reaches it through forwarded ports.")),
      z
        .strictObject({
          mode: z.literal('tap'),
          bridge: z
            .string()
            .regex(/^[^\s/]{1,15}$/)
            .default('br0')
            .meta(
              meta('The bridge that the guest is attached to.', {
                expects: 'the name of a network interface: at most 15 characters, no spaces or slashes',
                example: 'bridge "br0"',
              }),
            ),
        })
        .meta(meta('A TAP device on a bridge of the host.')),
      z.strictObject({ mode: z.literal('none') }).meta(meta('No network.')),
    ])
    .default({ mode: 'user' })
    .meta(meta('How the guest is connected.', { arguments: ['mode'], example: 'network "tap" { bridge "br0" }' })),
)
