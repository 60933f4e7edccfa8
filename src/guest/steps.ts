import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import { MayflyError } from '../errors.js'

export const stepSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('packages'), names: z.array(z.string().regex(/^[\w.+:~=-]+$/)).min(1) }),
  z.strictObject({
    kind: z.literal('file'),
    source: z.string().min(1),
    target: z.string().startsWith('/'),
    mode: z.number().int().min(0).max(0o7777).optional(),
    owner: z.string().optional(),
  }),
  z.strictObject({ kind: z.literal('shell'), script: z.string().min(1) }),
])

/** One provision step: plain data, run in order before the template is sealed. */
export type Step = z.output<typeof stepSchema>

/** Installs packages with the guest's own package manager. */
export function packages(...names: string[]): Step {
  return { kind: 'packages', names }
}

/**
 * Copies a host file into the guest.
 * @param source path on the host, from the current directory.
 * @param options.mode permission bits, such as `0o644`; the source's own otherwise.
 * @param options.owner `user` or `user:group`; root otherwise.
 */
export function file(source: string, target: string, options: { mode?: number; owner?: string } = {}): Step {
  return { kind: 'file', source: resolve(source), target, ...options }
}

/** Runs a script with `/bin/sh -eu` as root; it must exit 0. */
export function shell(script: string): Step {
  return { kind: 'shell', script }
}

/**
 * What decides a step's effect, as text: its own data, and the bytes of the file it copies instead of where they lie.
 * @throws MayflyError MAYFLY_GUEST_INVALID when the file cannot be read.
 */
export async function stepFingerprint(step: Step): Promise<string> {
  if (step.kind !== 'file') return JSON.stringify(step)
  const { source, ...rest } = step
  try {
    return JSON.stringify({
      ...rest,
      sha256: createHash('sha256')
        .update(await readFile(source))
        .digest('hex'),
    })
  } catch (error) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `a provision step's file cannot be read: ${source}`, {
      details: [String(error)],
      hint: 'Paths are resolved from the directory in which the step was defined to run.',
      cause: error,
    })
  }
}

/** One line for people: what the step does. */
export function describeStep(step: Step): string {
  if (step.kind === 'packages') return `packages ${step.names.join(' ')}`
  if (step.kind === 'file') return `file ${step.target}`
  const [first = '', ...more] = step.script.trim().split('\n')
  return `shell ${first.slice(0, 60)}${more.length > 0 || first.length > 60 ? ' …' : ''}`
}
