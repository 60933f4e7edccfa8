import { mainGlobal } from '../node-globals.js'

/** How to close what each JavaScript context of this process has open. */
type Contexts = Map<object, () => Promise<unknown>>

const KEY = Symbol.for('mayfly.contexts')

/**
 * Closes the sessions of other contexts: in vitest's vm pools each test file has one, and a Mayfly of its own. A worker runs
 * one file after the other, and no event says that a context has ended.
 * @param closeOwn what the next context calls.
 */
export async function closeOtherContexts(closeOwn: () => Promise<unknown>): Promise<void> {
  const owner = mainGlobal as { [KEY]?: Contexts }
  const contexts: Contexts = owner[KEY] ?? new Map()
  owner[KEY] = contexts
  const others = [...contexts].filter(([context]) => context !== globalThis)
  contexts.set(globalThis, closeOwn)
  for (const [context] of others) contexts.delete(context)
  // What cannot be ended is the watchdog's, and no fault of this file.
  await Promise.allSettled(others.map(([, close]) => close()))
}
