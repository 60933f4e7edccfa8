/** @import { Entry, Machine } from '../model.js' */
import { withoutAnsi } from './ansi.js'
import { element } from './element.js'
import { amount, counted, duration, moment } from './format.js'
import { terminal } from './parts.js'
import { pictureUri } from './report-data.js'

/** So many at once; the others come on request. */
const PIECE = 400

/** @typedef {{ entry: Entry, machine: Machine }} Step */

/** What happened in all machines of a test, in order.
 * @param {readonly Machine[]} machines
 * @param {readonly string[]} words those that were searched for: what holds them is open
 */
export function entryList(machines, words) {
  const steps = machines
    .flatMap((machine) => machine.entries.map((entry) => ({ entry, machine })))
    .sort((one, other) => one.entry.at - other.entry.at)
  const several = machines.length > 1
  /** @type {Map<Entry, HTMLElement>} */
  const items = new Map()
  /** @type {Set<string>} */
  const hiddenKinds = new Set()
  const list = element('ol', { class: several ? 'entries several' : 'entries' })
  const more = element('button', { type: 'button', class: 'more' })
  let shown = 0

  /** @param {number} upTo */
  const show = (upTo) => {
    for (; shown < Math.min(upTo, steps.length); shown++) {
      const step = steps[shown]
      if (!step) continue
      const item = entryItem(step, several, words)
      item.hidden = hiddenKinds.has(step.entry.kind)
      items.set(step.entry, item)
      list.append(item)
    }
    more.hidden = shown === steps.length
    more.textContent = `Show the other ${counted(steps.length - shown, 'step')}`
  }
  more.addEventListener('click', () => show(steps.length))
  show(PIECE)

  /** Scrolls to a step, opens it, and gives it the focus.
   * @param {Entry} entry
   */
  const reveal = (entry) => {
    if (!items.has(entry)) show(steps.length)
    const item = items.get(entry)
    const details = item?.querySelector('details')
    if (details) details.open = true
    item?.scrollIntoView({ block: 'center' })
    item?.focus({ preventScroll: true })
    item?.animate({ outlineColor: ['var(--accent)', 'transparent'] }, { duration: 1500 })
  }
  const chips = kindChips(steps, (kind, visible) => {
    if (visible) hiddenKinds.delete(kind)
    else hiddenKinds.add(kind)
    for (const [entry, item] of items) if (entry.kind === kind) item.hidden = !visible
  })
  return { view: element('div', {}, chips, list, more), reveal }
}

/** @param {readonly Step[]} steps @param {(kind: string, visible: boolean) => void} onToggle */
function kindChips(steps, onToggle) {
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const { entry } of steps) counts.set(entry.kind, (counts.get(entry.kind) ?? 0) + 1)
  const chips = [...counts].map(([kind, count]) => {
    const chip = element(
      'button',
      { type: 'button', class: 'chip', 'aria-pressed': 'true' },
      element('span', { class: `dot kind-${kind}` }),
      `${kind} ${count}`,
    )
    chip.addEventListener('click', () => {
      const visible = chip.getAttribute('aria-pressed') !== 'true'
      chip.setAttribute('aria-pressed', String(visible))
      onToggle(kind, visible)
    })
    return chip
  })
  return element('div', { class: 'chips', role: 'group', 'aria-label': 'Kinds of steps that are shown' }, ...chips)
}

/** @param {Step} step @param {boolean} several @param {readonly string[]} words */
function entryItem({ entry, machine }, several, words) {
  const { kind, at, durationMs, result, failed } = entry
  const title = withoutAnsi(entry.title).trim()
  const firstLine = title.split('\n', 1)[0] ?? ''
  const lines = title === '' ? 0 : title.split('\n').length
  const row = [
    element('span', { class: 'at' }, moment(at)),
    element('span', { class: 'kind' }, element('span', { class: `dot kind-${kind}` }), kind),
    ...(several ? [element('span', { class: 'on' }, machine.name)] : []),
    element(
      'span',
      { class: 'title' },
      firstLine.length > 400 ? `${firstLine.slice(0, 400)} …` : firstLine,
      lines > 1 && element('span', { class: 'faint' }, ` +${counted(lines - 1, 'line')}`),
    ),
    element('span', { class: `result ${tone(entry)}` }, shortResult(result, failed)),
    element('span', { class: 'took' }, durationMs === undefined ? openEnd(entry) : duration(durationMs)),
  ]
  const parts = partsOf(entry, lines > 1 || firstLine.length > 400)
  const className = `entry of-${kind}${failed ? ' failed' : ''}`
  if (parts.length === 0)
    return element('li', { class: className, tabindex: -1 }, element('div', { class: 'row' }, ...row))
  const found = words.some((word) => parts.some((part) => part.textContent?.toLowerCase().includes(word)))
  const open = failed || found || entry.picture !== undefined
  return element(
    'li',
    { class: className, tabindex: -1 },
    element(
      'details',
      { open },
      element('summary', { class: 'row' }, ...row),
      element('div', { class: 'parts' }, ...parts),
    ),
  )
}

/** @param {Entry} entry */
function tone({ kind, result = '', failed }) {
  if (failed) return 'failed'
  return kind === 'command' && result !== '' && result !== 'exit code 0' ? 'nonzero' : ''
}

/** @param {string | undefined} result @param {boolean | undefined} failed */
function shortResult(result = '', failed) {
  const line = withoutAnsi(result).split('\n', 1)[0] ?? ''
  const text = line.length > 80 ? `${line.slice(0, 80)} …` : line
  return text || (failed ? 'failed' : '')
}

/** @param {Entry} entry */
function openEnd({ kind }) {
  return kind === 'command' || kind === 'wait' ? 'not over' : ''
}

/** What a step shows when it is open.
 * @param {Entry} entry
 * @param {boolean} wholeTitle
 */
function partsOf({ title, result = '', stdout = '', stderr = '', picture, file }, wholeTitle) {
  const parts = []
  if (wholeTitle) parts.push(terminal(title))
  if (result.includes('\n') || result.length > 80) parts.push(named('result', terminal(result)))
  if (stdout) parts.push(named(`stdout, ${amount(stdout.length)}`, terminal(stdout)))
  if (stderr) parts.push(named(`stderr, ${amount(stderr.length)}`, terminal(stderr)))
  if (picture) parts.push(screenshot(picture, title))
  if (file) parts.push(named('file', element('code', {}, file)))
  return parts
}

/** @param {string} name @param {HTMLElement} part */
function named(name, part) {
  return element('div', { class: 'part' }, element('h4', {}, name), part)
}

/** @param {string} picture @param {string} title */
export function screenshot(picture, title) {
  return element('img', { class: 'screenshot', src: pictureUri(picture), alt: title, loading: 'lazy' })
}
