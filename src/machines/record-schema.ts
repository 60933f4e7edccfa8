import { z } from 'zod'
import { damaged, type Machine, RECORD_FORMAT } from './record.js'

const text = z.string().min(1)

/** What commands rely on before they act on a machine; the guest and the image are as they were validated when it was made. */
const recordSchema = z.object({
  format: z.literal(RECORD_FORMAT),
  name: text,
  createdAt: text,
  guest: z.looseObject({
    name: text,
    cpus: z.int().positive(),
    memoryBytes: z.int().positive(),
    diskBytes: z.int().nonnegative(),
    network: z.looseObject({ mode: text }),
    ssh: z.looseObject({ user: text }),
    provision: z.array(z.looseObject({ kind: text })),
  }),
  image: z.looseObject({ name: text, digest: text, dir: text }),
  cacheDir: text,
  machineType: text,
  hostKey: text,
  provisionedAt: text.optional(),
  vmfile: text.optional(),
  agent: z.boolean(),
  starts: z.int().nonnegative(),
  run: z
    .object({
      startedAt: text,
      sockets: text,
      card: z.looseObject({ mode: text }),
      process: z.object({ pid: z.int().positive(), startTime: z.number() }).optional(),
      ssh: z.object({ host: text, port: z.int().positive() }).optional(),
      readyAt: text.optional(),
    })
    .optional(),
  ended: z.object({ how: text, at: text }).optional(),
})

/** @throws MayflyError MAYFLY_VM_STATE naming all that is wrong with a machine's record. */
export function assertSound(machine: Machine): Machine {
  const { error } = recordSchema.safeParse(machine.record)
  if (!error) return machine
  throw damaged(
    machine.directory,
    error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`),
  )
}
