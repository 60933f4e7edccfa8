import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { errnoOf, MayflyError, messageOf } from '../errors.js'
import { type Guest, isGuest } from '../guest/spec.js'

export interface NamedGuest {
  /** What it is called on a command line. */
  name: string
  guest: Guest
}

type Module = Record<string, unknown>

/** Node's own reasons to want somebody else for TypeScript: its age, or syntax and file names that it does not do. */
const NOT_FOR_NODE = ['ERR_UNKNOWN_FILE_EXTENSION', 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', 'ERR_MODULE_NOT_FOUND']

/** Whether an argument names a module rather than an image: `./guests.ts`, `guests.mjs#web`. */
export function isModule(text: string): boolean {
  return /\.[cm]?[jt]s(?:#|$)/.test(text)
}

/**
 * The guests that a module exports, also in arrays and records; with `#name`, those of that export.
 * @throws MayflyError MAYFLY_GUEST_INVALID when it cannot be loaded, or exports none.
 */
export async function guestsOfModule(text: string): Promise<NamedGuest[]> {
  const [path, wanted] = text.split('#') as [string, string?]
  const exported = guestsIn(await load(resolve(path)))
  if (exported.length === 0) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `${path} exports no guest`, {
      hint: "Export what defineGuest returns: export const web = defineGuest({ image: 'debian' })",
    })
  }
  const picked = exported.filter(({ name }) => !wanted || name === wanted || name.startsWith(`${wanted}.`))
  if (picked.length === 0) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `${path} exports no guest ${JSON.stringify(wanted)}`, {
      hint: `It exports ${exported.map(({ name }) => name).join(', ')}.`,
    })
  }
  // One that is exported twice is one.
  const distinct = picked.filter(({ guest }, at) => picked.findIndex((other) => other.guest === guest) === at)
  return distinct.map(({ name, guest }) => ({ name: `${basename(path)}#${name}`, guest }))
}

/** By the names of the exports, and of what is one level below them. */
function guestsIn(module: Module): NamedGuest[] {
  return Object.entries(module).flatMap(([name, value]) => {
    if (isGuest(value)) return [{ name, guest: value }]
    if (typeof value !== 'object' || value === null) return []
    return Object.entries(value).flatMap(([key, guest]) => (isGuest(guest) ? [{ name: `${name}.${key}`, guest }] : []))
  })
}

async function load(path: string): Promise<Module> {
  try {
    try {
      return (await import(pathToFileURL(path).href)) as Module
    } catch (error) {
      if (!NOT_FOR_NODE.includes(errnoOf(error) ?? '')) throw error
      return await loadByVite(path, error)
    }
  } catch (error) {
    if (error instanceof MayflyError) throw error
    throw new MayflyError('MAYFLY_GUEST_INVALID', `cannot load ${path}`, {
      details: messageOf(error).split('\n'),
      cause: error,
    })
  }
}

/** vitest brings vite, and whoever writes guests in TypeScript has it. */
async function loadByVite(path: string, why: unknown): Promise<Module> {
  const vite = await import('vite').catch(() => undefined)
  if (!vite) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', `cannot load ${path}`, {
      details: [messageOf(why)],
      hint: 'This Node cannot load it by itself. Install vite, which vitest brings along, or write it in JavaScript.',
      cause: why,
    })
  }
  const { module } = await vite.runnerImport<Module>(path, { configFile: false, logLevel: 'silent' })
  return module
}
