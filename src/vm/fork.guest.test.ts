import { expect } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'
import { checkpointsOnDisk, forks, onDisk } from './testing/evidence.js'
import type { Vm } from './vm.js'

const micro = guestTest('micro')
const debian = guestTest('debian')
const large = guestTest({ image: 'micro', memory: '512MiB' })

for (const { image, test } of [
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
]) {
  test(`${image}: forks go their own ways, and so does the parent`, async ({ vm }) => {
    const disk = await onDisk(vm)
    await vm.succeed(`echo common > ${disk}/mark; echo common > /dev/shm/mark; sync`)
    const [one, two, three] = await forks(vm, 3)
    const all = [vm, one!, two!, three!]
    await Promise.all(
      all.map(async (each, index) => {
        expect(await each.succeed(`cat ${disk}/mark /dev/shm/mark`)).toBe('common\ncommon\n')
        await each.succeed(`echo ${index} > ${disk}/mark; echo ${index} > /dev/shm/mark; sync`)
      }),
    )
    for (const [index, each] of all.entries()) {
      expect(await each.succeed(`cat ${disk}/mark /dev/shm/mark`)).toBe(`${index}\n${index}\n`)
    }
    const random = await Promise.all(all.map((each) => each.succeed('head -c 32 /dev/urandom | sha256sum')))
    expect(new Set(random).size).toBe(4)
  })
}

micro('without a count it is one', async ({ vm }) => {
  const made = await vm.fork()
  expect(made).toHaveLength(1)
  await made[0]!.destroy()
  expect(await vm.succeed('echo goes on')).toBe('goes on\n')
  // What the parent wrote before the fork lies below its disk until it ends; the memory is gone.
  expect(await checkpointsOnDisk()).toHaveLength(1)
  await vm.destroy()
  expect(await checkpointsOnDisk()).toEqual([])
  await expect(vm.fork(0)).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
})

micro('a fork of a fork, when the parents are gone', async ({ vm }) => {
  await vm.succeed('echo parent > /scratch/mark; sync')
  const [child] = await forks(vm, 1)
  await vm.destroy()
  await child!.succeed('echo child >> /scratch/mark; sync')
  const [grandchild] = await forks(child!, 1)
  await child!.destroy()
  expect(await grandchild!.succeed('cat /scratch/mark')).toBe('parent\nchild\n')
  await grandchild!.reboot()
  expect(await grandchild!.succeed('cat /scratch/mark')).toBe('parent\nchild\n')
  const checkpoint = await grandchild!.checkpoint()
  await grandchild!.succeed('rm /scratch/mark; sync')
  await grandchild!.restore(checkpoint)
  expect(await grandchild!.succeed('cat /scratch/mark')).toBe('parent\nchild\n')
  await grandchild!.destroy()
  expect(await checkpointsOnDisk()).toEqual([])
})

micro('a fork goes back to a checkpoint of its parent', async ({ vm }) => {
  await vm.succeed('echo before > /dev/shm/mark')
  const checkpoint = await vm.checkpoint()
  await vm.succeed('echo after > /dev/shm/mark')
  const [child] = await forks(vm, 1)
  expect(await child!.succeed('cat /dev/shm/mark')).toBe('after\n')
  await child!.restore(checkpoint)
  expect(await child!.succeed('cat /dev/shm/mark')).toBe('before\n')
  expect(await vm.succeed('cat /dev/shm/mark')).toBe('after\n')
})

let left: Promise<Vm[]>[] = []

micro('forks that nobody destroys', async ({ vm }) => {
  const [child] = await vm.fork()
  // Of the second nothing is there yet when the test ends.
  left = [Promise.resolve([child!]), child!.fork(2)]
  left[1]!.catch(() => {})
})

micro('end with the test of the first of their family', async () => {
  const [made, late] = await Promise.allSettled(left)
  expect(made!.status === 'fulfilled' && made!.value.map(({ state }) => state)).toEqual(['destroyed'])
  if (late!.status === 'fulfilled') {
    expect(late!.value.map(({ state }) => state)).toEqual(['destroyed', 'destroyed'])
  } else expect(late!.reason).toMatchObject({ code: expect.stringMatching(/^MAYFLY_(ABORTED|VM_STATE|QEMU_EXITED)$/) })
})

large('much memory in use is the same in the fork', async ({ vm }) => {
  await vm.succeed(
    'mount -o remount,size=300m /dev/shm 2>/dev/null || mount -t tmpfs -o size=300m none /dev/shm; dd if=/dev/urandom of=/dev/shm/big bs=1M count=200 2>/dev/null',
  )
  const sum = await vm.succeed('md5sum < /dev/shm/big')
  const [child] = await forks(vm, 1)
  await Promise.all([
    vm.succeed('dd if=/dev/zero of=/dev/shm/big bs=1M count=200 2>/dev/null'),
    expect(child!.succeed('md5sum < /dev/shm/big')).resolves.toBe(sum),
  ])
})
