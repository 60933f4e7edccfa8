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
  const random = mulberry32(seed)
  for (let at = 0; at < count; at++) {
    const parts = at % 4 === 0 ? [...PARTS, ...ODD] : PARTS
    const length = 1 + random(12)
    yield Array.from({ length }, () => parts[random(parts.length)] + (random(3) > 0 ? ' ' : '')).join('')
  }
}

function mulberry32(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
