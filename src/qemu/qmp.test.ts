import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Duplex, PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findQemu } from '../host/qemu-binary.js'
import { QmpClient } from './qmp.js'

/** A QEMU without a machine: its monitor is the real one, and it is up in 50 ms. */
let qemu: ReturnType<typeof spawn>
let qmp: QmpClient

beforeEach(async () => {
  const { path } = await findQemu()
  const argv = [
    '-machine',
    'none',
    '-display',
    'none',
    '-chardev',
    'socket,id=qmp,fd=3',
    '-mon',
    'chardev=qmp,mode=control',
  ]
  qemu = spawn(path, argv, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  qmp = new QmpClient(qemu.stdio[3] as unknown as Duplex)
})

afterEach(async () => {
  if (qemu.exitCode === null && qemu.signalCode === null) {
    qemu.kill('SIGKILL')
    await once(qemu, 'exit')
  }
})

test('commands sent ahead of the greeting are answered in order', async () => {
  const [, status] = await Promise.all([qmp.execute('qmp_capabilities'), qmp.execute('query-status'), qmp.greeted()])
  expect(status).toMatchObject({ status: 'running', running: true })
})

test('a refused command says what and why', async () => {
  await qmp.execute('qmp_capabilities')
  await expect(qmp.execute('migrate-incoming', { uri: 'exec:true' })).rejects.toMatchObject({
    code: 'MAYFLY_QMP_COMMAND_FAILED',
    message: expect.stringContaining('migrate-incoming'),
  })
})

test('events reach who waits for them', async () => {
  await qmp.execute('qmp_capabilities')
  const stopped = qmp.nextEvent(({ event }) => event === 'STOP')
  await qmp.execute('stop')
  expect((await stopped).timestamp.seconds).toBeGreaterThan(0)
})

test('the end of QEMU ends every wait, and every later command', async () => {
  await qmp.execute('qmp_capabilities')
  const waiting = qmp.nextEvent(({ event }) => event === 'NEVER')
  qemu.kill('SIGKILL')
  await expect(waiting).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
  await expect(qmp.execute('query-status')).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
})

test('a monitor that does not answer is given up after its deadline', async () => {
  await qmp.execute('qmp_capabilities')
  qemu.kill('SIGSTOP')
  await expect(qmp.execute('query-status', undefined, 100)).rejects.toThrow(/did not answer query-status within 100 ms/)
  await expect(qmp.execute('cont')).rejects.toThrow('did not answer cont within 1000 ms')
  qemu.kill('SIGCONT')
  await vi.waitFor(() => qmp.execute('query-status'), { timeout: 10_000 })
})

test('an aborted wait is over, with the reason', async () => {
  const reason = new Error('enough')
  await expect(qmp.nextEvent(() => false, AbortSignal.abort(reason))).rejects.toBe(reason)
})

test.each([
  ['what is no message', 'nonsense\n'],
  ['a message that does not end', 'A'.repeat(17 * 1024 ** 2)],
])('%s ends the connection', async (_what, bytes) => {
  const line = new PassThrough()
  const answer = new QmpClient(line).nextEvent(() => true)
  line.write(bytes)
  await expect(answer).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
  expect(line.destroyed).toBe(true)
})
