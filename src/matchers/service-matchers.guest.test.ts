import { expect } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'
import { units } from '../vm/resources/testing/units.js'
import './index.js'
import { messageOf } from './testing/failure-of.js'

const test = guestTest(units, { scope: 'file' })

test('what holds passes', async ({ vm }) => {
  await expect(vm.service('steady')).toExist()
  await expect(vm.service('steady')).toBeRunning()
  await expect(vm.service('steady')).toBeActive()
  await expect(vm.service('steady')).toBeEnabled()
  await expect(vm.service('once')).toBeActive()
  await expect(vm.service('once')).not.toBeRunning()
  await expect(vm.service('once')).toBeEnabled()
  await expect(vm.service('broken')).not.toBeEnabled()
  await expect(vm.service('nginx')).not.toBeRunning()
  await expect(vm.service('nginx')).not.toExist()
  await expect(vm.package('less')).toBeInstalled()
  await expect(vm.package('less')).toBeInstalled(/^\d/)
  await expect(vm.package('nginx')).not.toBeInstalled()
})

test('a service that has failed: how, and its journal', async ({ vm }) => {
  await vm.fail('systemctl start broken')
  const [first, second, ...journal] = (await messageOf(expect(vm.service('broken')).toBeRunning())).split('\n')
  expect([first, second]).toEqual([
    'debian: expected service broken to be running, but it is failed, result exit-code, exit status 3, disabled',
    '  journal of broken:',
  ])
  expect(journal).toContain('    cannot read its configuration')
  expect(journal.join('\n')).toMatch(/Main process exited, code=exited, status=3/)
})

test('a service that was not started, one that has ended, one that does not exist', async ({ vm }) => {
  expect(await messageOf(expect(vm.service('many@idle')).toBeActive())).toBe(
    'debian: expected service many@idle to be active, but it is inactive (dead), static\n  the journal has nothing of many@idle',
  )
  expect(await messageOf(expect(vm.service('once')).toBeRunning())).toBe(
    'debian: expected service once to be running, but it is active (exited), static',
  )
  await vm.exec('systemctl reset-failed broken')
  expect(await messageOf(expect(vm.service('broken')).toBeEnabled())).toMatch(
    /^debian: expected service broken to be enabled, but it is inactive \(dead\), .*disabled$/,
  )
  expect(await messageOf(expect(vm.service('nginx')).toBeEnabled())).toBe(
    'debian: expected service nginx to be enabled, but it is unknown to systemd',
  )
  expect(await messageOf(expect(vm.service('stead')).toBeRunning())).toBe(
    'debian: expected service stead to be running, but it is unknown to systemd\n  units with that in their names:\n    steady.service enabled',
  )
})

test('with not: it runs, and as what', async ({ vm }) => {
  const pid = await vm.service('steady').pid()
  expect(await messageOf(expect(vm.service('steady')).not.toBeRunning())).toBe(
    `debian: expected service steady not to be running, but it is active (running), pid ${pid}, enabled`,
  )
})

test('a service that restarts: how often', async ({ vm }) => {
  await vm.writeFile(
    '/etc/systemd/system/loop.service',
    '[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=1ms\nExecStart=/bin/false\n',
  )
  await vm.succeed('systemctl daemon-reload; systemctl start loop')
  await vm.waitUntilSucceeds('test "$(systemctl show -P NRestarts loop)" -ge 3')
  const { restarts } = await vm.service('loop').state()
  expect(restarts).toBeGreaterThanOrEqual(3)
  await vm.succeed('systemctl stop loop')
  expect(await messageOf(expect(vm.service('loop')).toBeActive())).toMatch(
    /^debian: expected service loop to be active, but it is (inactive|failed).*, static\n {2}journal of loop:\n/,
  )
})

test('a package that is not installed: those with that in their names', async ({ vm }) => {
  const version = await vm.package('openssh-server').version()
  expect(await messageOf(expect(vm.package('openssh')).toBeInstalled())).toMatch(
    `debian: expected package openssh to be installed, but it is not installed
  installed, with that in their names:
    openssh-client`,
  )
  expect(await messageOf(expect(vm.package('openssh-server')).toBeInstalled('7.1'))).toBe(
    `debian: expected package openssh-server to be installed in version 7.1, but it is installed in version ${version}`,
  )
  expect(await messageOf(expect(vm.package('nginx')).toBeInstalled())).toBe(
    'debian: expected package nginx to be installed, but it is not installed',
  )
})
