const ESCAPES: Record<string, string> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
}
/** What KDL does not let stand in a string as it is. */
const UNSAFE = /[\p{Cc}\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/gu

export function quotedString(value: string): string {
  const escaped = value.replace(/["\\]/g, (character) => ESCAPES[character]!)
  return `"${escaped.replace(UNSAFE, escapeOf)}"`
}

/** A value of several lines as KDL's """ has them; undefined if it cannot be written that way. */
export function blockString(value: string, indent: string): string | undefined {
  const lines = value.split('\n')
  // Lines of white space only would become empty ones.
  if (lines.length < 2 || lines.some((line) => line !== '' && line.trim() === '')) return undefined
  const escaped = lines.map((line) =>
    line
      .replaceAll('\\', '\\\\')
      .replaceAll('"""', '\\"\\"\\"')
      .replace(UNSAFE, (character) => (character === '\t' ? character : escapeOf(character))),
  )
  return ['"""', ...escaped.map((line) => (line === '' ? '' : indent + line)), `${indent}"""`].join('\n')
}

/** A """ string, its lines moved as a whole: what stands before its closing quotes, stands before each of them. */
export function reindented(text: string, indent: string): string {
  const [first, ...lines] = text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/)
  const last = lines.pop()!
  const closing = last.trimStart()
  const prefix = last.slice(0, last.length - closing.length)
  const moved = lines.map((line) => (line.trim() === '' ? '' : indent + line.slice(prefix.length)))
  return [first, ...moved, indent + closing].join('\n')
}

function escapeOf(character: string): string {
  return ESCAPES[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`
}
