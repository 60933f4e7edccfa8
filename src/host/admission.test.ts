import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { MIB } from '../units.js'
import { Admission } from './admission.js'

const guest = (mebibytes: number, cpus = 1, signal?: AbortSignal) => ({ memoryBytes: mebibytes * MIB, cpus, signal })

function recorder(admission: Admission) {
  const admitted: string[] = []
  const ask = (name: string, ...request: Parameters<typeof guest>) =>
    admission.acquire(guest(...request)).then((release) => {
      admitted.push(name)
      return release
    })
  return { admitted, ask }
}

test('admits at once what fits, by memory and by vCPUs', async () => {
  const admission = new Admission({ memoryBytes: 1000 * MIB, cpus: 3 })
  const { admitted, ask } = recorder(admission)
  const first = await ask('first', 400)
  const second = await ask('second', 600)
  const third = ask('third', 1)
  await turn()
  expect(admitted).toEqual(['first', 'second'])
  expect(admission.usage).toEqual({ running: 2, waiting: 1, memoryBytes: 1000 * MIB, cpus: 2 })
  second[Symbol.dispose]()
  await third
  const fourth = ask('fourth', 1, 2)
  await turn()
  expect(admitted).toEqual(['first', 'second', 'third'])
  first[Symbol.dispose]()
  await fourth
})

test('a large request is not starved by small ones that come later', async () => {
  const { admitted, ask } = recorder(new Admission({ memoryBytes: 100 * MIB, cpus: 100 }))
  const small = await ask('small', 60)
  const large = ask('large', 90)
  const later = ask('later', 10)
  await turn()
  expect(admitted).toEqual(['small'])
  small[Symbol.dispose]()
  await Promise.all([large, later])
  expect(admitted).toEqual(['small', 'large', 'later'])
})

test('a request above the budget waits for the others and then runs alone', async () => {
  const { admitted, ask } = recorder(new Admission({ memoryBytes: 100 * MIB, cpus: 2 }))
  const small = await ask('small', 10)
  const huge = ask('huge', 200, 8)
  const next = ask('next', 10)
  await turn()
  expect(admitted).toEqual(['small'])
  small[Symbol.dispose]()
  const release = await huge
  await turn()
  expect(admitted).toEqual(['small', 'huge'])
  release[Symbol.dispose]()
  await next
})

test('a request above the whole host is refused with the figures', async () => {
  const request = { memoryBytes: 2 ** 60, cpus: 1 }
  await expect(new Admission().acquire(request)).rejects.toMatchObject({ code: 'MAYFLY_HOST_MEMORY' })
})

test('releasing twice gives back once', async () => {
  const admission = new Admission({ memoryBytes: 100 * MIB, cpus: 2 })
  const [one, two] = [await admission.acquire(guest(50)), await admission.acquire(guest(50))]
  one[Symbol.dispose]()
  one[Symbol.dispose]()
  expect(admission.usage).toMatchObject({ running: 1, memoryBytes: 50 * MIB, cpus: 1 })
  two[Symbol.dispose]()
  expect(admission.usage).toEqual({ running: 0, waiting: 0, memoryBytes: 0, cpus: 0 })
})

test('an aborted wait rejects with its reason and lets those behind it through', async () => {
  const admission = new Admission({ memoryBytes: 100 * MIB, cpus: 10 })
  const { admitted, ask } = recorder(admission)
  const running = await ask('running', 60)
  const controller = new AbortController()
  const aborted = expect(ask('aborted', 90, 1, controller.signal)).rejects.toMatchObject({
    code: 'MAYFLY_ABORTED',
    cause: 'test ended',
    details: expect.arrayContaining(['in use by 1 guests: 60.0 MiB and 1 vCPUs']),
  })
  const behind = ask('behind', 40)
  controller.abort('test ended')
  await aborted
  const release = await behind
  expect(admitted).toEqual(['running', 'behind'])
  running[Symbol.dispose]()
  release[Symbol.dispose]()
  expect(admission.usage.running).toBe(0)
})

test('a signal that is aborted already takes nothing, one that aborts after admission changes nothing', async () => {
  const admission = new Admission({ memoryBytes: 100 * MIB, cpus: 2 })
  const request = guest(10, 1, AbortSignal.abort())
  await expect(admission.acquire(request)).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  expect(admission.usage.running).toBe(0)
  const controller = new AbortController()
  using _release = await admission.acquire(guest(10, 1, controller.signal))
  controller.abort()
  expect(admission.usage.running).toBe(1)
})
