import { expect } from 'vitest'
import type { MayflyError } from '../errors.js'
import { guestTest } from '../vitest/guest-test.js'
import type { Vm } from './vm.js'

const debian = guestTest('debian', { scope: 'file' })
const micro = guestTest('micro')

async function unit(vm: Vm, name: string, text: string): Promise<void> {
  await vm.writeFile(`/etc/systemd/system/${name}`, text)
  await vm.succeed('systemctl daemon-reload')
}

async function failureOf(wait: Promise<unknown>): Promise<MayflyError & { text: string; took: number }> {
  const started = performance.now()
  const error = await wait.then(
    () => Promise.reject(new Error('it should have failed')),
    (error) => error,
  )
  const text = error.message
    .replace(/after [\d.]+ m?s of/g, 'after N of')
    .replace(/\b\d+ attempts?/g, 'N attempts')
    .replace(/\[ *\d+\.\d+\]/g, '[time]')
    .replace(/\[\d+\]/g, '[pid]')
    .replace(/since .*/g, 'since ...')
    .replace(/\d+ \(code=/g, 'N (code=')
    .replace(/Duration: .*|CPU: .*|Process: \d+/g, (match: string) => match.replace(/: .*/, ': ...'))
  return Object.assign(error, { text, took: performance.now() - started })
}

debian('one that becomes active', async ({ vm }) => {
  await vm.waitForUnit('ssh')
  await vm.waitForUnit('multi-user.target')
  await unit(vm, 'slow.service', '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 1\n')
  await vm.succeed('systemctl start --no-block slow')
  const started = performance.now()
  await vm.waitForUnit('slow.service')
  expect(performance.now() - started).toBeGreaterThan(300)
  expect((await vm.succeed('systemctl is-active slow')).trim()).toBe('active')
})

debian('one that has failed ends the wait at once, with its journal', async ({ vm }) => {
  await unit(
    vm,
    'broken.service',
    `[Unit]\nDescription=A broken one\n[Service]\nExecStart=/bin/sh -c 'echo "cannot open /etc/broken.conf" >&2; exit 3'\n`,
  )
  await vm.succeed('systemctl start broken')
  const error = await failureOf(vm.waitForUnit('broken.service'))
  expect(error).toMatchObject({ name: 'GuestAssertionError', code: 'MAYFLY_WAIT_TIMEOUT' })
  expect(error.text).toMatchInlineSnapshot()
  expect(error.took).toBeLessThan(10_000)
})

debian('one that does not exist', async ({ vm }) => {
  const error = await failureOf(vm.waitForUnit('sshd2'))
  expect(error.text).toMatchInlineSnapshot()
  expect((await failureOf(vm.waitForUnit('ss'))).text).toMatchInlineSnapshot()
  await expect(vm.waitForUnit('ssh*')).rejects.toThrow('not the name of a unit: "ssh*"')
})

debian('one that nothing is going to start', async ({ vm }) => {
  await unit(vm, 'idle.service', '[Service]\nExecStart=/bin/sleep 1000\n')
  const error = await failureOf(vm.waitForUnit('idle.service'))
  expect(error.text).toMatchInlineSnapshot()
  expect(error.took).toBeGreaterThan(3000)
  expect(error.took).toBeLessThan(25_000)
})

debian('one that is started within the grace, and one that a timer starts later', async ({ vm }) => {
  await unit(vm, 'late.service', '[Service]\nExecStart=/bin/sleep 1000\n')
  const waiting = vm.waitForUnit('late')
  await vm.waitUntilSucceeds('sleep 2')
  await vm.succeed('systemctl start late')
  await waiting
  await unit(vm, 'timed.service', '[Service]\nExecStart=/bin/sleep 1000\n')
  await unit(vm, 'timed.timer', '[Timer]\nOnActiveSec=15s\nAccuracySec=100ms\n')
  await vm.succeed('systemctl start timed.timer')
  await vm.waitForUnit('timed.service', { timeout: '60s' })
})

debian('one that has run and ended', async ({ vm }) => {
  await unit(vm, 'once.service', '[Service]\nType=oneshot\nExecStart=/bin/true\n')
  await vm.succeed('systemctl start once')
  expect((await failureOf(vm.waitForUnit('once.service'))).text).toMatchInlineSnapshot()
})

debian('one that crashes again and again', async ({ vm }) => {
  await unit(
    vm,
    'loop.service',
    `[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=notify\nRestart=always\nRestartSec=200ms\nExecStart=/bin/sh -c 'echo "no database" >&2; exit 1'\n`,
  )
  await vm.succeed('systemctl start --no-block loop')
  const error = await failureOf(vm.waitForUnit('loop.service', { timeout: '4s' }))
  expect(error.text).toMatch(
    /waited in vain for unit loop.service to be active \[MAYFLY_WAIT_TIMEOUT\]\n {2}gave up after N of 4.0 s, N attempts; the Vm is running\n {2}last: activating \(.*\), .*systemd has restarted it \d+ times/,
  )
  expect(error.text).toContain('journal: [time] mayfly sh[pid]: no database')
  await vm.succeed('systemctl stop loop')
})

debian('one that is masked, and one whose file is not right', async ({ vm }) => {
  await vm.succeed('systemctl mask hidden.service')
  expect((await failureOf(vm.waitForUnit('hidden.service'))).text).toContain('unit hidden.service is masked')
  await unit(vm, 'wrong.service', '[Service]\nType=oneshot\n')
  expect((await failureOf(vm.waitForUnit('wrong.service'))).text).toMatchInlineSnapshot()
})

micro('where there is no systemd', async ({ vm }) => {
  const error = await failureOf(vm.waitForUnit('nginx'))
  expect(error.name).toBe('MayflyError')
  expect(error.took).toBeLessThan(5000)
  expect(error.text).toMatchInlineSnapshot()
})
