import { resolve } from 'node:path'
import type { z } from 'zod'
import { lazySchema } from '../zod.js'

/** Sets a machine up that is going to be sealed. Which machine it is given, and by whom, is the business of those who run it. */
export type SetupRun = (machine: never, signal?: AbortSignal) => Promise<void>

/** Why no shell of a guest could run a script. */
function unfitFor(script: string): string | undefined {
  if (script.includes('\0')) return 'holds a NUL character, which no shell reads'
  if (/^[^\n]*\r\n/.test(script)) return "has CRLF line ends. Write script.replaceAll('\\r\\n', '\\n')"
  return undefined
}

export const stepSchema = lazySchema((z) =>
  z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('packages'), names: z.array(z.string().regex(/^[\w.+:~=-]+$/)).min(1) }),
    z.strictObject({
      kind: z.literal('file'),
      source: z.string().min(1),
      target: z.string().startsWith('/'),
      mode: z.number().int().min(0).max(0o7777).optional(),
      owner: z.string().optional(),
    }),
    z.strictObject({
      kind: z.literal('shell'),
      script: z
        .string()
        .min(1)
        .superRefine((script, context) => {
          const message = unfitFor(script)
          if (message !== undefined) context.addIssue({ code: 'custom', message })
        }),
      user: z.string().min(1).optional(),
    }),
    z.strictObject({
      kind: z.literal('setup'),
      key: z.string().min(1),
      run: z.custom<SetupRun>((run) => typeof run === 'function', 'expected a function'),
    }),
  ]),
)

/** One provision step, run in order before the template is sealed: plain data, or code with a key that stands for it. */
export type Step = z.output<ReturnType<typeof stepSchema>>

/** A step that can be written down. */
export type DataStep = Exclude<Step, { kind: 'setup' }>

/** Installs packages with the guest's own package manager. */
export function packages(...names: string[]): Step {
  return { kind: 'packages', names }
}

/**
 * Copies a host file or directory into the guest.
 * @param source path on the host, from the current directory.
 * @param options.mode permission bits, such as `0o644`, for a directory those of every regular file in it; the source's own otherwise.
 * @param options.owner `user` or `user:group`; root otherwise.
 */
export function file(
  source: string,
  target: string,
  options: { mode?: number | undefined; owner?: string | undefined } = {},
): Step {
  return { kind: 'file', source: resolve(source), target, ...options }
}

/**
 * Runs a script with `/bin/sh -eu`; it must exit 0.
 * @param options.user who runs it; root otherwise.
 */
export function shell(script: string, options: { user?: string | undefined } = {}): Step {
  return { kind: 'shell', script, ...options }
}

/** One line for people: what the step does. A script that begins with a comment is called by it. */
export function describeStep(step: Step): string {
  if (step.kind === 'packages') return brief(`packages ${step.names.join(' ')}`)
  if (step.kind === 'file') return brief(`file ${step.target}`)
  if (step.kind === 'setup') return brief(`setup ${step.key}`)
  const script = step.script.trim()
  const comment = /^#+ (.+)/.exec(script)?.[1]
  return brief(`shell ${comment ?? script}`)
}

function brief(text: string): string {
  const [first = '', ...more] = text.split('\n')
  return `${first.slice(0, 66)}${more.length > 0 || first.length > 66 ? ' …' : ''}`
}
