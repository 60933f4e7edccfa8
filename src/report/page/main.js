/** @import { TestDetails } from '../model.js' */
/** @import { Filter } from './test-list.js' */
import { element } from './element.js'
import { counted } from './format.js'
import { highlight } from './highlight.js'
import { helpDialog, listenForKeys } from './keyboard.js'
import { overview } from './overview.js'
import { readDetails, readSummary } from './report-data.js'
import { wordsOf } from './search.js'
import { FILTERS, TestList } from './test-list.js'
import { testView } from './test-view.js'
import { restoreTheme, toggleTheme } from './theme.js'

restoreTheme()
const summary = readSummary()
const list = new TestList(summary.tests)
/** @type {readonly TestDetails[] | Error | undefined} */
let details
/** @type {Filter} */
let filter = 'all'

const search = element('input', {
  type: 'search',
  id: 'search',
  placeholder: 'Search tests, commands, output, consoles',
  'aria-label': 'Search tests, commands, output, consoles',
  autocomplete: 'off',
  spellcheck: 'false',
})
const found = element('p', { class: 'found', role: 'status' })
const main = element('main', { id: 'main' })

const LABELS = /** @type {const} */ ({ all: 'All', failed: 'Failed', odd: 'Warnings', skipped: 'Skipped' })
const HINTS = { all: '', failed: '', odd: 'Tried again, or with something bad on a console', skipped: '' }
const filterButtons = /** @type {Filter[]} */ (Object.keys(FILTERS)).map((name) => {
  const count = summary.tests.filter(FILTERS[name]).length
  return element(
    'button',
    {
      type: 'button',
      'data-filter': name,
      title: HINTS[name],
      disabled: count === 0 && name !== 'all',
      onclick: () => {
        setFilter(name)
        showList()
      },
    },
    LABELS[name],
    element('span', { class: 'count' }, count.toLocaleString('en')),
  )
})

const shortcuts = [
  { keys: ['/'], shown: '/', does: 'search', run: () => search.select() },
  { keys: ['j', 'ArrowDown'], shown: 'j ↓', does: 'next test', run: () => list.move(1) },
  { keys: ['k', 'ArrowUp'], shown: 'k ↑', does: 'previous test', run: () => list.move(-1) },
  { keys: [], shown: 'Enter', does: 'open the test', run: () => {} },
  { keys: ['Escape'], shown: 'Esc', does: 'close the test, or empty the search', run: leave },
  {
    keys: ['f'],
    shown: 'f',
    does: 'failures only, or all',
    run: () => setFilter(filter === 'failed' ? 'all' : 'failed'),
  },
  { keys: ['e'], shown: 'e', does: 'open or close all output of the test', run: toggleOutput },
  { keys: ['t'], shown: 't', does: 'light or dark', run: toggleTheme },
  { keys: ['?'], shown: '?', does: 'these keys', run: () => help.showModal() },
]
const help = helpDialog(shortcuts)

document
  .getElementById('page')
  ?.append(
    element(
      'header',
      { class: 'bar-top' },
      element('h1', {}, element('a', { href: '#' }, summary.run.title)),
      element('div', { class: 'search' }, search),
      element('div', { class: 'filters', role: 'group', 'aria-label': 'Which tests' }, ...filterButtons),
      element('button', { type: 'button', class: 'plain', onclick: toggleTheme, title: 'Light or dark (t)' }, 'Theme'),
      element('button', { type: 'button', class: 'plain', onclick: () => help.showModal(), title: 'Keys (?)' }, 'Keys'),
    ),
    element('nav', { 'aria-label': 'Tests' }, found, list.view),
    main,
    help,
  )

search.addEventListener('input', () => {
  applySearch()
  showList()
})
search.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    search.value = ''
    applySearch()
    search.blur()
  } else if (event.key === 'ArrowDown' || event.key === 'Enter') {
    event.preventDefault()
    const first = list.ordered.find(({ item }) => !item.hidden)
    first?.link.focus()
    if (event.key === 'Enter') first?.link.click()
  }
})
addEventListener('hashchange', showSelected)
listenForKeys(shortcuts)
setFilter('all')
showSelected()

readDetails().then(
  (read) => {
    details = read
    list.addDetails(read)
    applySearch()
    if (selected()) showSelected()
    document.documentElement.dataset.ready = ''
  },
  (error) => {
    details = error instanceof Error ? error : new Error(String(error))
    if (selected()) showSelected()
  },
)

function selected() {
  const id = new URLSearchParams(location.hash.slice(1)).get('test')
  return summary.tests.find((test) => test.id === id)
}

function showSelected() {
  const test = selected()
  document.documentElement.dataset.view = test ? 'test' : 'overview'
  list.select(test)
  const view = test ? detailsView(test) : overview(summary)
  main.replaceChildren(view)
  main.scrollTo(0, 0)
  // Where the screen is narrow, it is the page that scrolls, and the overview is long.
  if (test) scrollTo(0, 0)
  document.title = test ? `${test.name}: ${summary.run.title}` : summary.run.title
  highlight(main, wordsOf(search.value))
  if (test) main.querySelector('h2')?.focus({ preventScroll: true })
}

/** @param {import('../model.js').TestRow} test */
function detailsView(test) {
  if (details === undefined) return element('p', { class: 'remark' }, 'Unpacking what happened …')
  if (details instanceof Error) {
    return element(
      'p',
      { class: 'note' },
      `This browser could not unpack what happened in the tests: ${details.message}`,
    )
  }
  const own = details[summary.tests.indexOf(test)]
  return own
    ? testView(test, own, wordsOf(search.value))
    : element('p', { class: 'remark' }, 'Nothing is known of this test.')
}

function applySearch() {
  const words = wordsOf(search.value)
  const count = list.apply(words, filter)
  const narrowed = words.length > 0 || filter !== 'all'
  document.documentElement.toggleAttribute('data-narrowed', narrowed)
  found.textContent = narrowed ? `${counted(count, 'test')} of ${summary.tests.length.toLocaleString('en')}` : ''
  highlight(main, words)
}

/** @param {Filter} next */
function setFilter(next) {
  filter = next
  for (const button of filterButtons) button.setAttribute('aria-pressed', String(button.dataset.filter === next))
  applySearch()
}

/** Where the screen is narrow, an open test takes the place of the list. */
function showList() {
  if (selected() && !list.view.checkVisibility()) close()
}

function close() {
  // Not by the hash: its event would come later, and the list is not there before.
  history.pushState(null, '', '#')
  showSelected()
}

function leave() {
  const test = selected()
  if (test) {
    close()
    list.rows.find((row) => row.test === test)?.link.focus()
  } else if (search.value !== '') {
    search.value = ''
    applySearch()
  }
}

function toggleOutput() {
  const all = [...main.querySelectorAll('details')]
  const open = all.some((part) => !part.open)
  for (const part of all) part.open = open
}
