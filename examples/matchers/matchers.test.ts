import { guestTest } from 'mayfly/vitest'
import { expect } from 'vitest'
import 'mayfly/matchers'

const test = guestTest('debian')

test('the machine is set up', async ({ vm }) => {
  await expect(vm.service('ssh')).toBeRunning()
  await expect(vm.port(22)).toBeListening()
  await expect(vm.file('/etc/shadow')).toHaveMode(0o640)
  await expect(vm.package('telnetd')).not.toBeInstalled()
  await expect(vm.command('id -un')).toHaveStdout('root')
})

test('an installation does what it should, and nothing else', { timeout: 120_000 }, async ({ vm }) => {
  await vm.succeed('useradd --system shop && install -m 600 /dev/null /etc/shop.conf')
  const { files, packages, users } = await vm.diff()
  expect(users.map(({ name }) => name)).toEqual(['shop'])
  expect(files.map(({ name }) => name)).toContain('/etc/shop.conf')
  expect(packages).toEqual([])
})
