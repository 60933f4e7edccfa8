import { expect, test } from 'vitest'
import { candidates, mirrorsOf, parseMirror } from './mirrors.js'

test('mirrors come in their order, the publisher last, each once', () => {
  const mirrors = [
    { from: 'https://a.example/', to: 'http://one.test/' },
    { from: 'https://a.example/debian/', to: 'https://two.test/d/' },
    { from: 'https://b.example/', to: 'https://never.test/' },
    { from: 'https://a.example/', to: 'http://one.test/' },
  ]
  expect(candidates('https://a.example/debian/x.img', mirrors)).toEqual([
    'http://one.test/debian/x.img',
    'https://two.test/d/x.img',
    'https://a.example/debian/x.img',
  ])
})

test('a caching server stands before the whole address', () => {
  const mirror = parseMirror('http://cache.test:3142')
  expect(candidates('https://a.example/x.img', [mirror])).toEqual([
    'http://cache.test:3142/a.example/x.img',
    'https://a.example/x.img',
  ])
})

test('those of the environment', () => {
  const env = { MAYFLY_IMAGE_MIRRORS: ' https://a.example/=http://one.test/ http://cache.test/\n' }
  expect(mirrorsOf(env)).toEqual([
    { from: 'https://a.example/', to: 'http://one.test/' },
    { from: 'https://', to: 'http://cache.test/' },
  ])
  expect(mirrorsOf({})).toEqual([])
})

test.each(['', 'one.test', 'https://a.example/=', 'https://a.example/=one.test', 'ftp://a/=http://b/'])(
  '%j is no mirror',
  (text) => {
    expect(() => parseMirror(text)).toThrow(expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID' }))
  },
)
