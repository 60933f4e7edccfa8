import { BLOCK } from '../tar-format.js'

/**
 * A copy of an archive with one to six changes. Most are made by somebody who knows the format: headers keep a right
 * checksum, names lead to `outside`, entries change their type, place and number.
 */
export function mutate(archive: Buffer, next: (below: number) => number, outside: string): Buffer {
  const blocks = Array.from({ length: archive.length / BLOCK }, (_, index) =>
    Buffer.from(archive.subarray(index * BLOCK, (index + 1) * BLOCK)),
  )
  const names = [
    './s',
    's/',
    's/x',
    's/secret',
    'd',
    './d/',
    'd/f',
    'h',
    'h/x',
    't',
    '../x',
    '/',
    '.',
    '',
    'd/../..',
    's/private/',
  ]
  names.push(outside, `${outside}/secret`, `${outside}/new`, '..', '../outside/secret', 'd/e', 'd//./f', '\xff\xfe')
  const pick = <T>(from: readonly T[]): T => from[next(from.length)]!
  for (let count = 1 + next(6); count > 0; count--) {
    const headers = blocks.filter(
      (block) => /^(ustar|[\0 ])/.test(block.toString('latin1', 257, 262)) && block[0] !== 0,
    )
    const block = pick(headers.length > 0 ? headers : blocks)
    const change = next(12)
    if (change < 3) block.fill(0, 0, 100).write(pick(names), 0, 'latin1')
    else if (change < 5) block.fill(0, 157, 257).write(pick(names), 157, 'latin1')
    else if (change < 7)
      block.write(pick(['0', '1', '2', '5', '\0', '7', 'L', 'K', 'x', 'g', '3', '6', 'S', '9']), 156, 'latin1')
    else if (change === 7)
      block.write(pick(['00000000000', '00000000005', '77777777777', '-0000000005', '\x80', '\xff\xff']), 124, 'latin1')
    else if (change === 8) block.write(pick(['0000777', '0004755', '0000000', '\xff']), 100, 'latin1')
    else if (change === 9) blocks.splice(next(blocks.length), 0, Buffer.from(block))
    else if (change === 10) blocks.splice(next(blocks.length), 1)
    else pick(blocks)[next(BLOCK)] = next(256)
    if (change < 10) checksum(block)
    if (blocks.length === 0) break
  }
  const whole = Buffer.concat(blocks)
  return next(10) === 0 ? whole.subarray(0, next(whole.length + 1)) : whole
}

function checksum(header: Buffer): void {
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}
