import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { hostCpuIdentity } from './cpu.js'

const scratch = mkdtempSync(join(tmpdir(), 'mayfly-cpu-'))
afterAll(() => rmSync(scratch, { recursive: true }))

function identity(name: string, text: string) {
  writeFileSync(join(scratch, name), text)
  return hostCpuIdentity(join(scratch, name))
}

test('names this host', () => {
  const { model, flagsHash } = hostCpuIdentity()
  expect(model).not.toBe('')
  expect(flagsHash).toMatch(/^[0-9a-f]{16}$/)
})

test('depends on model and flags, not on clock rate, core count or the order of flags', () => {
  const one = identity('one', 'processor\t: 0\nmodel name\t: A\ncpu MHz\t\t: 2000.1\nflags\t\t: sse avx\n')
  const same = identity(
    'same',
    'processor\t: 0\nmodel name\t: A\ncpu MHz\t\t: 3100\nflags\t\t: avx sse\n\nprocessor\t: 1\n',
  )
  expect(same).toEqual(one)
  expect(identity('flags', 'model name : A\nflags : sse avx avx2\n')).not.toEqual(one)
  expect(identity('model', 'model name : B\nflags : sse avx\n')).toEqual({ ...one, model: 'B' })
})

test('reads the first processor only, and copes with one that has no name', () => {
  const text =
    'processor : 0\nFeatures : fp asimd\nCPU implementer : 0x41\nCPU part : 0xd0c\n\nprocessor : 1\nCPU part : 0xd05\n'
  expect(identity('arm', text).model).toBe('arm 0x41 0xd0c')
})
