/** @import { Summary, TestRow } from '../model.js' */
import { element, stateIcon } from './element.js'
import { counted, dateAndTime, duration } from './format.js'
import { badges, errorPart, evidencePart, findingList } from './parts.js'
import { addressOf } from './report-data.js'

const MOST_FAILURES = 100
const MOST_SLOW = 10

/** The run as a whole: what failed, and what is odd though it passed.
 * @param {Summary} summary
 */
export function overview({ run, tests }) {
  const failed = tests.filter(isBad)
  const odd = tests.filter((test) => test.state === 'passed' && test.findings.length > 0)
  const again = tests.filter((test) => test.harnessRetries > 0)
  return element(
    'article',
    { class: 'overview', 'aria-labelledby': 'headline' },
    element('h2', { id: 'headline', tabindex: -1 }, headline(run, tests, failed.length)),
    proportions(tests),
    factList(run),
    ...run.notes.map((note) => element('p', { class: 'remark' }, note)),
    ...part('Failures', failed.slice(0, MOST_FAILURES), failureCard),
    failed.length > MOST_FAILURES &&
      element('p', { class: 'faint' }, `The other ${failed.length - MOST_FAILURES} are in the list.`),
    ...part('Errors outside of tests', run.errors, ({ where, error }) =>
      element('li', { class: 'card' }, element('p', { class: 'crumbs' }, where), errorPart(error)),
    ),
    ...part('On the consoles of tests that passed', odd, (test) =>
      element('li', { class: 'card' }, testLink(test), findingList(test.findings)),
    ),
    ...part('Tried again because the harness had failed', again, (test) =>
      element('li', {}, testLink(test), ...badges(test)),
    ),
    ...slowest(tests),
  )
}

/** @param {Summary['run']} run */
function factList({ startedAt, durationMs, facts }) {
  const all = [
    { label: 'Began', value: dateAndTime(startedAt) },
    { label: 'Took', value: duration(durationMs) },
    ...facts,
  ]
  return element(
    'dl',
    { class: 'facts-list' },
    ...all.map(({ label, value }) => element('div', {}, element('dt', {}, label), element('dd', {}, value))),
  )
}

/** @param {TestRow} test */
export function isBad({ state }) {
  return state === 'failed' || state === 'unfinished'
}

/** @param {Summary['run']} run @param {readonly TestRow[]} tests @param {number} bad */
function headline(run, tests, bad) {
  const outside = run.errors.length
  if (tests.length === 0 && outside === 0) return 'No test was run'
  const errors = `${counted(outside, 'error')} outside of tests`
  if (bad > 0) {
    const failed = `${bad.toLocaleString('en')} of ${counted(tests.length, 'test')} failed`
    return outside > 0 ? `${failed}, ${errors}` : failed
  }
  if (outside > 0) return errors
  if (run.outcome === 'interrupted') return `Interrupted, with ${counted(tests.length, 'test')}`
  return `${counted(tests.filter(({ state }) => state === 'passed').length, 'test')} passed`
}

/** @param {readonly TestRow[]} tests */
function proportions(tests) {
  const states = /** @type {const} */ (['failed', 'unfinished', 'passed', 'skipped'])
  const counts = states.map((state) => ({ state, count: tests.filter((test) => test.state === state).length }))
  const present = counts.filter(({ count }) => count > 0)
  return element(
    'div',
    {
      class: 'proportions',
      role: 'img',
      'aria-label': present.map(({ state, count }) => `${count} ${state}`).join(', '),
    },
    ...present.map(({ state, count }) => {
      const part = element('span', { class: state, title: `${count} ${state}` })
      part.style.flexGrow = String(count)
      return part
    }),
  )
}

/** @param {TestRow} test */
function failureCard(test) {
  const { message, evidence } = test
  return element(
    'li',
    { class: 'card' },
    element('div', { class: 'card-head' }, testLink(test), ...badges(test)),
    element('p', { class: 'crumbs' }, crumbs(test)),
    message !== undefined && element('pre', { class: 'message' }, message),
    evidence && evidencePart(evidence),
  )
}

/** @param {TestRow} test */
function testLink(test) {
  const link = element(
    'a',
    { class: 'test-link', href: addressOf(test) },
    stateIcon(test.state),
    element('span', {}, test.name),
  )
  if (test.durationMs !== undefined) link.append(element('span', { class: 'faint' }, duration(test.durationMs)))
  return link
}

/** @param {TestRow} test */
function crumbs({ project, file, line, suites }) {
  return [project, line === undefined ? file : `${file}:${line}`, ...suites].filter(Boolean).join(' › ')
}

/** @param {readonly TestRow[]} tests */
function slowest(tests) {
  const slow = tests
    .filter(({ durationMs = 0 }) => durationMs > 0)
    .sort((one, other) => (other.durationMs ?? 0) - (one.durationMs ?? 0))
    .slice(0, MOST_SLOW)
  const longest = slow[0]?.durationMs ?? 1
  if (slow.length < 2) return []
  return part('Slowest', slow, (test) => {
    const bar = element('span', { class: `length ${test.state}` })
    bar.style.width = `${((test.durationMs ?? 0) / longest) * 100}%`
    return element(
      'li',
      { class: 'slow' },
      testLink(test),
      element('span', { class: 'gauge', 'aria-hidden': 'true' }, bar),
    )
  })
}

/**
 * @template Item
 * @param {string} title
 * @param {readonly Item[]} items
 * @param {(item: Item) => HTMLElement} show
 */
function part(title, items, show) {
  if (items.length === 0) return []
  return [element('section', {}, element('h3', {}, title), element('ul', { class: 'cards' }, ...items.map(show)))]
}
