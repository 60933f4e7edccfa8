import { expect, test } from 'vitest'
import { Ignored } from './ignore.js'

test('a pattern holds for what lies below it, and stars stay within a name', () => {
  const ignored = new Ignored(['/srv/*/cache', '/opt/app/', '**/*.swp', '/x?y'], ['/'], false)
  const left = ['/srv/a/cache', '/srv/a/cache/b/c', '/opt/app', '/opt/app/x', '/etc/.a.swp', '/a.swp', '/xay']
  for (const path of left) expect(ignored.path(path), path).toBe(true)
  const seen = ['/srv/cache', '/srv/a/b/cache', '/srv/a/caches', '/opt/application', '/etc/aswp', '/x/y', '/srv']
  for (const path of seen) expect(ignored.path(path), path).toBe(false)
})

test('a name is matched whole, and by its kind', () => {
  const ignored = new Ignored(['unit:ssh@*', 'port:udp *', 'user:web'], ['/'], false)
  expect(ignored.name('unit', 'ssh@1-10.0.2.2.service')).toBe(true)
  expect(ignored.name('unit', 'sshd.service')).toBe(false)
  expect(ignored.name('port', 'udp 0.0.0.0:68')).toBe(true)
  expect(ignored.name('port', 'tcp 0.0.0.0:68')).toBe(false)
  expect(ignored.name('user', 'web')).toBe(true)
  expect(ignored.name('user', 'webmaster')).toBe(false)
  expect(ignored.name('group', 'web')).toBe(false)
})

test('what is volatile counts where it was asked for', () => {
  expect(new Ignored([], ['/'], true).path('/var/log/nginx/access.log')).toBe(true)
  expect(new Ignored([], ['/var/log/nginx'], true).path('/var/log/nginx/access.log')).toBe(false)
  expect(new Ignored([], ['/var/log/nginx'], true).path('/tmp/a')).toBe(true)
  expect(new Ignored([], ['/'], false).path('/var/log/nginx/access.log')).toBe(false)
  expect(new Ignored(['/tmp'], ['/tmp'], true).path('/tmp/a')).toBe(true)
})

test('only what has no wildcard keeps find away', () => {
  expect(new Ignored(['/srv/*', '/a', '/b[1]'], ['/'], false).prunable).toEqual(['/a'])
})
