import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAlive } from '../host/process-table.js'
import { defaultCacheDir, openStore } from '../image/store.js'
import { currentSession } from '../session/session.js'
import { launch } from './launch.js'

const ownDirectory = async () => (await currentSession(await openStore(defaultCacheDir()))).directory

test('a launched machine runs commands, and nothing of it is left at the end of its block', async () => {
  const directory = await ownDirectory()
  let pid: number
  {
    await using vm = await launch({ image: 'micro' })
    expect(vm.state).toBe('running')
    expect(await vm.succeed('uname -s')).toBe('Linux\n')
    pid = JSON.parse(await readFile(join(directory, vm.id, 'vm.json'), 'utf8')).pid
    expect(isAlive(pid)).toBe(true)
    const { pooled, ...stages } = vm.timings
    expect(pooled).toBe(false)
    for (const ms of Object.values(stages)) expect(ms).toBeGreaterThan(0)
  }
  expect(isAlive(pid)).toBe(false)
  // What stays is the watchdog's lock and the claims on the cache, until this process ends.
  expect(await readdir(directory)).toEqual(['alive', 'uses'])
})

test('two clones of one template share nothing that they write', async () => {
  await using first = await launch('micro')
  await using second = await launch('micro')
  await first.writeFile('/root/mark', 'first')
  await first.succeed('echo first > /scratch/mark; sync')
  expect((await second.exec('cat /root/mark /scratch/mark')).exitCode).not.toBe(0)
})
