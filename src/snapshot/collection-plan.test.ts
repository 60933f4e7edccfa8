import { expect, test } from 'vitest'
import { type CollectionPolicy, type Entry, planCollection } from './collection-plan.js'

const NOW = new Date('2026-01-31T00:00:00Z')

const entry = (kind: Entry['kind'], name: string, digest: string, daysUnused: number, bytes = 10): Entry => ({
  kind,
  name,
  key: name,
  directory: `/${name}`,
  digest,
  bytes,
  damage: undefined,
  lastUsedAt: new Date(NOW.getTime() - daysUnused * 86_400_000),
})

const removed = (entries: Entry[], policy: CollectionPolicy, used: string[] = []) =>
  planCollection(entries, new Set(used), policy, NOW).map(({ name }) => name)

const OLD = [entry('image', 'old-image', 'a', 20), entry('template', 'old-template', 'a', 10)]
const NEW = [entry('image', 'new-image', 'b', 1), entry('template', 'new-template', 'b', 1)]
const DAY = 86_400_000

test('without a policy only damage is removed, whoever needed it', () => {
  expect(removed([...OLD, ...NEW], {})).toEqual([])
  expect(removed([...OLD, { ...NEW[1]!, damage: 'torn' }], {})).toEqual(['new-template'])
})

test('by age: templates first, and an image only after the templates that need it', () => {
  expect(removed([...OLD, ...NEW], { olderThanMs: 7 * DAY })).toEqual(['old-template', 'old-image'])
  expect(removed([...OLD, ...NEW], { olderThanMs: 15 * DAY })).toEqual([])
})

test('by size: what was used least recently goes until the rest fits', () => {
  expect(removed([...OLD, ...NEW], { maxBytes: 40 })).toEqual([])
  expect(removed([...OLD, ...NEW], { maxBytes: 39 })).toEqual(['old-template'])
  expect(removed([...OLD, ...NEW], { maxBytes: 25 })).toEqual(['old-template', 'old-image'])
  expect(removed([...OLD, ...NEW], { maxBytes: 0 })).toEqual(['old-template', 'old-image', 'new-template', 'new-image'])
})

test('what is in use stays, and so does the image below a template in use', () => {
  expect(removed([...OLD, ...NEW], { all: true }, ['/old-template'])).toEqual(['new-template', 'new-image'])
  expect(removed([...OLD, ...NEW], { all: true }, ['/old-image'])).toEqual([
    'old-template',
    'new-template',
    'new-image',
  ])
})
