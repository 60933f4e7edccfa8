import { describe, expect } from 'vitest'
import { guestTest } from '../vitest/guest-test.js'
import './index.js'
import { failureOf, messageOf } from './testing/failure-of.js'

const micro = guestTest('micro', { scope: 'file' })
const debian = guestTest('debian', { scope: 'file' })

describe.each([
  { image: 'micro', test: micro },
  { image: 'debian', test: debian },
])('on $image', ({ image, test }) => {
  test('waits until it holds, or with not until it does not', async ({ vm }) => {
    const file = vm.file('/tmp/soon')
    const written = vm.exec('sleep 0.3; printf ready >/tmp/soon')
    await expect(file).toEventuallyContainText('ready', { timeout: '30s' })
    await expect(file).toExist()
    await written
    const removed = vm.exec('sleep 0.3; rm /tmp/soon')
    await expect(file).not.toEventuallyExist({ timeout: '30s' })
    await expect(file).not.toExist()
    await removed
  })

  test('gives up in time, and says how long, how often, and what was seen last', async ({ vm }) => {
    await vm.succeed('touch /tmp/beside')
    const started = performance.now()
    const message = await messageOf(expect(vm.file('/tmp/never/x')).toEventuallyHaveMode('644', { timeout: '3s' }))
    const elapsed = performance.now() - started
    expect(elapsed).toBeGreaterThan(1500)
    expect(elapsed).toBeLessThan(20_000)
    expect(message).toMatch(
      new RegExp(
        `^${image}: expected file /tmp/never/x to have the mode 644 in time, but it does not exist
  gave up after [\\d.]+ m?s of 3.0 s, \\d+ attempts?; the Vm is running
  in /tmp there is:`,
      ),
    )
  })

  test('with not, it says that it still holds', async ({ vm }) => {
    expect(await messageOf(expect(vm.mount('/proc')).not.toEventuallyBeMounted({ timeout: '3s' }))).toMatch(
      new RegExp(`^${image}: expected mount /proc not to be mounted in time, but it is mounted: proc, proc .*
  gave up after [\\d.]+ m?s of 3.0 s, \\d+ attempts?; the Vm is running$`),
    )
  })

  test('a look that hangs ends in time, and so does what it runs', async ({ vm }) => {
    const failing = expect(vm.command('sleep 1001')).toEventuallySucceed({ timeout: '1s' })
    expect(await messageOf(failing)).toMatch(
      new RegExp(`^${image}: expected command sleep 1001 to succeed in time, but it could not be seen
  gave up after [\\d.]+ m?s of 1.0 s, 1 attempt; the Vm is running
  last: not over after [\\d.]+ m?s
  a look did not end in time`),
    )
    await expect(vm.process('sleep')).not.toEventuallyBeRunning({ timeout: '10s' })
  })

  test('it is one entry of the timeline, a wait', async ({ vm }) => {
    await vm.succeed('rm -f /tmp/count')
    const before = vm.timeline.entries.length
    const command = vm.command('echo >>/tmp/count; test $(wc -l </tmp/count) = 4')
    await expect(command).toEventuallySucceed({ interval: 1 })
    await messageOf(expect(vm.user('ada')).toEventuallyExist({ timeout: 1 }))
    const entries = vm.timeline.entries.slice(before).filter(({ kind }) => kind !== 'console')
    expect(entries).toMatchObject([
      { kind: 'wait', title: `${command.title} to succeed`, result: '4 attempts' },
      { kind: 'wait', title: 'user ada to exist', failed: true },
    ])
  })

  test('arguments come before options, also those that may be left out', async ({ vm }) => {
    await expect(vm.sysctl('kernel.ostype')).toEventuallyHaveValue(/^Lin/)
    await expect(vm.sysctl('kernel.ostype')).toEventuallyHaveValue('Linux', { timeout: '10s' })
    expect(await failureOf(expect(vm.file('/etc')).toEventuallyHaveMode('700', { timeout: '3s' }))).toMatchObject({
      actual: '755',
      expected: '700',
    })
    await expect(expect(vm.file('/etc')).toEventuallyExist({ timeout: 'soon' })).rejects.toMatchObject({
      code: 'MAYFLY_OPTION_INVALID',
    })
  })

  test('what is wrong with the assertion, or the guest, ends it at once', async ({ vm }) => {
    await expect(expect(vm.file('/etc')).toEventuallyBeRunning()).rejects.toMatchObject({
      shortMessage: 'toEventuallyBeRunning is for services and processes; got a file resource (file /etc)',
    })
    await expect(expect(vm.service('s*')).toEventuallyBeRunning()).rejects.toMatchObject({
      code: 'MAYFLY_OPTION_INVALID',
    })
    await expect(expect(await vm.exec('false')).toEventuallySucceed()).rejects.toMatchObject({
      shortMessage: 'toEventuallySucceed is for commands that can run again; got the result of one',
    })
  })

  test('expect.poll works, with not too; all attempts are one entry', async ({ vm }) => {
    await vm.succeed('rm -f /tmp/polled')
    const written = vm.exec('sleep 0.3; touch /tmp/polled')
    await expect.poll(() => vm.file('/tmp/polled'), { timeout: 30_000 }).toExist()
    await written
    const checks = vm.timeline.entries.filter(({ title }) => title === 'file /tmp/polled toExist')
    expect(checks).toMatchObject([{ failed: false, result: 'is a regular file' }])
    await vm.exec('rm /tmp/polled')
    await expect.poll(() => vm.file('/tmp/polled'), { timeout: 30_000 }).not.toExist()
    const failing = async () => expect.poll(() => vm.file('/tmp/polled'), { timeout: 300 }).toBeFile()
    expect(await messageOf(failing())).toMatch(
      `${image}: expected file /tmp/polled to be a regular file, but it does not exist`,
    )
    expect(vm.timeline.entries.at(-1)).toMatchObject({ title: 'file /tmp/polled toBeFile', failed: true })
  })

  test('a message of your own comes first', async ({ vm }) => {
    expect(await messageOf(expect(vm.user('ada'), 'after the import').toExist())).toMatch(
      `after the import: ${image}: expected user ada to exist, but it does not exist`,
    )
  })
})
