import { expect, test } from 'vitest'
import { launch } from './launch.js'

const guest = { image: 'micro', arch: 'aarch64' } as const

test('an aarch64 guest boots, is cloned, checkpointed, restored and rebooted', async () => {
  await using vm = await launch(guest)
  expect(vm.accelerator).toBe(process.arch === 'arm64' ? vm.accelerator : 'tcg')
  expect(await vm.succeed('uname -m; uname -n')).toBe('aarch64\nmicro\n')
  // The agent has set the clock: it has found its line.
  const skew = Math.abs(Number(await vm.succeed('date +%s')) - Date.now() / 1000)
  expect(skew).toBeLessThan(5)
  const checkpoint = await vm.checkpoint('before')
  await vm.succeed('echo changed >/scratch/file && sync')
  const [fork] = await vm.fork()
  expect(await fork.succeed('cat /scratch/file')).toBe('changed\n')
  await fork.destroy()
  await vm.restore(checkpoint)
  expect((await vm.exec('cat /scratch/file')).exitCode).toBe(1)
  await vm.succeed('echo kept >/scratch/file && sync')
  await vm.reboot()
  expect(await vm.succeed('cat /scratch/file')).toBe('kept\n')
})
