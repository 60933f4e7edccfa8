const STRINGS = new RegExp(
  [
    /\/\/[^\n\r]*/,
    /\/\*[\s\S]*?\*\//,
    /"""[\s\S]*?"""/,
    /(?<hashes>#+)"[\s\S]*?"\k<hashes>/,
    /(?<![^\s=({;])r(?<marks>#*)"(?<raw>[\s\S]*?)"\k<marks>/,
    /"(?<quoted>(?:\\[\s\S]|[^"\\])*)"/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
)
const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', '\\': '\\', '/': '/', '"': '"' }

/** A text without the strings that only KDL version 1 has, each replaced by another of the same length. */
export interface Hidden {
  readonly text: string
  /** What they mean, by where they begin. */
  readonly values: ReadonlyMap<number, string>
}

/** Raw strings `r"…"` and `r#"…"#`, strings that go over several lines, and `\/`. Undefined if there are none. */
export function hideV1Strings(text: string): Hidden | undefined {
  const values = new Map<number, string>()
  const hidden = text.replace(STRINGS, (whole: string, ...rest: unknown[]) => {
    const { raw, quoted } = rest.at(-1) as { raw?: string; quoted?: string }
    const only = quoted !== undefined && /[\n\r]|\\\//.test(quoted)
    const value = raw ?? (only ? decodeEscapes(quoted) : undefined)
    if (value === undefined) return whole
    values.set(rest.at(-3) as number, value)
    return `"${'x'.repeat(whole.length - 2)}"`
  })
  return values.size > 0 ? { text: hidden, values } : undefined
}

function decodeEscapes(quoted: string): string | undefined {
  let known = true
  const value = quoted.replace(/\\(?:u\{([0-9a-fA-F]{1,6})\}|([\s\S]))/g, (_, digits?: string, letter?: string) => {
    if (digits !== undefined && Number.parseInt(digits, 16) <= 0x10ffff)
      return String.fromCodePoint(Number.parseInt(digits, 16))
    const meant = ESCAPES[letter ?? '']
    known &&= meant !== undefined
    return meant ?? ''
  })
  return known ? value : undefined
}
