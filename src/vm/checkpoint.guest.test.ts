import { describe, expect } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'
import { checkpointsOnDisk, onDisk, uptime } from './testing/evidence.js'

const micro = guestTest('micro')
const debian = guestTest('debian')

describe.each([
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
])('$image', ({ test }) => {
  test('what was on disk, in memory and running is there again, twice', async ({ vm }) => {
    const disk = await onDisk(vm)
    await vm.succeed(`echo one > ${disk}/mark; echo one > /dev/shm/mark; sync`)
    const pid = (
      await vm.succeed('( while :; do date +%s > /dev/shm/beat; sleep 0.1; done ) >/dev/null 2>&1 & echo $!')
    ).trim()
    const checkpoint = await vm.checkpoint('one')
    const before = await uptime(vm)
    for (const round of [1, 2]) {
      await vm.succeed(`echo ${round + 1} > ${disk}/mark; echo ${round + 1} > /dev/shm/mark; sync; kill ${pid}`)
      await vm.restore(checkpoint)
      expect(vm.state).toBe('running')
      expect(await vm.succeed(`cat ${disk}/mark /dev/shm/mark`)).toBe('one\none\n')
      await vm.succeed(`kill -0 ${pid}; rm -f /dev/shm/beat`)
      await vm.waitForFile('/dev/shm/beat')
      // The monotonic clock goes on from the checkpoint: neither back, nor on by what has passed meanwhile on the host.
      const after = await uptime(vm)
      expect(after).toBeGreaterThan(before - 1)
      expect(after).toBeLessThan(before + 8)
    }
  })

  test('the wall clock is right after a restore', async ({ vm }) => {
    const checkpoint = await vm.checkpoint()
    await vm.succeed('sleep 1; date -s "2001-01-01 00:00:00"')
    await vm.restore(checkpoint)
    expect(Math.abs(await clockError(vm))).toBeLessThan(0.1)
  })

  test('checkpoints of checkpoints', async ({ vm }) => {
    const disk = await onDisk(vm)
    const mark = (text: string) => vm.succeed(`echo ${text} > ${disk}/mark; echo ${text} > /dev/shm/mark; sync`)
    const read = () => vm.succeed(`cat ${disk}/mark /dev/shm/mark`)
    await mark('a')
    const a = await vm.checkpoint('a')
    await mark('b')
    const b = await vm.checkpoint('b')
    await mark('c')
    await vm.restore(a)
    expect(await read()).toBe('a\na\n')
    await vm.restore(b)
    expect(await read()).toBe('b\nb\n')
    const again = await vm.checkpoint('b, again')
    await mark('d')
    await vm.restore(again)
    expect(await read()).toBe('b\nb\n')
  })

  test('a Vm that was rebooted can be frozen, and one that was restored rebooted', async ({ vm }) => {
    const disk = await onDisk(vm)
    await vm.succeed(`echo kept > ${disk}/mark; sync`)
    await vm.reboot()
    await vm.succeed('echo second boot > /dev/shm/mark')
    const checkpoint = await vm.checkpoint()
    await vm.succeed(`echo lost > ${disk}/mark; rm /dev/shm/mark; sync`)
    await vm.restore(checkpoint)
    expect(await vm.succeed(`cat ${disk}/mark /dev/shm/mark`)).toBe('kept\nsecond boot\n')
    await vm.reboot()
    expect(await vm.succeed(`cat ${disk}/mark; ls /dev/shm`)).toBe('kept\n')
  })

  test('where a page cannot be told from another, QEMU streams them all', async ({ vm }) => {
    const disk = await onDisk(vm)
    await vm.succeed(`echo one > ${disk}/mark; echo one > /dev/shm/mark; sync`)
    const checkpoint = await vm.checkpoint('streamed', { method: 'migration' })
    await vm.succeed(`echo two > ${disk}/mark; echo two > /dev/shm/mark; sync`)
    await vm.restore(checkpoint)
    expect(await vm.succeed(`cat ${disk}/mark /dev/shm/mark`)).toBe('one\none\n')
    const onTop = await vm.checkpoint('pages again')
    await vm.succeed(`echo two > ${disk}/mark; echo two > /dev/shm/mark; sync`)
    await vm.restore(onTop)
    expect(await vm.succeed(`cat ${disk}/mark /dev/shm/mark`)).toBe('one\none\n')
  })
})

micro.for(['pages', 'migration'] as const)('a suspended Vm stays so, by %s', async (method, { vm }) => {
  await vm.succeed('echo mark > /dev/shm/mark')
  await vm.suspend()
  const first = await vm.checkpoint('first', { method })
  const second = await vm.checkpoint('second', { method })
  expect(vm.state).toBe('suspended')
  expect(first.pauseMs).toBe(0)
  await vm.resume()
  await vm.succeed('rm /dev/shm/mark')
  await vm.suspend()
  await vm.restore(second)
  expect(await vm.succeed('cat /dev/shm/mark')).toBe('mark\n')
})

micro('many in a row: the layers stay few, and what they hold is whole', async ({ vm }) => {
  const sums: string[] = []
  for (let round = 1; round <= 12; round++) {
    await vm.succeed(`dd if=/dev/urandom of=/scratch/${round} bs=1M count=1 2>/dev/null; sync`)
    sums.push(await vm.succeed(`sha256sum < /scratch/${round}`))
    const checkpoint = await vm.checkpoint(`${round}`)
    if (round < 12) await checkpoint[Symbol.asyncDispose]()
    else await vm.restore(checkpoint)
  }
  // Eight of the first nine lie in one now, and what is disposed of goes with the layers above it.
  expect((await checkpointsOnDisk()).length).toBeLessThanOrEqual(4)
  for (const [index, sum] of sums.entries()) expect(await vm.succeed(`sha256sum < /scratch/${index + 1}`)).toBe(sum)
  await vm.reboot()
  for (const [index, sum] of sums.entries()) expect(await vm.succeed(`sha256sum < /scratch/${index + 1}`)).toBe(sum)
})

micro('its files go with the last who needs them', async ({ vm }) => {
  const checkpoint = await vm.checkpoint()
  expect(await checkpointsOnDisk()).toHaveLength(1)
  expect(checkpoint.bytes).toBeGreaterThan(2 ** 20)
  await vm.restore(checkpoint)
  await checkpoint[Symbol.asyncDispose]()
  expect(await checkpointsOnDisk()).toHaveLength(1)
  await expect(vm.restore(checkpoint)).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  expect(await vm.succeed('echo goes on')).toBe('goes on\n')
  await vm.reboot()
  expect(await vm.succeed('echo goes on')).toBe('goes on\n')
  await vm.destroy()
  expect(await checkpointsOnDisk()).toEqual([])
})

/** Seconds between a guest's clock and the host's. */
async function clockError(vm: Parameters<typeof uptime>[0]): Promise<number> {
  // busybox's date knows no fractions: the kernel tells the time of a file that is written now.
  const script = "touch /dev/shm/now; stat -c '%y' /dev/shm/now"
  const started = Date.now()
  const [day, time] = (await vm.succeed(`TZ=UTC sh -c ${JSON.stringify(script)}`)).split(' ')
  const guest = Date.parse(`${day}T${time?.slice(0, 12)}Z`)
  const ended = Date.now()
  if (guest < started) return (guest - started) / 1000
  return guest > ended ? (guest - ended) / 1000 : 0
}
