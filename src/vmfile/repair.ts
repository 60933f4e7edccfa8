import { nearest } from '../nearest.js'
import type { Diagnostics } from './diagnostic.js'
import type { LexerError, Token } from './kdljs.js'
import type { Repair } from './lex.js'

const NEWLINE = /[\n\v\f\r\u0085\u2028\u2029]/
const KEYWORDS = ['#true', '#false', '#null', '#inf', '#-inf', '#nan']

/** Says what is wrong where the lexer stumbled, and what to put there instead. */
export function repairAt(text: string, tokens: readonly Token[], { offset }: LexerError, found: Diagnostics): Repair {
  const open = openAt(tokens, offset)
  const character = text[offset]!
  if (open?.tokenType.name === 'OpenQuote' && NEWLINE.test(character)) return unclosedString(text, open, found)
  if (open) return inString(text, offset, found)
  if (character === '#') return hash(text, offset, found)
  if (character === '/') return unquoted(text, offset, found)
  if (character === '[') return list(text, offset, found)
  const span = { start: offset, end: offset + (text.codePointAt(offset)! > 0xffff ? 2 : 1) }
  if (character === ']') found.error(span, 'this ] closes nothing', { hint: 'KDL has no lists.' })
  else if (/[!-~]/.test(character)) return unquoted(text, offset, found)
  else found.error(span, `${codePoint(text, offset)} cannot stand here`, { hint: 'Put text into double quotes.' })
  return blank(span.start, span.end)
}

/** Strings and comments that are still open at the end of the file are no errors to kdljs's lexer. */
export function repairEnd(text: string, tokens: readonly Token[], found: Diagnostics): Repair | undefined {
  const open = openAt(tokens, text.length)
  if (open?.tokenType.name === 'OpenQuote') return unclosedString(text, open, found)
  const comment = open ? undefined : openComment(tokens)
  const start = (open ?? comment)?.startOffset
  if (start === undefined) return undefined
  if (open) notClosed(start, 3, 'multi-line string', '"""', found)
  else notClosed(start, 2, 'comment', '*/', found)
  return { ...swallow(text, start, open ? 'x' : ' '), truncates: true }
}

/** The token that opened the string in which `offset` stands. */
function openAt(tokens: readonly Token[], offset: number): Token | undefined {
  let open: Token | undefined
  for (const token of tokens) {
    if (token.startOffset >= offset) break
    const { name } = token.tokenType
    if (name === 'OpenQuote' || name === 'MultiLineOpenQuote') open = token
    else if (name === 'CloseQuote' || name === 'MultiLineCloseQuote') open = undefined
  }
  return open
}

function openComment(tokens: readonly Token[]): Token | undefined {
  const open: Token[] = []
  for (const token of tokens) {
    if (token.tokenType.name === 'OpenMultiLineComment') open.push(token)
    else if (token.tokenType.name === 'CloseMultiLineComment') open.pop()
  }
  return open[0]
}

function unclosedString(text: string, { startOffset: start }: Token, found: Diagnostics): Repair {
  const end = endOfStatement(text, start)
  found.error({ start, end }, 'this string is not closed', {
    hint: 'A string ends with " on the line that it begins on.',
  })
  return word(start, end)
}

/** Braces at the end of a line were not meant to be part of the string that lacks its end. */
function endOfStatement(text: string, start: number): number {
  const line = text.slice(start, endOfLine(text, start))
  return start + Math.max(1, line.replace(/[\s;{}]+$/, '').length)
}

function endOfLine(text: string, start: number): number {
  const at = text.slice(start).search(NEWLINE)
  return at === -1 ? text.length : start + at
}

