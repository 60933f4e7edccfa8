/**
 * Text of a terminal as pieces with the classes of their colours. Sequences that do not colour are left out, and what a
 * carriage return would overwrite is.
 * @param {string} text
 * @returns {{ text: string, classes: string, colour?: string }[]}
 */
export function ansiPieces(text) {
  /** @type {{ text: string, classes: string, colour?: string }[]} */
  const pieces = []
  const style = plainStyle()
  let end = 0
  for (const match of text.matchAll(SEQUENCE)) {
    push(text.slice(end, match.index))
    end = match.index + match[0].length
    if (match[1] !== undefined) applyCodes(style, match[1])
  }
  push(text.slice(end))
  return pieces

  /** @param {string} raw */
  function push(raw) {
    const shown = visible(raw)
    if (shown === '') return
    const classes = [...style.marks, style.ink && `ink-${style.ink}`, style.ground && `ground-${style.ground}`]
    pieces.push({
      text: shown,
      classes: classes.filter(Boolean).join(' '),
      ...(style.colour && { colour: style.colour }),
    })
  }
}

/** The text alone.
 * @param {string} text
 */
export function withoutAnsi(text) {
  return visible(text.replaceAll(SEQUENCE, ''))
}

/** @param {string} text */
export function ansiFragment(text) {
  const fragment = document.createDocumentFragment()
  for (const piece of ansiPieces(text)) {
    if (piece.classes === '' && !piece.colour) fragment.append(piece.text)
    else {
      const span = document.createElement('span')
      if (piece.classes) span.className = piece.classes
      if (piece.colour) span.style.color = piece.colour
      span.textContent = piece.text
      fragment.append(span)
    }
  }
  return fragment
}

const [ESC, BEL] = ['\u001b', '\u0007']
// Colours (CSI ... m) are kept in the first group; other CSI, OSC and two-character sequences go.
const SEQUENCE = new RegExp(
  [
    String.raw`${ESC}\[([\d;]*)m`,
    String.raw`${ESC}\[[0-?]*[ -/]*[@-~]`,
    String.raw`${ESC}\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\)?`,
    `${ESC}[ -/]*[0-~]`,
  ].join('|'),
  'g',
)

/** @param {string} raw */
function visible(raw) {
  return (
    raw
      .replaceAll(/\r+\n/g, '\n')
      .replaceAll(/[^\n\r]*\r(?=[^\n])/g, '')
      .replaceAll(/(?![\n\t])\p{Cc}/gu, '')
      // Marks that turn the direction of text would show another one than there is.
      .replaceAll(
        /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
        (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
  )
}

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

function plainStyle() {
  return { marks: /** @type {Set<string>} */ (new Set()), ink: '', ground: '', colour: '' }
}

/** @param {ReturnType<typeof plainStyle>} style @param {string} codes */
function applyCodes(style, codes) {
  const numbers = codes.split(';').map(Number)
  for (let index = 0; index < numbers.length; index++) {
    const code = numbers[index] ?? 0
    if (code === 0) {
      style.marks.clear()
      style.ink = style.ground = style.colour = ''
    } else if (code === 1) style.marks.add('strong')
    else if (code === 2) style.marks.add('faint')
    else if (code === 3) style.marks.add('slanted')
    else if (code === 4) style.marks.add('underlined')
    else if (code === 7) style.marks.add('inverse')
    else if (code === 22) {
      style.marks.delete('strong')
      style.marks.delete('faint')
    } else if (code === 23) style.marks.delete('slanted')
    else if (code === 24) style.marks.delete('underlined')
    else if (code === 27) style.marks.delete('inverse')
    else if (code === 39) style.ink = style.colour = ''
    else if (code === 49) style.ground = ''
    else if (code >= 30 && code <= 37) setInk(style, NAMES[code - 30])
    else if (code >= 90 && code <= 97) setInk(style, NAMES[code - 90])
    else if (code >= 40 && code <= 47) style.ground = NAMES[code - 40] ?? ''
    else if (code >= 100 && code <= 107) style.ground = NAMES[code - 100] ?? ''
    else if (code === 38 || code === 48) {
      const indexed = numbers[index + 1] === 5
      const colour = indexed ? paletteColour(numbers[index + 2] ?? 0) : rgb(numbers.slice(index + 2, index + 5))
      if (code === 38) Object.assign(style, { ink: '', colour })
      index += indexed ? 2 : 4
    }
  }
}

/** @param {ReturnType<typeof plainStyle>} style @param {string | undefined} name */
function setInk(style, name) {
  style.ink = name ?? ''
  style.colour = ''
}

/** The cube and the greys of the 256 colours; the first 16 are a terminal's own.
 * @param {number} index
 */
function paletteColour(index) {
  if (index < 16) return ''
  if (index >= 232) return rgb(Array(3).fill(8 + (index - 232) * 10))
  const levels = [0, 95, 135, 175, 215, 255]
  const cube = index - 16
  return rgb([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => levels[level] ?? 0))
}

/** @param {number[]} parts */
function rgb(parts) {
  return `rgb(${[0, 1, 2].map((index) => Math.min(255, Math.max(0, Math.trunc(parts[index] ?? 0)))).join(' ')})`
}
