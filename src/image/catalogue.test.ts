import { expect, test } from 'vitest'
import { catalogueImage, catalogueImages, catalogueNames, fullName, parseArchitecture } from './catalogue.js'
import { ALIASES, CATALOGUE } from './catalogue-entries.js'

test('every name that is promised is there, for both architectures where it is published', () => {
  const names = 'debian-12 debian-13 ubuntu-22.04 ubuntu-24.04 alpine fedora rocky opensuse arch freebsd cirros'.split(
    ' ',
  )
  expect(catalogueNames()).toEqual(expect.arrayContaining(names))
  for (const name of names) {
    expect(catalogueImage(name, 'x86_64')?.name).toBe(fullName(name))
    if (name !== 'arch') expect(catalogueImage(name, 'aarch64')?.architecture).toBe('aarch64')
  }
})

test('a name that is not for the architecture says for which it is; one that is not there is nobody’s', () => {
  expect(() => catalogueImage('arch', 'aarch64')).toThrow('There is one for x86_64.')
  expect(catalogueImage('windows', 'x86_64')).toBeUndefined()
})

test('every image has an encrypted address and a checksum, each its own, that nobody can forge', () => {
  const images = catalogueImages()
  expect(new Set(images.map(({ url }) => url)).size).toBe(images.length)
  for (const { url, checksum } of images) {
    expect(new URL(url).protocol).toBe('https:')
    expect(new URL(url).pathname).toMatch(/\.(?:qcow2|img|qcow2\.xz)$/)
    if ('url' in checksum) expect(new URL(checksum.url).host).toBe(new URL(url).host)
    else expect(checksum.hex).toMatch(/^[0-9a-f]{64}$/)
  }
})

test('names without a version lead to one with a version, and are not names themselves', () => {
  for (const [alias, name] of Object.entries(ALIASES)) {
    expect(CATALOGUE).toHaveProperty([name])
    expect(CATALOGUE).not.toHaveProperty([alias])
    // The guest that Mayfly builds.
    expect(alias).not.toMatch(/^(?:debian|micro)$/)
  }
})

test.each([
  ['x86_64', 'x86_64'],
  ['amd64', 'x86_64'],
  ['x64', 'x86_64'],
  ['ARM64', 'aarch64'],
  ['aarch64', 'aarch64'],
])('%s is %s', (text, architecture) => {
  expect(parseArchitecture(text)).toBe(architecture)
})

test('an unknown architecture', () => {
  expect(() => parseArchitecture('vax')).toThrow(expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID' }))
})
