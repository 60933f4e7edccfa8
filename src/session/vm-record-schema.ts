import { z } from 'zod'
import { isDate } from '../sealed-json.js'
import type { VmRecord } from './list.js'

const text = z.string().min(1)

export const vmRecordSchema: z.ZodType<VmRecord> = z.object({
  id: text,
  name: text,
  pid: z.int().positive(),
  sshHost: text.optional(),
  sshPort: z.int().positive().optional(),
  login: z.object({ user: text, privateKeyPath: text, hostKey: z.string() }).optional(),
  startedAt: text.refine(isDate, 'expected a date'),
  template: text.optional(),
  image: text.optional(),
}) as never
