/** @import { TestDetails, TestRow } from '../model.js' */
import { element, stateIcon } from './element.js'
import { duration } from './format.js'
import { isBad } from './overview.js'
import { badge } from './parts.js'
import { addressOf } from './report-data.js'
import { Haystack } from './search.js'

/** @typedef {{ test: TestRow, haystack: Haystack, item: HTMLElement, link: HTMLElement, excerpt: HTMLElement }} Row */
/** @typedef {'all' | 'failed' | 'odd' | 'skipped'} Filter */

const PREPARED_AT_ONCE = 20

/** @type {Record<Filter, (test: TestRow) => boolean>} */
export const FILTERS = {
  all: () => true,
  failed: isBad,
  odd: ({ findings, retries, harnessRetries }) => findings.length + retries + harnessRetries > 0,
  skipped: ({ state }) => state === 'skipped',
}

/** Every test of the run, those that failed first, then file by file. */
export class TestList {
  /** @param {readonly TestRow[]} tests */
  constructor(tests) {
    this.rows = tests.map(listRow)
    const bad = this.rows.filter(({ test }) => isBad(test))
    /** @type {Map<string, Row[]>} */
    const groups = new Map(bad.length > 0 ? [['Failed', bad]] : [])
    for (const row of this.rows.filter(({ test }) => !isBad(test))) {
      const title = [row.test.project, row.test.file].filter(Boolean).join(' › ')
      const group = groups.get(title) ?? []
      groups.set(title, group)
      group.push(row)
    }
    /** In the order in which they are shown. */
    this.ordered = [...groups.values()].flat()
    this.groups = [...groups].map(([title, rows]) => ({
      rows,
      view: element(
        'section',
        { class: 'group' },
        element('h3', {}, title),
        element('ul', {}, ...rows.map(({ item }) => item)),
      ),
    }))
    this.none = element('p', { class: 'none', hidden: true }, 'No test matches.')
    this.view = element('div', { class: 'list' }, ...this.groups.map(({ view }) => view), this.none)
  }

  /** @param {readonly TestDetails[]} details */
  addDetails(details) {
    this.rows.forEach(({ haystack }, index) => {
      const found = details[index]
      if (found) haystack.add(found)
    })
    this.#prepareSearch(0)
  }

  /** While the reader reads: so the first search is as quick as the others.
   * @param {number} from
   */
  #prepareSearch(from) {
    if (from >= this.rows.length) return
    for (const { haystack } of this.rows.slice(from, from + PREPARED_AT_ONCE)) haystack.hidden()
    setTimeout(() => this.#prepareSearch(from + PREPARED_AT_ONCE))
  }

  /** Shows what matches, and gives how many that are.
   * @param {readonly string[]} words
   * @param {Filter} filter
   */
  apply(words, filter) {
    let count = 0
    for (const { rows, view } of this.groups) {
      let visible = 0
      for (const { test, haystack, item, excerpt } of rows) {
        item.hidden = !(FILTERS[filter](test) && haystack.matches(words))
        if (item.hidden) continue
        visible++
        const line = words.length > 0 ? haystack.excerpt(words) : undefined
        excerpt.textContent = line ?? ''
        excerpt.hidden = line === undefined
      }
      view.hidden = visible === 0
      count += visible
    }
    this.none.hidden = count > 0
    return count
  }

  /** @param {TestRow | undefined} selected */
  select(selected) {
    for (const { test, link } of this.rows) {
      if (test === selected) link.setAttribute('aria-current', 'true')
      else link.removeAttribute('aria-current')
    }
  }

  /** Moves the focus by `by` rows, from the one that has it, or from the selected one.
   * @param {number} by
   */
  move(by) {
    const visible = this.ordered.filter(({ item }) => !item.hidden)
    const focused = visible.findIndex(({ link }) => link === document.activeElement)
    const from = focused >= 0 ? focused : visible.findIndex(({ link }) => link.hasAttribute('aria-current'))
    const next = visible[from < 0 ? 0 : Math.min(visible.length - 1, Math.max(0, from + by))]
    // Where the screen is narrow, an open test takes the place of the list.
    if (!this.view.checkVisibility()) {
      next?.link.click()
      return
    }
    next?.link.focus()
    next?.link.scrollIntoView({ block: 'nearest' })
  }
}

/** @param {TestRow} test @returns {Row} */
function listRow(test) {
  const { name, suites, state, durationMs, findings, retries, harnessRetries, failure, message } = test
  const excerpt = element('span', { class: 'excerpt', hidden: true })
  const link = element(
    'a',
    { class: `list-row ${state}`, href: addressOf(test) },
    stateIcon(state),
    element(
      'span',
      { class: 'names' },
      suites.length > 0 && element('span', { class: 'suites' }, `${suites.join(' › ')} › `),
      element('span', { class: 'name' }, name),
      failure === 'harness' && badge('harness', 'warn'),
      retries + harnessRetries > 0 && badge(`retry ×${retries + harnessRetries}`, 'warn'),
      findings.length > 0 && badge('console', 'warn'),
      message !== undefined && element('span', { class: 'why' }, message.split('\n', 1)[0] ?? ''),
      excerpt,
    ),
    element('span', { class: 'took' }, durationMs === undefined ? '' : duration(durationMs)),
  )
  const item = element('li', {}, link)
  return { test, haystack: new Haystack(test), item, link, excerpt }
}
