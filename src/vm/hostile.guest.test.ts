import { describe, expect } from 'vitest'
import { failureOf } from '../matchers/testing/failure-of.js'
import { MOST_MIB, measure } from '../testing/flood.js'
import { guestTest } from '../vitest/index.js'

const micro = guestTest('micro')
const PANIC = 'Kernel panic - not syncing'

describe('panics', () => {
  micro('a program that prints what a panicking kernel prints does not end the machine', async ({ vm }) => {
    const waiting = vm.waitForConsoleText('the end', { timeout: '30s' })
    const busy = vm.exec('sleep 3; echo done')
    await vm.succeed(`for i in 1 2 3; do echo "[    4.2] ${PANIC}: told $i" >/dev/console; done`)
    expect(await vm.succeed('echo alive')).toBe('alive\n')
    expect((await busy).stdout).toBe('done\n')
    await vm.succeed('echo the end >/dev/console')
    expect(await waiting).toBe('the end')
    expect(vm.state).toBe('running')
    expect(vm.timeline.entries.map(({ title }) => title)).toContainEqual(
      `the console shows "${PANIC}: told 1", but the kernel goes on`,
    )
  })

  micro('a kernel that loops after its panic is told from one that goes on', async ({ vm }) => {
    const started = performance.now()
    const panicking = vm.exec(
      'echo 0 >/proc/sys/kernel/panic; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger',
    )
    await expect(panicking).rejects.toMatchObject({
      code: 'MAYFLY_GUEST_PANIC',
      shortMessage: expect.stringContaining(`${PANIC}: sysrq triggered crash`),
    })
    expect(performance.now() - started).toBeLessThan(20_000)
    expect(vm.state).toBe('crashed')
  })
})

describe('what comes out of a guest', () => {
  micro('is shown, never executed', async ({ vm }) => {
    const title = String.raw`\033]0;pwned\007\033[2J\302\2332J`
    const failed = await failureOf(vm.succeed(`printf '${title} out'; printf '${title} err' >&2; exit 3`))
    await vm.succeed(`printf '${title} console\\n' >/dev/console`)
    const late = await failureOf(vm.waitForConsoleText('never', { timeout: '1s' }))
    for (const { message } of [failed, late]) {
      expect(message).not.toMatch(/(?!\n)\p{Cc}/u)
      expect(message).toContain(String.raw`\x1b]0;pwned\x07\x1b[2J\x9b2J`)
    }
  })

  micro("ends nothing when it is junk on the agent's port", async ({ vm }) => {
    await vm.succeed(
      'printf "error 1 \\033]0;pwn\\007 junk\\n\\0\\0\\377" >/dev/ttyS1; head -c 100000 /dev/urandom >/dev/ttyS1; head -c 300000 /dev/zero | tr "\\0" A >/dev/ttyS1; echo >/dev/ttyS1',
    )
    const checkpoint = await vm.checkpoint('after the junk')
    await vm.restore(checkpoint)
    expect(await vm.succeed('echo alive')).toBe('alive\n')
  })

  micro('is limited when /bin/sh does not stop printing', async ({ vm }) => {
    await vm.writeFile(
      '/tmp/flood',
      '#!/usr/bin/perl\n$| = 1; my $z = "A" x 1048576; print $z for 1..100; sleep 60;\n',
      {
        mode: 0o755,
      },
    )
    await vm.succeed('mv /bin/sh /bin/sh.real; cp /tmp/flood /bin/sh')
    const footprint = measure()
    const error = await failureOf(vm.waitForFile('/never', { timeout: '8s' }))
    expect(error.message).toMatch(/\[MAYFLY_(?:OUTPUT_TOO_LARGE|SSH_FAILED)\]/)
    expect(footprint().grownMiB).toBeLessThan(MOST_MIB)
    expect(vm.state).toBe('running')
  })
})
