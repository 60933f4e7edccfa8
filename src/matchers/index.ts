import '../node-globals.js'
import { expect } from 'vitest'
import { commandMatchers } from './command-matchers.js'
import { fileMatchers } from './file-matchers.js'
import { matchersOf } from './matcher.js'
import { serviceMatchers } from './service-matchers.js'
import { systemMatchers } from './system-matchers.js'
import type { GuestMatchers } from './types.js'
import type { AnyDefinition } from './verdict.js'

export type { FileMode } from '../vm/resources/file-mode.js'
export type { EventuallyOptions } from './eventually.js'
export type { Pattern } from './text.js'
export type { GuestMatchers } from './types.js'

const definitions = {
  ...serviceMatchers,
  ...fileMatchers,
  ...commandMatchers,
  ...systemMatchers,
} satisfies Record<keyof GuestMatchers, AnyDefinition>

expect.extend(matchersOf(definitions))
