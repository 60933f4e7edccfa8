import { MayflyError } from '../errors.js'

/** Keys that are pressed together: the last one down is the first one up. QEMU's names of keys, QKeyCode. */
export type Chord = readonly string[]

/** Characters of a US keyboard without and with shift, by the name of their key. */
const PRINTED: Record<string, string> = {
  ...Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((letter) => [letter, letter + letter.toUpperCase()])),
  ...Object.fromEntries([...')!@#$%^&*('].map((shifted, digit) => [`${digit}`, `${digit}${shifted}`])),
  minus: '-_',
  equal: '=+',
  bracket_left: '[{',
  bracket_right: ']}',
  backslash: '\\|',
  semicolon: ';:',
  apostrophe: '\'"',
  grave_accent: '`~',
  comma: ',<',
  dot: '.>',
  slash: '/?',
  spc: ' ',
  ret: '\n',
  tab: '\t',
}
const CHORDS = new Map<string, Chord>(
  Object.entries(PRINTED).flatMap(([key, [plain, shifted]]): [string, Chord][] => [
    [plain!, [key]],
    ...(shifted === undefined ? [] : [[shifted, ['shift', key]] as [string, Chord]]),
  ]),
)
/** What people call keys that QEMU calls otherwise. */
const ALIASES: Record<string, string> = {
  enter: 'ret',
  return: 'ret',
  escape: 'esc',
  space: 'spc',
  del: 'delete',
  ins: 'insert',
  pageup: 'pgup',
  pagedown: 'pgdn',
  control: 'ctrl',
  altgr: 'alt_r',
  meta: 'meta_l',
  super: 'meta_l',
  win: 'meta_l',
  capslock: 'caps_lock',
  numlock: 'num_lock',
  scrolllock: 'scroll_lock',
  printscreen: 'print',
}
const OTHER_KEYS = new Set([
  ...['esc', 'backspace', 'delete', 'insert', 'home', 'end', 'pgup', 'pgdn', 'up', 'down', 'left', 'right', 'menu'],
  ...['shift', 'shift_r', 'ctrl', 'ctrl_r', 'alt', 'alt_r', 'meta_l', 'meta_r', 'caps_lock', 'num_lock', 'scroll_lock'],
  ...['print', 'sysrq', 'pause', 'less', 'kp_enter', 'kp_add', 'kp_subtract', 'kp_multiply', 'kp_divide', 'kp_decimal'],
  ...Array.from({ length: 12 }, (_, index) => `f${index + 1}`),
  ...Array.from({ length: 10 }, (_, index) => `kp_${index}`),
])

/**
 * The keys of `'ctrl-alt-f2'`, `'ret'`, `'A'`, `'ctrl-?'`: names or characters, with `-` between them.
 * @throws MayflyError MAYFLY_OPTION_INVALID for a key that there is not.
 */
export function chordOf(text: string): Chord {
  // A hyphen at the end is a key, not what stands between keys.
  const names = text === '-' ? ['-'] : text.endsWith('--') ? [...text.slice(0, -2).split('-'), '-'] : text.split('-')
  return [...new Set(names.flatMap((name) => keysOf(name, text)))]
}

function keysOf(name: string, text: string): Chord {
  const character = CHORDS.get(name)
  if (character) return character
  const lower = name.toLowerCase()
  const key = ALIASES[lower] ?? lower
  if (Object.hasOwn(PRINTED, key) || OTHER_KEYS.has(key)) return [key]
  throw new MayflyError('MAYFLY_OPTION_INVALID', `there is no key ${JSON.stringify(name)} in ${JSON.stringify(text)}`, {
    hint: "Give characters of a US keyboard or names such as 'enter', 'esc', 'f2', 'up', 'ctrl', 'alt', 'shift', with `-` between.",
  })
}

/**
 * What to press for a text, on a US keyboard.
 * @throws MayflyError MAYFLY_OPTION_INVALID for a character that it does not have.
 */
export function chordsOf(text: string): Chord[] {
  return [...text.replaceAll('\r\n', '\n')].map((character, index) => {
    const chord = CHORDS.get(character)
    if (chord) return chord
    const at = `character ${index + 1} of the text`
    throw new MayflyError(
      'MAYFLY_OPTION_INVALID',
      `no key of a US keyboard types ${JSON.stringify(character)}, ${at}`,
      {
        hint: 'Type ASCII, with `\\n` for the enter key and `\\t` for tab; sendKey has the other keys.',
      },
    )
  })
}
