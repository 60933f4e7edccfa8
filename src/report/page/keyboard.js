import { element } from './element.js'

/** @typedef {{ keys: readonly string[], shown: string, does: string, run: () => void }} Shortcut */

/** Single keys, unless somebody types. Ctrl, Alt and Meta are the browser's.
 * @param {readonly Shortcut[]} shortcuts
 */
export function listenForKeys(shortcuts) {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return
    const { target } = event
    if (target instanceof HTMLInputElement || document.querySelector('dialog[open]')) return
    // Arrows scroll what is being read.
    if (event.key.startsWith('Arrow') && target instanceof Element && target.closest('main')) return
    const shortcut = shortcuts.find(({ keys }) => keys.includes(event.key))
    if (!shortcut) return
    event.preventDefault()
    shortcut.run()
  })
}

/** @param {readonly Shortcut[]} shortcuts */
export function helpDialog(shortcuts) {
  const dialog = element(
    'dialog',
    { class: 'help', 'aria-labelledby': 'help-title' },
    element('h2', { id: 'help-title' }, 'Keys'),
    element(
      'dl',
      {},
      ...shortcuts.flatMap(({ shown, does }) => [
        element('dt', {}, ...shown.split(' ').map((key) => element('kbd', {}, key))),
        element('dd', {}, does),
      ]),
    ),
    element(
      'p',
      { class: 'faint' },
      'The search looks through names, errors, commands, their output, and consoles; "two words" in quotes are one.',
    ),
    element('form', { method: 'dialog' }, element('button', { class: 'plain' }, 'Close')),
  )
  return dialog
}
