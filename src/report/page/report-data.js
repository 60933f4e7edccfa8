/** @import { Summary, TestDetails, TestRow } from '../model.js' */

/** @returns {Summary} */
export function readSummary() {
  return JSON.parse(document.getElementById('summary')?.textContent ?? '')
}

/** What happened in each test, in the order of the summary. It is packed, so the first screen is there before it.
 * @returns {Promise<TestDetails[]>}
 */
export async function readDetails() {
  const holder = document.getElementById('details')
  const packed = Uint8Array.from(atob(holder?.textContent ?? ''), (character) => character.charCodeAt(0))
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))
  const details = await new Response(unpacked).json()
  holder?.remove()
  return details
}

/** @param {string} name */
export function pictureUri(name) {
  return document.querySelector(`script[data-picture="${CSS.escape(name)}"]`)?.textContent ?? ''
}

/** Address of a test in the page.
 * @param {TestRow} test
 */
export function addressOf(test) {
  return `#test=${encodeURIComponent(test.id)}`
}
