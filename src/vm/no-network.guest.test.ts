import { expect, test } from 'vitest'
import { launch } from './launch.js'

test('a guest without a network has a console and an agent, and says why the rest does not work', async () => {
  await using vm = await launch({ image: 'micro', network: 'none' })
  // micro has a shell on its console then.
  vm.console.send('\n')
  vm.console.send('echo "cards: $(ls /sys/class/net | tr "\\n" " ")"; echo $((6 * 7))\n')
  await vm.waitForConsoleText(/^42\s*$/m)
  expect(vm.console.text()).toMatch(/^cards: lo\s*$/m)
  for (const refused of [vm.exec('true'), vm.reboot(), vm.forwardPort(80)]) {
    await expect(refused).rejects.toMatchObject({ code: 'MAYFLY_NO_NETWORK' })
  }
  expect(() => vm.ssh).toThrow(expect.objectContaining({ code: 'MAYFLY_NO_NETWORK' }))
  vm.console.send('kept=yes\n')
  const [fork] = await vm.fork()
  fork.console.send('\necho "kept: $kept"\n')
  await fork.waitForConsoleText(/^kept: yes/m)
  await fork.destroy()
  await vm.crash()
  await vm.start()
  expect(vm.state).toBe('running')
})

test('it cannot be made unique', async () => {
  const launching = launch({ image: 'micro', network: 'none' }, { unique: true })
  await expect(launching).rejects.toMatchObject({ code: 'MAYFLY_NO_NETWORK' })
})
