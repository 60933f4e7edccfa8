import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { evidenceSettings } from './evidence-options.js'

const ROOT = process.cwd()

test('by default evidence is collected below the root, nothing is kept or tried again', () => {
  expect(evidenceSettings({}, {})).toEqual({
    directory: join(ROOT, '.mayfly/failures'),
    keep: false,
    console: {},
    retries: 0,
  })
})

describe('where it goes', () => {
  test.each([
    ['the option', { directory: 'out' }, undefined, join(ROOT, 'out')],
    ['an absolute one', { directory: '/tmp/out' }, undefined, '/tmp/out'],
    ['the variable goes before it', { directory: 'out' }, '/ci/failures', '/ci/failures'],
    ['an empty variable is none', undefined, '', join(ROOT, '.mayfly/failures')],
    ['nowhere', false as const, '/ci/failures', undefined],
  ])('%s', (_, evidence, MAYFLY_EVIDENCE_DIR, directory) => {
    expect(evidenceSettings({ evidence }, { MAYFLY_EVIDENCE_DIR }).directory).toBe(directory)
  })
})

test.each([
  ['1', true],
  ['true', true],
  ['0', false],
  ['false', false],
  ['', false],
])('MAYFLY_KEEP=%j', (MAYFLY_KEEP, keep) => expect(evidenceSettings({}, { MAYFLY_KEEP }).keep).toBe(keep))

test('the option keeps too', () => expect(evidenceSettings({ keep: 'failed' }, {}).keep).toBe(true))

test.each([
  ['infra' as const, 2],
  [{ infra: 5 }, 5],
  [{ infra: 0 }, 0],
])('retry %j is %i tries', (retry, retries) => expect(evidenceSettings({ retry }, {}).retries).toBe(retries))

test.each([
  ['retry', { retry: { infra: -1 } }],
  ['retry', { retry: { infra: 1.5 } }],
  ['retry', { retry: 3 }],
  ['keep', { keep: 'always' }],
])('%s: %j is refused', (name, options) => {
  expect(() => evidenceSettings(options as never, {})).toThrow(
    expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID', message: expect.stringContaining(name) }),
  )
})
