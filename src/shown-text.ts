const ESCAPE = '\u001b'
/** C0 but for tab and newline, DEL and C1; marks that turn the direction of text; separators that some programs take for newlines. */
const UNSAFE = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
const ANY_UNSAFE = new RegExp(UNSAFE, 'u')
const LINE_END = /\r+(?=\n|$)/g
/** Colours and weights of text: they end with it, and move nothing. */
const COLOUR = new RegExp(`${ESCAPE}\\[[\\d;]{0,40}m`, 'g')

/**
 * Text that a guest, an image or a server has had a hand in, as it may be shown: a terminal executes none of it, and what it
 * says is seen. Control characters become escapes such as `\x1b`; tabs and newlines stay. To show it twice changes nothing.
 */
export function shown(text: string): string {
  if (!ANY_UNSAFE.test(text)) return text
  return text.replaceAll(LINE_END, '').replaceAll(UNSAFE, escaped)
}

/** The same without its colours. */
export function shownPlain(text: string): string {
  return shown(text.replaceAll(COLOUR, ''))
}

/** The same with its colours, which end with the text at the latest. */
export function shownInColour(text: string): string {
  if (!ANY_UNSAFE.test(text)) return text
  const colours = text.match(COLOUR) ?? []
  const parts = text.split(COLOUR).map(shown)
  const coloured = parts.map((part, index) => `${part}${colours[index] ?? ''}`).join('')
  return ENDS_COLOUR.test(colours.at(-1) ?? RESET) ? coloured : `${coloured}${RESET}`
}

const RESET = `${ESCAPE}[0m`
const ENDS_COLOUR = /\[(?:0|2[2-9]|39|49)?m$/

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
}

/** JSON in which nothing is left that a terminal would execute: it is read as the same value. */
export function shownJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replaceAll(UNSAFE, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
