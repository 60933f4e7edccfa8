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
    .replace(/(after|for) [\d.]+ m?s of/g, '$1 N of')
    .replace(/\b\d+ attempts?/g, 'N attempts')
    .replace(/\[ *\d+\.\d+\]/g, '[time]')
    .replace(/\[\d+\]/g, '[pid]')
    .replace(/^( {2}journal: \[time\]) \S+/gm, '$1 host')
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
    `[Unit]\nDescription=A broken one\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo "cannot open /etc/broken.conf" >&2; exit 3'\n`,
  )
  await vm.fail('systemctl start broken')
  const error = await failureOf(vm.waitForUnit('broken.service'))
  expect(error).toMatchObject({ name: 'GuestAssertionError', code: 'MAYFLY_WAIT_TIMEOUT' })
  expect(error.text).toMatchInlineSnapshot(`
    "debian: unit broken.service has failed [MAYFLY_WAIT_TIMEOUT]
      failed, result exit-code, its program exited with 3
      systemctl: × broken.service - A broken one
      systemctl:      Loaded: loaded (/etc/systemd/system/broken.service; static)
      systemctl:      Active: failed (Result: exit-code) since ...
      systemctl:     Process: ... ExecStart=/bin/sh -c echo "cannot open /etc/broken.conf" >&2; exit N (code=exited, status=3)
      systemctl:    Main PID: N (code=exited, status=3)
      systemctl:         CPU: ...
      journal: [time] host systemd[pid]: Starting broken.service - A broken one...
      journal: [time] host sh[pid]: cannot open /etc/broken.conf
      journal: [time] host systemd[pid]: broken.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED
      journal: [time] host systemd[pid]: broken.service: Failed with result 'exit-code'.
      journal: [time] host systemd[pid]: Failed to start broken.service - A broken one.
      waited for unit broken.service to be active for N of 1 min 0 s, N attempts"
  `)
  expect(error.took).toBeLessThan(10_000)
})

debian('one that does not exist', async ({ vm }) => {
  expect((await failureOf(vm.waitForUnit('sshd2'))).text).toBe(`debian: there is no unit sshd2 [MAYFLY_WAIT_TIMEOUT]
  inactive (dead), Unit sshd2.service not found.
  waited for unit sshd2 to be active for N of 1 min 0 s, N attempts`)
  await unit(vm, 'shop-web.service', '[Service]\nExecStart=/bin/sleep 1000\n')
  expect((await failureOf(vm.waitForUnit('shop'))).text).toContain('\n  there is: shop-web.service static -\n')
  await expect(vm.waitForUnit('ssh*')).rejects.toThrow('not the name of a unit: "ssh*"')
})

debian('one that nothing is going to start', async ({ vm }) => {
  await unit(vm, 'idle.service', '[Service]\nExecStart=/bin/sleep 1000\n')
  const error = await failureOf(vm.waitForUnit('idle.service'))
  expect(error.text).toMatchInlineSnapshot(`
    "debian: unit idle.service is inactive, and nothing is going to start it [MAYFLY_WAIT_TIMEOUT]
      inactive (dead)
      for 12.0 s nothing was queued, and nothing triggers it
      systemctl: ○ idle.service
      systemctl:      Loaded: loaded (/etc/systemd/system/idle.service; static)
      systemctl:      Active: inactive (dead)
      waited for unit idle.service to be active for N of 1 min 0 s, N attempts
      Hint: Start it: systemctl start idle.service."
  `)
  expect(error.took).toBeGreaterThan(3000)
  expect(error.took).toBeLessThan(40_000)
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
  expect((await failureOf(vm.waitForUnit('once.service'))).text).toMatchInlineSnapshot(`
    "debian: unit once.service is inactive, and nothing is going to start it [MAYFLY_WAIT_TIMEOUT]
      inactive (dead)
      for 12.0 s nothing was queued, and nothing triggers it
      systemctl: ○ once.service
      systemctl:      Loaded: loaded (/etc/systemd/system/once.service; static)
      systemctl:      Active: inactive (dead)
      journal: [time] host systemd[pid]: Starting once.service...
      journal: [time] host systemd[pid]: once.service: Deactivated successfully.
      journal: [time] host systemd[pid]: Finished once.service.
      waited for unit once.service to be active for N of 1 min 0 s, N attempts
      Hint: A oneshot service is inactive again when it has run: give it RemainAfterExit=yes, or wait for what it makes."
  `)
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
  expect(error.text).toContain('journal: [time] host sh[pid]: no database')
  await vm.succeed('systemctl stop loop')
})

debian('one that is masked, and one whose file is not right', async ({ vm }) => {
  await vm.succeed('systemctl mask hidden.service')
  expect((await failureOf(vm.waitForUnit('hidden.service'))).text).toContain('unit hidden.service is masked')
  await unit(vm, 'wrong.service', '[Service]\nType=oneshot\n')
  const wrong = await failureOf(vm.waitForUnit('wrong.service'))
  expect(wrong.text).toContain('unit wrong.service cannot be loaded: its file is not right [MAYFLY_WAIT_TIMEOUT]\n')
  expect(wrong.text).toContain('wrong.service: Service has no ExecStart=')
})

micro('where there is no systemd', async ({ vm }) => {
  const error = await failureOf(vm.waitForUnit('nginx'))
  expect(error.name).toBe('MayflyError')
  expect(error.took).toBeLessThan(5000)
  expect(error.text).toMatchInlineSnapshot(`
    "micro does not run systemd: it has no unit nginx [MAYFLY_RESOURCE_UNSUPPORTED]
      waited for unit nginx to be active for N of 1 min 0 s, N attempts
      Hint: Wait for what the service does: waitForOpenPort, waitForFile, waitUntilSucceeds."
  `)
})
