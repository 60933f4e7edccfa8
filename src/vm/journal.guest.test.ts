import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch } from './launch.js'
import type { Vm } from './vm.js'

let vm: Vm
beforeAll(async () => {
  vm = await launch('debian')
}, 300_000)
afterAll(() => vm?.destroy())

test('the journal has what a unit said, in this boot and in the one before a power cut', async () => {
  const before = new Date()
  await vm.succeed(
    'systemd-run --wait --quiet -u talker sh -c \'echo first; echo second; printf "third\\033[1m\\n" >&2\'',
  )
  const said = await vm.journal('talker')
  expect(said.map(({ message }) => message)).toEqual(expect.arrayContaining(['first', 'second', 'third\x1b[1m']))
  expect(said.find(({ message }) => message === 'first')).toMatchObject({
    unit: 'talker.service',
    identifier: 'sh',
    pid: expect.any(Number),
    priority: 6,
  })
  const only = async (options: Parameters<Vm['journal']>[1]) =>
    (await vm.journal('talker', options)).map(({ message }) => message)
  expect(await only({ grep: /^(first|second)$/g, since: '1h' })).toEqual(['first', 'second'])
  expect(await only({ grep: 'third\x1b', since: before })).toEqual(['third\x1b[1m'])
  expect(await only({ since: new Date(Date.now() + 3_600_000) })).toEqual([])
  expect(await vm.journal('no-such-unit')).toEqual([])
  expect((await vm.journal()).length).toBeGreaterThan(said.length)
  await expect(vm.journal('talker', { boot: -7 })).rejects.toMatchObject({ code: 'MAYFLY_RESOURCE_MISSING' })
  await vm.crash()
  await vm.start()
  expect(await only({ boot: -1, grep: /^first$/ })).toEqual(['first'])
  expect(await only({})).toEqual([])
}, 240_000)

test('a guest without systemd has no journal', async () => {
  const micro = await launch('micro')
  try {
    await expect(micro.journal()).rejects.toThrow(/micro has no journal.*MAYFLY_RESOURCE_UNSUPPORTED/)
    await expect(micro.journal('x', { boot: 1 })).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  } finally {
    await micro.destroy()
  }
}, 120_000)
