import { seeded } from '../../testing/random.js'

const PARTS = [
  ...[
    'vm',
    'x',
    '"a b"',
    '2',
    '-1.5e3',
    '0x1f',
    '#true',
    '#null',
    'k=1',
    'k = "v"',
    '"\\u{1F4}\\n"',
    '"\\\n  x"',
    '#"r\\a"#',
  ],
  ...[
    '(t)',
    '(t)x',
    ' {',
    '{ ',
    '}',
    '{\n',
    '\n}',
    '\n',
    '\n',
    '\n',
    '\r\n',
    '; ',
    '//c\n',
    '/* c */',
    '/-',
    '/- ',
    '\\\n',
    '\\ // c\n',
  ],
  ...['"""\n  x\n   y\n  """', '#"""\n a\n """#', ' ', ' ', ' ', ' '],
]
/** What makes most documents wrong. */
const ODD = ['=', '/', '"', '[', '#', '\\d', ')', '}']

/** Documents out of KDL's pieces, some right, most wrong; the same for the same seed. */
export function* randomKdl(count: number, seed: number): Generator<string> {
  const random = seeded(seed)
  for (let at = 0; at < count; at++) {
    const parts = at % 4 === 0 ? [...PARTS, ...ODD] : PARTS
    const length = 1 + random(12)
    yield Array.from({ length }, () => parts[random(parts.length)] + (random(3) > 0 ? ' ' : '')).join('')
  }
}
