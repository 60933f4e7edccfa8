import { MayflyError } from '../../errors.js'

/** Permission bits: `0o644`, or text for them: `'644'`, `'0644'`, `'rw-r--r--'`, `'u=rw,go=r'`. */
export type FileMode = number | string

const BITS: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 }
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 }

/** Octal, as `stat -c %a` prints it: `'644'`, `'4755'`. */
export function formatMode(bits: number): string {
  return (bits & 0o7777).toString(8)
}

/** @throws MayflyError MAYFLY_OPTION_INVALID */
export function parseMode(mode: FileMode): number {
  const bits = typeof mode === 'number' ? mode : (octal(mode) ?? listed(mode) ?? symbolic(mode))
  if (bits !== undefined && Number.isInteger(bits) && bits >= 0 && bits <= 0o7777) return bits
  throw new MayflyError('MAYFLY_OPTION_INVALID', `not a file mode: ${JSON.stringify(mode)}`, {
    hint: "Give permission bits: 0o644, '644', 'rw-r--r--' or 'u=rw,go=r'.",
  })
}

function octal(text: string): number | undefined {
  return /^0?[0-7]{3,4}$/.test(text) ? Number.parseInt(text, 8) : undefined
}

/** As `ls -l` prints it, with or without the type in front. */
function listed(text: string): number | undefined {
  const match = /^[-dlpscb]?((?:[r-][w-][xsS-]){2}[r-][w-][xtT-])$/.exec(text)?.[1]
  if (match === undefined) return undefined
  let bits = 0
  for (const [index, char] of [...match].entries()) {
    const place = 8 - index
    if ('rwxst'.includes(char)) bits |= 1 << place
    if ('sStT'.includes(char)) bits |= 0o1000 << (place / 3)
  }
  return bits
}

function symbolic(text: string): number | undefined {
  let bits = 0
  for (const clause of text.split(',')) {
    const match = /^([ugoa]+)=([rwxst]*)$/.exec(clause)
    if (!match) return undefined
    const who = match[1]!.includes('a') ? 'ugo' : match[1]!
    for (const whom of who) for (const what of match[2]!) bits |= (BITS[what] ?? 0) << SHIFT[whom]!
    if (match[2]!.includes('s')) bits |= (who.includes('u') ? 0o4000 : 0) | (who.includes('g') ? 0o2000 : 0)
    if (match[2]!.includes('t')) bits |= 0o1000
  }
  return bits
}
