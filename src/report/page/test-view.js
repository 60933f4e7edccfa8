/** @import { EvidenceFile, Machine, Output, TestDetails, TestRow } from '../model.js' */
import { element, stateIcon } from './element.js'
import { entryList, screenshot } from './entry-list.js'
import { amount, dateAndTime, duration, moment } from './format.js'
import { badges, errorPart, evidencePart, findingList, terminal } from './parts.js'
import { timelineChart } from './timeline-chart.js'

/** All about one test.
 * @param {TestRow} test
 * @param {TestDetails} details
 * @param {readonly string[]} words
 */
export function testView(test, details, words) {
  const { errors, machines, output, annotations, files, notes } = details
  return element(
    'article',
    { class: 'test', 'aria-labelledby': 'test-name' },
    heading(test),
    ...notes.map((note) => element('p', { class: 'remark' }, note)),
    test.reason !== undefined && element('p', { class: 'remark' }, `Skipped: ${test.reason}`),
    ...(errors.length > 0
      ? [section(errors.length > 1 ? `${errors.length} errors` : 'Error', ...errors.map(errorPart))]
      : []),
    test.evidence && evidencePart(test.evidence),
    test.findings.length > 0 && section('On the console', findingList(test.findings)),
    ...timeline(machines, test, words),
    output.length > 0 && section('Printed by the test', ...output.map(outputPart)),
    annotations.length > 0 &&
      section('Annotations', element('ul', {}, ...annotations.map((text) => element('li', {}, text)))),
    files.length > 0 && section('Files of the evidence', ...files.map(filePart)),
  )
}

/** @param {TestRow} test */
function heading(test) {
  const { name, suites, file, line, project, state, durationMs, startedAt } = test
  const place = `${file}${line === undefined ? '' : `:${line}`}`
  return element(
    'header',
    {},
    element('a', { class: 'back', href: '#' }, 'All of the run'),
    element('p', { class: 'crumbs' }, [project, place, ...suites].filter(Boolean).join(' › ')),
    element('h2', { id: 'test-name', tabindex: -1 }, stateIcon(state), name),
    element(
      'p',
      { class: 'facts' },
      [
        durationMs === undefined ? state : `${state} after ${duration(durationMs)}`,
        startedAt === undefined ? '' : `began ${dateAndTime(startedAt)}`,
      ]
        .filter(Boolean)
        .join(', '),
      ...badges(test),
    ),
  )
}

/** @param {readonly Machine[]} machines @param {TestRow} test @param {readonly string[]} words */
function timeline(machines, { durationMs = 0, state }, words) {
  if (machines.length === 0) {
    return state === 'skipped' ? [] : [element('p', { class: 'faint' }, 'No machine is known of this test.')]
  }
  const { view, reveal } = entryList(machines, words)
  return [
    section(
      machines.length > 1 ? `${machines.length} machines` : 'Machine',
      element('ul', { class: 'machines' }, ...machines.map(machineItem)),
    ),
    section('Timeline', timelineChart(machines, durationMs, reveal), view),
    ...machines.map(wholeConsole),
  ]
}

/** @param {Machine} machine */
function machineItem({ id, name, guest, accelerator, state, launch }) {
  return element(
    'li',
    {},
    element('strong', {}, name),
    element('span', {}, guest === name ? accelerator : `${guest}, ${accelerator}`),
    launch !== '' && element('span', {}, `up ${launch}`),
    element('span', { class: `vm-state ${state}` }, state),
    element('span', { class: 'faint' }, id),
  )
}

/** @param {Machine} machine */
function wholeConsole({ name, entries }) {
  const text = entries.flatMap(({ kind, title }) => (kind === 'console' ? [title] : [])).join('')
  return text !== '' && folded(`Console of ${name}, ${amount(text.length)}`, () => terminal(text))
}

/** @param {Output} output */
function outputPart({ at, stream, text }) {
  return element(
    'div',
    { class: 'output' },
    element('span', { class: 'at' }, moment(at)),
    element('span', { class: 'kind' }, stream),
    terminal(text),
  )
}

/** @param {EvidenceFile} file */
function filePart({ path, text, picture }) {
  if (picture) return folded(path, () => screenshot(picture, path))
  if (text === undefined) return element('p', { class: 'file' }, element('code', {}, path))
  return folded(`${path}, ${amount(text.length)}`, () => terminal(text))
}

/** Made when it is opened for the first time.
 * @param {string} title
 * @param {() => HTMLElement} make
 */
function folded(title, make) {
  const details = element('details', { class: 'folded' }, element('summary', {}, title))
  details.addEventListener('toggle', () => details.append(make()), { once: true })
  return details
}

/** @param {string} title @param {...(Node | string | undefined | false)} children */
function section(title, ...children) {
  return element('section', {}, element('h3', {}, title), ...children)
}
