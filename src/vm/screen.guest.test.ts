import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { shell } from '../guest/steps.js'
import { decodePng, hasChanged } from '../qemu/picture.js'
import { guestTest } from '../vitest/guest-test.js'
import { defineGuest } from './define-guest.js'
import { connectVnc } from './testing/rfb.js'

const screen = defineGuest({ name: 'micro-screen', image: 'micro', display: true })
const micro = guestTest(screen)
const debian = guestTest(
  defineGuest({
    name: 'debian-screen',
    image: 'debian',
    display: true,
    provision: [shell("useradd -m -s /bin/bash tester && echo 'tester:Sec-ret 1' | chpasswd")],
  }),
)
const blind = guestTest('micro')

/** Every character that a keyboard types, but for those that are not to be seen. */
const ASCII = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).join('')

micro('what is typed arrives, every character of it, in order', async ({ vm }) => {
  const text = `${ASCII}\n${[...ASCII].reverse().join(' ')}\n${'quick '.repeat(10)}\n`
  await vm.typeText('\ncat >/root/typed\n')
  await vm.typeText(text)
  await vm.sendKey('ctrl-d')
  await vm.typeText('touch /root/done\n')
  await vm.waitForFile('/root/done')
  expect(await vm.readFile('/root/typed')).toBe(text)
})

micro('two who type at once take turns', async ({ vm }) => {
  await vm.sendKey('enter')
  await Promise.all([vm.typeText('echo one >>/root/both\n'), vm.typeText('echo two >>/root/both; touch /root/done\n')])
  await vm.waitForFile('/root/done')
  expect(await vm.readFile('/root/both')).toBe('one\ntwo\n')
})

micro('a screenshot shows what is typed, and is a PNG', async ({ vm }) => {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-screen-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'screen.png')
  const before = await vm.screenshot(path)
  expect(await readFile(path)).toEqual(before)
  expect(await readdir(directory)).toEqual(['screen.png'])
  const { width, height, pixels } = decodePng(before)
  expect([width, height]).toEqual([720, 400])
  // The kernel has printed something there.
  expect(pixels.some((byte) => byte > 100)).toBe(true)
  await vm.typeText('\ntouch /root/reading; exec cat\n')
  await vm.waitForFile('/root/reading')
  const reading = await vm.screenshot()
  await vm.typeText('x')
  const after = await vm.waitForScreenChange({ since: reading })
  expect(decodePng(after).pixels.equals(decodePng(before).pixels)).toBe(false)
  expect(vm.timeline.entries.find(({ kind }) => kind === 'screen')).toMatchObject({ title: 'screenshot', file: path })
})

micro('a cursor that blinks is no change, and the wait says what it saw', async ({ vm }) => {
  await vm.typeText('\nclear\n')
  // Nothing but the prompt.
  await vm.waitUntilSucceeds(`[ "$(tr -d ' ' </dev/vcs1)" = '/#' ]`)
  await expect(vm.waitForScreenChange({ timeout: '3s' })).rejects.toMatchObject({
    name: 'GuestAssertionError',
    code: 'MAYFLY_WAIT_TIMEOUT',
    message: expect.stringMatching(/waited in vain for the screen to change[\s\S]*720 × 400 was as before/),
  })
  const change = vm.waitForScreenChange()
  await vm.exec('echo hello >/dev/tty1')
  await change
})

micro('what is on the screen is there again after a restore, and in a fork', async ({ vm }) => {
  // Not to the shell: with its prompt it asks where the cursor is, and drops what is typed together with the answer.
  await vm.typeText('\nclear; touch /root/cleared; cat; touch /root/again\n')
  await vm.waitForFile('/root/cleared')
  await vm.typeText('a  mark\n')
  await vm.waitUntilSucceeds(`[ "$(tr -d ' ' </dev/vcs1)" = amarkamark ]`)
  const checkpoint = await vm.checkpoint()
  const screenshot = await vm.screenshot()
  const [fork] = await vm.fork()
  await vm.succeed('clear >/dev/tty1')
  await vm.waitForScreenChange({ since: screenshot })
  await vm.restore(checkpoint)
  for (const machine of [vm, fork]) {
    expect(hasChanged(decodePng(screenshot), decodePng(await machine.screenshot()))).toBe(false)
    await machine.sendKey('ctrl-d')
    await machine.waitForFile('/root/again')
  }
})

micro('a machine that stands still can be looked at, and not be typed to; one that is off, neither', async ({ vm }) => {
  await vm.suspend()
  expect(decodePng(await vm.screenshot()).height).toBe(400)
  await expect(vm.typeText('x')).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
  await vm.resume()
  await vm.crash()
  await expect(vm.screenshot()).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE' })
})

micro('after a reboot there is a screen again', async ({ vm }) => {
  await vm.reboot()
  await vm.typeText('\ntouch /root/typed\n')
  await vm.waitForFile('/root/typed')
})

micro('VNC, for those who have the password', async ({ vm }) => {
  const { socketPath, password } = await vm.vnc()
  expect(password).toMatch(/^[\w-]{8}$/)
  const shown = { width: 720, height: 400, name: expect.stringContaining('micro-screen') }
  expect(await connectVnc(socketPath, password)).toEqual(shown)
  await expect(connectVnc(socketPath, 'wrong')).rejects.toThrow(/Authentication failed/i)
  expect(await vm.vnc()).toEqual({ socketPath, password })
  expect(await vm.vnc({ password: 'mine' })).toEqual({ socketPath, password: 'mine' })
  await expect(connectVnc(socketPath, password)).rejects.toThrow(/Authentication failed/i)
  expect(await connectVnc(socketPath, 'mine')).toEqual(shown)
  for (const bad of ['', 'nine char', 'ünï'])
    await expect(vm.vnc({ password: bad })).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
  await vm.destroy()
  await expect(stat(socketPath)).rejects.toThrow('ENOENT')
})

debian('a user logs in at the screen', async ({ vm }) => {
  await vm.waitForUnit('mayfly-display')
  await vm.waitUntilSucceeds('grep -q "login: " /dev/vcs1')
  await vm.typeText('tester\n')
  await vm.waitUntilSucceeds('grep -q "Password: " /dev/vcs1')
  const before = await vm.screenshot()
  await vm.typeText('Sec-ret 1\n')
  await vm.waitForScreenChange({ since: before })
  await vm.typeText('id -un >~/who; tty >>~/who; touch ~/done\n')
  await vm.waitForFile('/home/tester/done')
  expect(await vm.readFile('/home/tester/who')).toBe('tester\n/dev/tty1\n')
})

blind('a guest without a display says how to get one', async ({ vm }) => {
  const calls = [
    () => vm.screenshot(),
    () => vm.sendKey('a'),
    () => vm.typeText('a'),
    () => vm.waitForScreenChange(),
    () => vm.vnc(),
  ]
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({
      code: 'MAYFLY_OPTION_INVALID',
      message: expect.stringMatching(/micro has no display[\s\S]*display: true/),
    })
  }
  await expect(vm.sendKey('hyper')).rejects.toMatchObject({ code: 'MAYFLY_OPTION_INVALID' })
})