function inString(text: string, offset: number, found: Diagnostics): Repair {
  if (text[offset] !== '\\') {
    const digits = text.codePointAt(offset)!.toString(16)
    found.error({ start: offset, end: offset + 1 }, `${codePoint(text, offset)} cannot stand in a string`, {
      hint: `Write it as \\u{${digits}}.`,
    })
    return blank(offset, offset + 1)
  }
  const sequence = /^\\u(?:\{[^}"\n]*\}?)?|^\\./u.exec(text.slice(offset))?.[0] ?? '\\'
  found.error({ start: offset, end: offset + sequence.length }, `unknown escape ${sequence}`, {
    hint: sequence.startsWith('\\u')
      ? 'A character is written by its hexadecimal number, as in \\u{1F600}.'
      : 'Write \\\\ for a backslash, or put the text between #" and "#, where a backslash is one.',
  })
  return blank(offset, offset + 1)
}

function hash(text: string, offset: number, found: Diagnostics): Repair {
  const rest = text.slice(offset)
  const raw = /^(#+)("""|")/.exec(rest)
  if (raw) {
    const [opening, hashes = '', quotes = ''] = raw
    notClosed(offset, opening.length, 'raw string', quotes + hashes, found)
    if (quotes === '"""') return { ...swallow(text, offset, 'x'), truncates: true }
    return word(offset, endOfStatement(text, offset))
  }
  const keyword = /^#-?[A-Za-z]+/.exec(rest)?.[0]
  if (keyword && (text[offset - 1] ?? '\n') !== '\n' && !/(?:^|\n)[ \t]*$/.test(text.slice(0, offset))) {
    const suggestion = nearest(keyword, KEYWORDS)
    found.error({ start: offset, end: offset + keyword.length }, `unknown keyword ${keyword}`, {
      hint: suggestion ? `Did you mean ${suggestion}?` : `Known are ${KEYWORDS.slice(0, 3).join(', ')}.`,
    })
    return word(offset, offset + keyword.length)
  }
  const end = endOfLine(text, offset)
  found.error({ start: offset, end }, 'a comment begins with //, not with #')
  return blank(offset, end)
}

/** A slash outside of quotes: mostly a path. */
function unquoted(text: string, offset: number, found: Diagnostics): Repair {
  const start = offset - /[^\s;{}()"=]*$/.exec(text.slice(0, offset))![0].length
  const end = offset + /^[^\s;{}()"=]*/.exec(text.slice(offset))![0].length
  const written = text.slice(start, end)
  found.error({ start, end }, `${written} must stand in quotes`, {
    hint: written === '/' ? 'A comment begins with //.' : `Write "${written}".`,
  })
  return word(start, end)
}

/** As in HCL or JSON, over several lines too. */
function list(text: string, offset: number, found: Diagnostics): Repair {
  const whole = /^\[(?:"(?:\\.|[^"\\\n])*"|[^\]"{}])*\]/.exec(text.slice(offset))?.[0]
  const end = whole === undefined ? endOfLine(text, offset) : offset + whole.length
  found.error({ start: offset, end }, 'KDL has no lists', {
    hint: 'Write the values one after the other, with spaces between them: packages "curl" "jq"',
  })
  const replacement = text
    .slice(offset, end)
    .replace(/"(?:\\.|[^"\\\n])*"|[[\],\r\n]/g, (part) => (part.length > 1 ? part : ' '))
  return { span: { start: offset, end }, replacement }
}

function notClosed(start: number, length: number, what: string, closing: string, found: Diagnostics): void {
  found.error({ start, end: start + length }, `this ${what} is never closed`, { hint: `It ends with ${closing}` })
}

function codePoint(text: string, offset: number): string {
  return `the character U+${text.codePointAt(offset)!.toString(16).toUpperCase().padStart(4, '0')}`
}

function swallow(text: string, start: number, first: string): Repair {
  return { span: { start, end: text.length }, replacement: first + ' '.repeat(text.length - start - 1) }
}

function blank(start: number, end: number): Repair {
  return { span: { start, end }, replacement: ' '.repeat(end - start) }
}

function word(start: number, end: number): Repair {
  return { span: { start, end }, replacement: 'x'.repeat(end - start) }
}
