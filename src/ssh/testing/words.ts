/** Words that a shell would change, each in its way. */
export function nastyWords(): string[] {
  return [
    '',
    ' ',
    "'",
    "''",
    `"'"`,
    '$HOME',
    '`id`',
    '$(id)',
    '\\',
    '\\n',
    '\n',
    '\n\n',
    '!',
    '*',
    '~',
    '-',
    '--',
    '#x',
    'a=b',
    ';',
    '&',
    '|',
    '\t',
    '\r',
    '\x01\x7f',
    'ü',
    '😀',
    '%s',
  ]
}

/** Deterministic words from the characters a shell cares about. */
export function randomWord(seed: number): string {
  const alphabet = `'"\\$\`!*?[]{}()<>|&;~#= \t\n\r\x1b%^aé😀`
  const characters = [...alphabet]
  let state = seed * 2654435761 + 12345
  return Array.from({ length: 1 + (seed % 40) }, () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return characters[(state >> 8) % characters.length]
  }).join('')
}
