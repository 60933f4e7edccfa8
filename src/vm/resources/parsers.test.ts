import { expect, test } from 'vitest'
import { parseAddresses } from './interface.js'
import { parseMounts } from './mount.js'
import { isVersion } from './package.js'
import { parseProperties } from './service.js'

test('mounts, with what is in octal', () => {
  expect(parseMounts('/dev/vda / ext4 rw,relatime 0 0\ntmpfs /mnt/a\\040b\\134c tmpfs rw,size=4k 0 0\n')).toEqual([
    { source: '/dev/vda', path: '/', type: 'ext4', options: ['rw', 'relatime'] },
    { source: 'tmpfs', path: '/mnt/a b\\c', type: 'tmpfs', options: ['rw', 'size=4k'] },
  ])
})

test('addresses of an interface', () => {
  const text = `2: eth0    inet 10.0.2.15/24 scope global eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet6 fe80::1/64 scope link \\       valid_lft forever`
  expect(parseAddresses(text)).toEqual(['10.0.2.15/24', 'fe80::1/64'])
})

test('properties of a unit', () => {
  expect([...parseProperties('Id=a.service\nLoadError=x "y=z"\nnoise\n')]).toEqual([
    ['Id', 'a.service'],
    ['LoadError', 'x "y=z"'],
  ])
})

test.each([
  ['1.22.1-9+deb12u3', '1.22.1-9+deb12u3', true],
  ['1.22.1-9+deb12u3', '1.22.1', true],
  ['1.22.1-9+deb12u3', '1.22', true],
  ['1.220.1', '1.22', false],
  ['1:9.2p1-2', '9.2p1', true],
  ['1:9.2p1-2', '1:9.2p1', true],
  ['1:9.2p1-2', '9.2', false],
  ['2.36', '2.36.1', false],
  ['2.36-9', /^2\.(3[6-9]|4)/, true],
  ['2.35-9', /^2\.(3[6-9]|4)/g, false],
])('%s is version %s: %s', (version, wanted, is) => {
  expect(isVersion(version, wanted)).toBe(is)
})
