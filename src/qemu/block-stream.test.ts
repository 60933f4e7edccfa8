import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { execa } from 'execa'
import { expect, onTestFinished, test } from 'vitest'
import { findQemu } from '../host/qemu-binary.js'
import { createOverlay } from '../image/overlay.js'
import { flatten } from './block-stream.js'
import { QmpClient } from './qmp.js'

const SIZE = 16 * 2 ** 20

/** A stack of layers, the bottom one first, each with its number at the offset of as many MiB; and a QEMU without a machine that has it open. */
async function openStack(count: number) {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-layers-'))
  const paths = Array.from({ length: count }, (_, index) => join(directory, `${index}.qcow2`))
  for (const [index, path] of paths.entries()) {
    const below = paths[index - 1]
    await createOverlay(path, { sizeBytes: SIZE, backing: below ? { path: below, format: 'qcow2' } : undefined })
    await execa('qemu-io', ['-f', 'qcow2', '-c', `write -P ${index + 1} ${index}M 64k`, path])
  }
  const nodes = paths.map((filename, index) => [
    '-blockdev',
    JSON.stringify({
      'node-name': `layer-${index}`,
      driver: 'qcow2',
      file: { driver: 'file', filename },
      backing: index === 0 ? null : `layer-${index - 1}`,
      'read-only': index < count - 1,
    }),
  ])
  const { path } = await findQemu()
  const monitor = ['-chardev', 'socket,id=qmp,fd=3', '-mon', 'chardev=qmp,mode=control']
  const qemu = spawn(path, ['-machine', 'none', '-display', 'none', ...monitor, ...nodes.flat()], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  // Not SIGKILL: what QEMU has not flushed yet is in its memory.
  const end = async () => {
    if (qemu.exitCode !== null || qemu.signalCode !== null) return
    qemu.kill('SIGTERM')
    await once(qemu, 'exit')
  }
  onTestFinished(async () => {
    await end()
    await rm(directory, { recursive: true })
  })
  const qmp = new QmpClient(qemu.stdio[3] as unknown as Duplex)
  await qmp.execute('qmp_capabilities')
  return { qmp, qemu, end, paths, top: paths.at(-1)! }
}

/** What qemu-io says of the pattern that layer `index` has. */
const pattern = async (path: string, index: number) =>
  (await execa('qemu-io', ['-r', '-f', 'qcow2', '-c', `read -P ${index + 1} ${index}M 64k`, path])).stdout

test('a layer that stands alone holds all that was below it', async () => {
  const { qmp, end, paths, top } = await openStack(4)
  await flatten(qmp, { node: 'layer-3' })
  await end()
  await Promise.all(paths.slice(0, -1).map((path) => rm(path)))
  for (const index of [0, 1, 2, 3]) expect(await pattern(top, index)).not.toContain('verification failed')
})

test('down to a base, nothing of which is copied', async () => {
  const { qmp, end, paths, top } = await openStack(4)
  await flatten(qmp, { node: 'layer-3', base: 'layer-0' })
  await end()
  await Promise.all([paths[1]!, paths[2]!].map((path) => rm(path)))
  for (const index of [0, 1, 2, 3]) expect(await pattern(top, index)).not.toContain('verification failed')
  const { stdout } = await execa('qemu-img', ['map', '--output=json', '-f', 'qcow2', top])
  const own = (JSON.parse(stdout) as { start: number; depth: number; data: boolean }[]).filter(
    ({ data, depth }) => data && depth === 0,
  )
  expect(own.map(({ start }) => start / 2 ** 20)).toEqual([1, 2, 3])
})

test('what QEMU refuses is told at once', async () => {
  const { qmp } = await openStack(2)
  await expect(flatten(qmp, { node: 'layer-7' })).rejects.toMatchObject({ code: 'MAYFLY_QMP_COMMAND_FAILED' })
})

test('a QEMU that dies ends the wait', async () => {
  const { qmp, qemu } = await openStack(2)
  const flattening = flatten(qmp, { node: 'layer-1' })
  qemu.kill('SIGKILL')
  await expect(flattening).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
})
