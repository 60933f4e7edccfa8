import { expect, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { stepFingerprint } from '../guest/step-fingerprint.js'
import { type Step, shell } from '../guest/steps.js'
import { type Ingredients, templateKey } from './cache-key.js'
import { chainOf } from './chain.js'

async function keys(steps: Step[], guest: Partial<Ingredients['guest']> = {}): Promise<string[]> {
  const ingredients: Ingredients = {
    guest: {
      format: 1,
      name: 'web',
      image: 'sha256:0',
      cpus: 1,
      memoryBytes: 1,
      diskBytes: 1,
      provision: await Promise.all(steps.map(stepFingerprint)),
      ...guest,
    },
    host: { qemu: '', qemuFile: '', accelerator: 'tcg', cpu: '', argv: [] },
  }
  const nodes = chainOf(defineGuest({ name: 'web', image: 'micro', provision: steps }), ingredients)
  return nodes.map((node) => templateKey(node.ingredients))
}

const steps = (...texts: string[]) => texts.map((text) => shell(`echo ${text}`))

test('a changed step changes its own key and those after it', async () => {
  const before = await keys(steps('one', 'two', 'three'))
  expect(new Set(before).size).toBe(4)
  const last = await keys(steps('one', 'two', 'other'))
  expect(last.slice(0, 3)).toEqual(before.slice(0, 3))
  expect(last[3]).not.toBe(before[3])
  const middle = await keys(steps('one', 'other', 'three'))
  expect(middle.slice(0, 2)).toEqual(before.slice(0, 2))
  expect(before).not.toContain(middle[2])
  expect(before).not.toContain(middle[3])
})

test('a guest with fewer steps is a node on the way to one with more', async () => {
  const before = await keys(steps('one', 'two', 'three'))
  expect(await keys(steps('one'))).toEqual(before.slice(0, 2))
  expect(await keys([])).toEqual(before.slice(0, 1))
})

test('guests that differ in anything else share nothing', async () => {
  const before = await keys(steps('one'))
  for (const other of [await keys(steps('one'), { cpus: 2 }), await keys(steps('one'), { name: 'db' })]) {
    expect(before).not.toContain(other[0])
    expect(before).not.toContain(other[1])
  }
})

test('each node is the guest with the steps so far, and says what led to it', () => {
  const guest = defineGuest({ name: 'web', image: 'micro', provision: steps('one', 'two') })
  const ingredients = { guest: { provision: ['1', '2'] } } as Ingredients
  expect(chainOf(guest, ingredients)).toMatchObject([
    { title: 'boot web', step: undefined, guest: { provision: [] } },
    {
      title: 'shell echo one',
      guest: { provision: [guest.provision[0]] },
      ingredients: { guest: { provision: ['1'] } },
    },
    { title: 'shell echo two', guest: { provision: guest.provision } },
  ])
})
