/** @import { ReportedError, TestDetails, TestRow } from '../model.js' */
import { withoutAnsi } from './ansi.js'

/** The words of a query, all of which must be found; `"two words"` is one.
 * @param {string} query
 * @returns {string[]}
 */
export function wordsOf(query) {
  return [...query.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
}

/** Everything that can be found in a test, in two texts: what its row in the list shows, and the rest. */
export class Haystack {
  /** @param {TestRow} test */
  constructor(test) {
    const { name, suites, file, project = '' } = test
    this.test = test
    this.shown = [...suites, name, file, project].join(' ').toLowerCase()
    /** @type {TestDetails | undefined} */
    this.details = undefined
    /** @type {{ text: string, lower: string } | undefined} */
    this.rest = undefined
  }

  /** @param {TestDetails} details */
  add(details) {
    this.details = details
    this.rest = undefined
  }

  /** The rest, put together when it is first asked for. */
  hidden() {
    if (!this.rest) {
      const { message = '', state, failure = '', findings } = this.test
      const texts = [message, state, failure, ...findings.map(({ kind, line }) => `${kind} ${line}`)]
      const text = withoutAnsi([...texts, ...(this.details ? textsOf(this.details) : [])].join('\n'))
      this.rest = { text, lower: text.toLowerCase() }
    }
    return this.rest
  }

  /** @param {readonly string[]} words */
  matches(words) {
    return words.every((word) => this.shown.includes(word) || this.hidden().lower.includes(word))
  }

  /** The line that holds the first word which the row does not show, shortened around it.
   * @param {readonly string[]} words
   */
  excerpt(words) {
    const word = words.find((candidate) => !this.shown.includes(candidate))
    if (word === undefined) return undefined
    const { text, lower } = this.hidden()
    const at = lower.indexOf(word)
    const start = Math.max(text.lastIndexOf('\n', at) + 1, at - 30)
    const newline = text.indexOf('\n', at)
    const end = Math.min(newline < 0 ? text.length : newline, at + word.length + 60)
    return text.slice(start, end).trim()
  }
}

/** @param {TestDetails} details */
function* textsOf({ errors, machines, output, annotations, files }) {
  for (const error of errors) yield* errorTexts(error)
  for (const { name, guest, entries } of machines) {
    yield `${name} ${guest}`
    for (const { title, result = '', stdout = '', stderr = '' } of entries) {
      yield `${title} ${result}`
      if (stdout) yield stdout
      if (stderr) yield stderr
    }
  }
  for (const { text } of output) yield text
  yield* annotations
  for (const { path, text = '' } of files) yield `${path}\n${text}`
}

/** @param {ReportedError} error @returns {Generator<string>} */
function* errorTexts({ name, message, diff = '', cause }) {
  yield `${name} ${message}\n${diff}`
  if (cause) yield* errorTexts(cause)
}
