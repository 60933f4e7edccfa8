import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Report } from './model.js'
import { readPageSource } from './page-source.js'

/**
 * The report as one HTML file that needs nothing else. All that guests and tests have said is data in it, never markup;
 * the page's policy lets nothing run but its own script, and nothing be fetched.
 */
export async function renderPage({ summary, details, pictures }: Report): Promise<string> {
  const { script, style } = readPageSource()
  const policy = [
    "default-src 'none'",
    `script-src '${digest(script)}'`,
    `style-src '${digest(style)}'`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  // A page of a thousand tests is 20 times smaller so, and base64 has no character that HTML would mind.
  const packed = (await promisify(gzip)(JSON.stringify(details))).toString('base64')
  const images = Object.entries(pictures).map(
    ([name, uri]) => `<script type="text/plain" data-picture="${escapeText(name)}">${escapeText(uri)}</script>\n`,
  )
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeText(summary.run.title)}</title>
<style>${style}</style>
</head>
<body>
<noscript>This report needs JavaScript, which it brings along; nothing is fetched.</noscript>
<div id="page"></div>
<script type="application/json" id="summary">${embeddedJson(summary)}</script>
<script type="text/plain" id="details">${packed}</script>
${images.join('')}<script type="module">${script}</script>
</body>
</html>
`
}

/** JSON that an HTML parser takes for text to the end: nothing in it can close the element, or open a comment. */
export function embeddedJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
}

function escapeText(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!)
}

function digest(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
