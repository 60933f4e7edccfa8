import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { FramedStream } from './framed-stream.js'

async function read(script: (own: string) => string, chunkBytes: number) {
  const begun: string[][] = []
  const chunks: Buffer[] = []
  const stream = new FramedStream({
    begin: (words) => void begun.push([...words]),
    contents: (chunk) => void chunks.push(Buffer.from(chunk)),
  })
  const printed = execFileSync('/bin/sh', ['-c', script(stream.script)], { maxBuffer: 4_000_000 })
  for (let at = 0; at < printed.length; at += chunkBytes) await stream.write(printed.subarray(at, at + chunkBytes))
  return { begun, contents: Buffer.concat(chunks).toString('latin1'), end: stream.end, began: stream.began }
}

test.each([1, 7, 100_000])('gives what is between the marks, in chunks of %i bytes', async (chunkBytes) => {
  const script = (own: string) =>
    `echo 'Welcome, MAYFLY_'; ${own}; echo "$k+ F 644 5"; printf 'a\\nMAYFLY_\\0\\377'; echo "$k- file 5"; echo bye`
  expect(await read(script, chunkBytes)).toEqual({
    begun: [['F', '644', '5']],
    contents: 'a\nMAYFLY_\0\xff',
    end: ['file', '5'],
    began: true,
  })
})

test('a script that is a part of the contents does not end them', async () => {
  const script = (own: string) =>
    `${own}; echo "$k+"; tr '\\0' ' ' < /proc/$$/cmdline 2>/dev/null || :; echo "$k- file"`
  const { contents, end } = await read(script, 64)
  expect(end).toEqual(['file'])
  if (process.platform === 'linux') expect(contents).toContain('cmdline')
})

test('an output that ends early has no end', async () => {
  expect((await read((own) => `${own}; echo Welcome`, 64)).began).toBe(false)
  const { contents, end } = await read((own) => `${own}; echo "$k+ F"; printf part; printf "$k-"`, 64)
  expect([contents, end]).toEqual(['part', undefined])
})

test('endless output before the frame, and an endless line, are errors', async () => {
  await expect(read((own) => `${own}; head -c 2000000 /dev/zero`, 65_536)).rejects.toThrow(/printed more than/)
  await expect(read((own) => `${own}; printf "$k+ F"; head -c 1000 /dev/zero`, 100)).rejects.toThrow(/damaged/)
})
