import type { MatcherState } from 'vitest'
import { shown } from '../shown-text.js'
import { eventually, splitOptions } from './eventually.js'
import { type Origin, subjectOf } from './subject.js'
import { written } from './timeline-entry.js'
import type { AnyDefinition, Verdict } from './verdict.js'

interface Outcome {
  pass: boolean
  message: () => string
  actual?: unknown
  expected?: unknown
}

type Matcher = (this: MatcherState, received: unknown, ...args: unknown[]) => Promise<Outcome>

/** `toBeRunning` and `toEventuallyBeRunning` for each definition. */
export function matchersOf(definitions: Readonly<Record<string, AnyDefinition>>): Record<string, Matcher> {
  return Object.fromEntries(
    Object.entries(definitions).flatMap(([name, definition]) => {
      const later = name.replace(/^to/, 'toEventually')
      return [
        [name, now(name, definition)],
        [later, inTime(later, definition)],
      ]
    }),
  )
}

function now(name: string, definition: AnyDefinition): Matcher {
  return async function (received, ...args) {
    const subject = subjectOf(name, definition.on, received)
    const wanted = wish(this, definition.wanted(...args))
    const look = () => definition.check(subject.resource, { evidence: true }, ...args)
    return outcome(this, subject, wanted, await written(this, subject, [name, ...args], look))
  }
}

function inTime(name: string, definition: AnyDefinition): Matcher {
  return async function (received, ...rest) {
    const subject = subjectOf(name, definition.on, received)
    const [args, options] = splitOptions(rest)
    const wanted = wish(this, definition.wanted(...args))
    const look = (looking: object): Promise<Verdict> => definition.check(subject.resource, looking, ...args)
    const verdict = await eventually(subject, { name, wanted, pass: !this.isNot, look }, options)
    return outcome(this, subject, `${wanted} in time`, verdict)
  }
}

function wish({ isNot }: MatcherState, wanted: string): string {
  return isNot ? `not ${wanted}` : wanted
}

function outcome(
  { isNot }: MatcherState,
  { title, vm }: Origin,
  wanted: string,
  { pass, seen, evidence = [], compared }: Verdict,
): Outcome {
  const message = () => {
    const sentence = `${vm ? `${vm.name}: ` : ''}expected ${title} ${wanted}, but it ${seen}`
    return shown([sentence, ...evidence.map((line) => `  ${line}`)].join('\n'))
  }
  return {
    pass,
    message,
    ...(isNot || !compared ? {} : { actual: printable(compared.actual), expected: printable(compared.expected) }),
  }
}

/** vitest prints what was compared as it is. */
function printable(value: unknown): unknown {
  return typeof value === 'string' ? shown(value) : value
}
