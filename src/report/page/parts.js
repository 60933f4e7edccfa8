/** @import { Evidence, Finding, ReportedError, SourceExcerpt, TestRow } from '../model.js' */
import { ansiFragment } from './ansi.js'
import { element } from './element.js'
import { counted } from './format.js'

/** @param {string} text */
export function terminal(text, label = '') {
  return element(
    'pre',
    { class: 'terminal', ...(label && { 'aria-label': label }) },
    ansiFragment(text.replace(/\n+$/, '')),
  )
}

/** A path or a command that can be taken along.
 * @param {string} text
 */
export function copyable(text, label = 'Copy') {
  const button = element('button', { class: 'copy', type: 'button', 'aria-label': `${label}: ${text}` }, 'Copy')
  const code = element('code', {}, text)
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text)
      button.textContent = 'Copied'
    } catch {
      getSelection()?.selectAllChildren(code)
      button.textContent = 'Selected'
    }
    setTimeout(() => {
      button.textContent = 'Copy'
    }, 1500)
  })
  return element('span', { class: 'copyable' }, code, button)
}

/** @param {TestRow} test */
export function badges({ failure, retries, harnessRetries, state, findings }) {
  const shown = []
  if (failure === 'harness')
    shown.push(badge('harness failure', 'warn', 'Not the product: the harness or the host failed'))
  if (failure === 'product')
    shown.push(badge('product failure', 'bad', 'What the test asserts about the guest does not hold'))
  if (harnessRetries > 0)
    shown.push(badge(`harness retry ×${harnessRetries}`, 'warn', 'Tried again because the harness had failed'))
  if (retries > 0)
    shown.push(
      badge(state === 'passed' ? `flaky, retry ×${retries}` : `retry ×${retries}`, 'warn', 'Tried again by vitest'),
    )
  if (findings.length > 0) shown.push(badge(counted(findings.length, 'finding'), 'warn', 'On the console'))
  return shown
}

/** @param {string} text @param {'warn' | 'bad' | 'plain'} tone @param {string} title */
export function badge(text, tone, title = '') {
  return element('span', { class: `badge ${tone}`, ...(title && { title }) }, text)
}

/** @param {Evidence} evidence */
export function evidencePart({ directory, href, commands }) {
  return element(
    'dl',
    { class: 'evidence' },
    element('dt', {}, 'Evidence'),
    element('dd', {}, copyable(directory, 'Copy the path'), element('a', { href }, 'Open the folder')),
    ...(commands.length > 0
      ? [
          element('dt', {}, 'Next'),
          element('dd', {}, ...commands.map((command) => copyable(command, 'Copy the command'))),
        ]
      : []),
  )
}

/** @param {readonly Finding[]} findings */
export function findingList(findings) {
  return element(
    'ul',
    { class: 'findings' },
    ...findings.map(({ kind, severity, line }) =>
      element('li', {}, badge(kind, severity === 'error' ? 'bad' : 'warn'), element('code', {}, line)),
    ),
  )
}

/** @param {ReportedError} error @returns {HTMLElement} */
export function errorPart({ name, message, diff, frames, source, cause }) {
  return element(
    'div',
    { class: 'error' },
    element('pre', { class: 'message' }, element('strong', {}, name), ': ', ansiFragment(message)),
    diff !== undefined && diff !== '' && terminal(diff, 'Difference'),
    source && sourcePart(source),
    frames.length > 1 &&
      element(
        'details',
        { class: 'frames' },
        element('summary', {}, counted(frames.length, 'stack frame')),
        element(
          'ol',
          {},
          ...frames.map(({ method, file, line, column }) =>
            element('li', {}, element('code', {}, `${method || '(anonymous)'} ${file}:${line}:${column}`)),
          ),
        ),
      ),
    cause && element('div', { class: 'cause' }, element('h4', {}, 'Caused by'), errorPart(cause)),
  )
}

/** @param {SourceExcerpt} source */
function sourcePart({ file, line, first, lines }) {
  return element(
    'figure',
    { class: 'source' },
    element('figcaption', {}, `${file}:${line}`),
    element(
      'pre',
      {},
      ...lines.map((text, index) =>
        element(
          'span',
          { class: first + index === line ? 'line here' : 'line' },
          element('span', { class: 'number' }, String(first + index)),
          `${text}\n`,
        ),
      ),
    ),
  )
}
