import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { hostArch } from './host-arch.js'
import { installCommand } from './package-manager.js'
import { debianPackages } from './tool-table.js'

const setup = fileURLToPath(new URL('../../ci/setup.sh', import.meta.url))

test.each([
  ['users', [], false],
  ['developers', ['--dev'], true],
])('ci/setup.sh installs what the table says, for %s', async (_, args, develop) => {
  const env = { MAYFLY_SETUP_DEV: '0' }
  const { stdout } = await execa('bash', [setup, '--list', ...args], { env })
  expect(stdout.split('\n').sort()).toEqual(debianPackages(hostArch(), { develop }).sort())
})

test('names each package once, and asks for root only where it is needed', () => {
  const qemu = { apt: 'qemu-system-x86', brew: 'qemu' }
  const image = { apt: 'qemu-utils', brew: 'qemu' }
  expect(installCommand('apt', [qemu, image, qemu], false)).toBe('sudo apt-get install qemu-system-x86 qemu-utils')
  expect(installCommand('apt', [qemu], true)).toBe('apt-get install qemu-system-x86')
  expect(installCommand('brew', [qemu, image], false)).toBe('brew install qemu')
  expect(installCommand('apk', [qemu], true)).toBeUndefined()
})
