import { createRequire } from 'node:module'
import type { z } from 'zod'

export type Zod = typeof z

let loaded: Zod | undefined

/** Loaded by the first value that is validated: zod takes longer to import than all of Mayfly's own modules. `require`, because defineGuest is synchronous. */
export function zod(): Zod {
  loaded ??= (createRequire(import.meta.url)('zod') as { z: Zod }).z
  return loaded
}

/** A schema that is built when it is first used. */
export function lazySchema<Schema>(build: (z: Zod) => Schema): () => Schema {
  let built: Schema | undefined
  return () => {
    built ??= build(zod())
    return built
  }
}
