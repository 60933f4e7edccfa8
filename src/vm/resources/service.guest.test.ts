import { describe, expect } from 'vitest'
import { guestTest } from '../../vitest/guest-test.js'
import { units } from './testing/units.js'

const micro = guestTest('micro', { scope: 'file' })
const debian = guestTest(units, { scope: 'file' })

describe('on debian', () => {
  debian('a service that runs', async ({ vm }) => {
    const service = vm.service('steady')
    expect(await service.state()).toMatchObject({
      manager: 'systemd',
      exists: true,
      active: true,
      running: true,
      enabled: true,
      activeState: 'active',
      subState: 'running',
      enablement: 'enabled',
    })
    expect(await vm.process('sleep').pids()).toContain(await service.pid())
    expect([await service.isRunning(), await service.isActive(), await service.isEnabled()]).toEqual([true, true, true])
    expect(await vm.service('steady.service').isRunning()).toBe(true)
  })

  debian('a one-shot that has done its work is active, and does not run', async ({ vm }) => {
    expect(await vm.service('once').state()).toMatchObject({
      active: true,
      running: false,
      subState: 'exited',
      enablement: 'static',
    })
  })

  debian('a failed service says how it ended', async ({ vm }) => {
    await vm.fail('systemctl start broken')
    expect(await vm.service('broken').state()).toMatchObject({
      exists: true,
      active: false,
      activeState: 'failed',
      result: 'exit-code',
      exitStatus: 3,
      pid: undefined,
    })
  })

  debian('other units; a masked one; one of a template', async ({ vm }) => {
    expect(await vm.service('dbus.socket').state()).toMatchObject({ running: true, subState: 'running' })
    expect(await vm.service('getty.target').state()).toMatchObject({
      exists: true,
      active: false,
      enablement: 'masked',
    })
    expect(await vm.service('many@one').isRunning()).toBe(false)
    await vm.succeed('systemctl start many@one')
    expect(await vm.service('many@one').isRunning()).toBe(true)
    expect(await vm.service('many@two').isRunning()).toBe(false)
  })

  debian.for(['nginx', 'no such', '-h', "it's"])('a service %j that does not exist', async (name, { vm }) => {
    expect(await vm.service(name).state()).toMatchObject({
      exists: false,
      active: false,
      running: false,
      enabled: false,
    })
    await expect(vm.service(name).pid()).rejects.toMatchObject({ code: 'MAYFLY_RESOURCE_MISSING' })
  })

  debian('a pattern is no name', async ({ vm }) => {
    await expect(vm.service('s*').isRunning()).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
    await expect(vm.package('dp*').isInstalled()).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  })

  debian('packages, also one that was removed and left its configuration', async ({ vm }) => {
    const version = (await vm.succeed('dpkg-query -W less | cut -f 2')).trim()
    expect(await vm.package('less').state()).toMatchObject({ manager: 'dpkg', installed: true, version })
    expect(await vm.package('nginx').state()).toMatchObject({ exists: false, installed: false, version: undefined })
    await vm.succeed('SUDO_FORCE_REMOVE=yes dpkg --remove sudo')
    expect(await vm.package('sudo').state()).toMatchObject({ installed: false, status: 'rc' })
    await expect(vm.package('sudo').version()).rejects.toThrow(/was removed, and only its configuration is left/)
  })
})

micro('micro has neither services nor packages, and says so', async ({ vm }) => {
  await expect(vm.service('nginx').isRunning()).rejects.toMatchObject({
    name: 'MayflyError',
    code: 'MAYFLY_RESOURCE_UNSUPPORTED',
    shortMessage: 'micro has no service manager that Mayfly knows (systemd, OpenRC)',
    hint: 'vm.process("nginx") tells whether a program runs.',
  })
  await expect(vm.package('nginx').isInstalled()).rejects.toMatchObject({
    code: 'MAYFLY_RESOURCE_UNSUPPORTED',
    shortMessage: 'micro has no package manager that Mayfly knows (dpkg, rpm, apk)',
  })
})
