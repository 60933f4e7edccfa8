import { expect, test } from 'vitest'
import { launch } from './launch.js'

test('a launched micro guest runs commands', async () => {
  await using vm = await launch('micro', { progress: { note: console.error, step: async (t, w) => { const s = performance.now(); try { return await w((l) => console.error(l)) } finally { console.error(t, performance.now() - s) } } } })
  const t0 = performance.now()
  expect(await vm.succeed('uname -s')).toBe('Linux\n')
  console.error('exec', performance.now() - t0)
  for (let i = 0; i < 5; i++) {
    const t = performance.now()
    await using b = await launch('micro')
    await b.exec('true')
    console.error('clone to first exec', performance.now() - t)
  }
})
