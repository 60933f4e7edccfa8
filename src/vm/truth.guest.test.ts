import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Guest } from '../guest/spec.js'
import { shell } from '../guest/steps.js'
import { defineGuest } from './define-guest.js'
import { type LaunchOptions, launch } from './launch.js'
import { openPool } from './open-pool.js'
import type { Vm } from './vm.js'

async function launched(guest: Guest | string, options: LaunchOptions = {}): Promise<Vm> {
  const vm = await launch(guest, options)
  onTestFinished(() => vm.destroy())
  return vm
}

/** How far a machine's wall clock is from the host's, in ms: the least of several looks, each of which is late by its way here. */
async function clockError(vm: Vm): Promise<number> {
  const errors: number[] = []
  // clock_gettime(2) is number 228 on x86-64, 113 on arm64.
  const look = `$t = "\\0" x 16; syscall(-e "/lib64" ? 228 : 113, 0, $t); ($s, $n) = unpack "q2", $t; printf "%d%03d\\n", $s, $n / 1e6`
  await vm.succeed(`perl -e '$| = 1; for (1..10) { ${look}; select undef, undef, undef, 0.02 }'`, {
    onStdout: (chunk) => {
      errors.push(Date.now() - Number(chunk.toString().trim().split('\n').at(-1)))
    },
  })
  expect(errors.length).toBeGreaterThan(3)
  return errors.reduce((least, error) => (Math.abs(error) < Math.abs(least) ? error : least))
}

/** Sealed with a clock that is years behind. */
const old = (image: string) =>
  defineGuest({
    image,
    name: `${image}-of-old`,
    provision: [shell('date -s @1500000000; cat /proc/uptime >/root/uptime')],
  })

const uptime = async (vm: Vm, file = '/proc/uptime') => Number((await vm.readFile(file)).split(' ')[0])

describe.for(['micro', 'debian'])('%s', (image) => {
  test('the clock is right although the template is years old', async () => {
    expect(Math.abs(await clockError(await launched(old(image))))).toBeLessThan(100)
  })

  test('the clock of a machine from the pool is right', async () => {
    await using pool = await openPool(old(image), { most: 1 })
    await expect.poll(() => pool.ready, { timeout: 60_000 }).toBe(1)
    await delay(1000)
    await using vm = await pool.take()
    expect(vm.timings.pooled).toBe(true)
    expect(Math.abs(await clockError(vm))).toBeLessThan(100)
  })

  test('the monotonic clock goes on from where the template stopped', async () => {
    const vm = await launched(old(image))
    const sealed = await uptime(vm, '/root/uptime')
    const before = await uptime(vm)
    expect(before).toBeGreaterThan(sealed)
    // The template may have been made hours ago; the clone lives since a moment.
    expect(before - sealed).toBeLessThan(45)
    await vm.suspend()
    await delay(3000)
    await vm.resume()
    expect((await uptime(vm)) - before).toBeLessThan(2.5)
    expect(Math.abs(await clockError(vm))).toBeLessThan(100)
  })

  test('a unique machine has its own name, machine-id and host key, also after a reboot, and for its forks', async () => {
    const [plain, one, other] = await Promise.all([
      launched(image),
      launched(image, { unique: true }),
      launched(image, { unique: true }),
    ])
    const identity = async (vm: Vm) => ({
      hostname: (await vm.succeed('hostname')).trim(),
      machineId: (await vm.succeed('cat /etc/machine-id || true')).trim(),
      hostKey: vm.ssh.hostKey.split(' ')[1],
    })
    const [of, ofOne, ofOther] = await Promise.all([identity(plain), identity(one), identity(other)])
    for (const key of ['hostname', 'machineId', 'hostKey'] as const) {
      expect(new Set([of[key], ofOne[key], ofOther[key]]).size, key).toBe(3)
    }
    expect(ofOne.machineId).toMatch(/^[0-9a-f]{32}$/)
    // More than one connection, where the server needs one for each command.
    expect(await Promise.all([1, 2, 3].map((n) => one.succeed(`sleep 0.1; echo ${n}`)))).toEqual(['1\n', '2\n', '3\n'])
    const [fork] = await one.fork()
    onTestFinished(() => fork.destroy())
    expect(await identity(fork)).toEqual(ofOne)
    await one.reboot()
    expect(await identity(one)).toMatchObject({ hostname: ofOne.hostname, hostKey: ofOne.hostKey })
  })
})

test('thirty-two clones of one template have thirty-two of everything random', async () => {
  const reads = {
    urandom: 'head -c 16 /dev/urandom | od -An -tx1',
    // getrandom(2) is number 318 on x86-64, 278 on arm64.
    getrandom: `perl -e '$b = "\\0" x 16; syscall(-e "/lib64" ? 318 : 278, $b, 16, 0) == 16 or die; print unpack("H*", $b)'`,
    key: 'ssh-keygen -q -t ed25519 -N "" -f /tmp/key && cat /tmp/key.pub',
  }
  const seen: Record<string, Set<string>> = {}
  for (let clone = 0; clone < 32; clone++) {
    await using vm = await launch('debian')
    for (const [name, command] of Object.entries(reads)) {
      seen[name] ??= new Set()
      seen[name].add(await vm.succeed(command))
    }
  }
  expect(Object.values(seen).map(({ size }) => size)).toEqual([32, 32, 32])
})

test('systemd and its timers go on in a clone', async () => {
  const unit = (name: string, text: string) => shell(`cat >/etc/systemd/system/${name} <<'END'\n${text}\nEND`)
  const ticking = defineGuest({
    image: 'debian',
    name: 'ticking',
    provision: [
      // Started every second, it would reach systemd's limit of 5 starts in 10 s.
      unit(
        'tick.service',
        '[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo tick >>/run/ticks"',
      ),
      unit('tick.timer', '[Timer]\nOnActiveSec=1s\nOnUnitActiveSec=1s\nAccuracySec=100ms'),
      shell('date -s @1500000000; systemctl daemon-reload; systemctl start tick.timer'),
    ],
  })
  const vm = await launched(ticking)
  const ticks = async () => Number(await vm.succeed('cat /run/ticks 2>/dev/null | wc -l'))
  const before = await ticks()
  await vm.waitUntilSucceeds(`test $(wc -l </run/ticks) -ge ${before + 3}`, { timeout: '30s' })
  expect(await vm.succeed('systemctl list-units --failed --plain --no-legend')).toBe('')
  expect((await vm.succeed('systemctl is-system-running')).trim()).toBe('running')
  await vm.succeed('systemd-run --on-active=500ms --timer-property=AccuracySec=10ms touch /run/later')
  await vm.waitForFile('/run/later', { timeout: '30s' })
})
