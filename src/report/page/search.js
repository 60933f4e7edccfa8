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
    const { name, suites, file, project = '', message = '', state, failure = '' } = test
    this.shown = [...suites, name, file, project].join(' ').toLowerCase()
    this.hidden = [message, state, failure, ...test.findings.map(({ kind, line }) => `${kind} ${line}`)].join('\n')
    this.hiddenLower = this.hidden.toLowerCase()
  }

  /** @param {TestDetails} details */
  add(details) {
    const texts = [this.hidden, ...textsOf(details)]
    this.hidden = withoutAnsi(texts.join('\n'))
    this.hiddenLower = this.hidden.toLowerCase()
  }

  /** @param {readonly string[]} words */
  matches(words) {
    return words.every((word) => this.shown.includes(word) || this.hiddenLower.includes(word))
  }

  /** The line that holds the first word which the row does not show, shortened around it.
   * @param {readonly string[]} words
   */
  excerpt(words) {
    const word = words.find((candidate) => !this.shown.includes(candidate))
    const at = word === undefined ? -1 : this.hiddenLower.indexOf(word)
    if (word === undefined || at < 0) return undefined
    const start = Math.max(this.hidden.lastIndexOf('\n', at) + 1, at - 30)
    const newline = this.hidden.indexOf('\n', at)
    const end = Math.min(newline < 0 ? this.hidden.length : newline, at + word.length + 60)
    return this.hidden.slice(start, end).trim()
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
