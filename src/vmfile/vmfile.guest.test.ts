import { expect } from 'vitest'
import { guestTest } from '../vitest/index.js'
import { vmfile } from './vmfile.js'

const test = guestTest(
  vmfile<'web' | 'micro' | 'debian'>(new URL('../../fixtures/vmfiles/guests/VMFile.kdl', import.meta.url)),
)

test('every machine of a VMFile is a fixture, set up as it says', async ({ web, micro }) => {
  expect(await web.succeed('cat /root/order')).toBe('manipulated\nscript welcome\ninline\n')
  expect(await web.succeed('hostname; nproc; cat /srv/site/index.html')).toBe(
    'www.example.org\n2\nHello from a VMFile\n',
  )
  const mebibytes = async (vm: typeof web) =>
    Number(await vm.succeed("awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo"))
  expect(await mebibytes(web)).toBeLessThan(192)
  expect(await mebibytes(micro)).toBeGreaterThan(192)
  expect(await micro.succeed('hostname')).toBe('micro\n')
})

test('root has the password', async ({ debian }) => {
  const check = `perl -e '$hash = (getpwnam "root")[1]; print crypt($ARGV[0], $hash) eq $hash ? "right" : "wrong"'`
  expect(await debian.succeed(`${check} "it's s3cret"; ${check} other`)).toBe('rightwrong')
})
