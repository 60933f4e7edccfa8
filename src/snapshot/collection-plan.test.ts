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

/** Three templates, each stacked on the one before it. */
const CHAIN = [
  entry('image', 'image', 'a', 30),
  entry('template', 'boot', 'a', 30),
  { ...entry('template', 'one', 'a', 20), base: '/boot' },
  { ...entry('template', 'two', 'a', 10), base: '/one' },
]

test('a chain goes from its end, and no further than the policy and what is in use allow', () => {
  expect(removed(CHAIN, { all: true })).toEqual(['two', 'one', 'boot', 'image'])
  expect(removed(CHAIN, { all: true }, ['/one'])).toEqual(['two'])
  expect(removed(CHAIN, { maxBytes: 25 })).toEqual(['two', 'one'])
  expect(removed(CHAIN, { olderThanMs: 5 * DAY })).toEqual(['two', 'one', 'boot', 'image'])
  // What is below was used whenever something on it was.
  expect(removed(CHAIN, { olderThanMs: 15 * DAY })).toEqual([])
})

test('an older branch goes before a newer one that shares its beginning', () => {
  const branch = { ...entry('template', 'old-branch', 'a', 25), base: '/boot' }
  expect(removed([...CHAIN, branch], { olderThanMs: 22 * DAY })).toEqual(['old-branch'])
  expect(removed([...CHAIN, branch], { maxBytes: 30 })).toEqual(['old-branch', 'two'])
})

test('a damaged template stays for as long as one that needs its disk does', () => {
  const [image, boot, one, two] = CHAIN as [Entry, Entry, Entry, Entry]
  expect(removed([image, { ...boot, damage: 'torn' }, one, two], {})).toEqual([])
  expect(
    removed([image, { ...boot, damage: 'torn' }, { ...one, damage: 'on it' }, { ...two, damage: 'too' }], {}),
  ).toEqual(['two', 'one', 'boot'])
})
