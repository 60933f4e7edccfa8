import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuiltPackage, buildPackage } from '../cli/testing/built-package.js'
import { defineGuest } from '../guest/spec.js'
import { defaultCacheDir } from '../image/store.js'
import { privateData } from '../machines/testing/private-data.js'
import { prepare } from '../snapshot/prepare.js'

const script = fileURLToPath(new URL('../../fixtures/network/on-a-bridge.mjs', import.meta.url))
const BRIDGE = 'mayflytest'
const SET_UP = `
set -e
ip link set lo up
ip link add ${BRIDGE} type bridge
ip address add 10.77.0.1/24 dev ${BRIDGE}
ip link set ${BRIDGE} up
`

const FULL_EXAMPLE = fileURLToPath(new URL('../../fixtures/vmfiles/vmctl/full-example.kdl', import.meta.url))

/** The machine of vmctl's full example that is on a bridge, with what is here. */
async function onOurBridge(): Promise<string> {
  const [machine] = /vm "tap-example"[\s\S]*?\n}\n/.exec(await readFile(FULL_EXAMPLE, 'utf8'))!
  const swaps: [RegExp, string][] = [
    [/image "[^"]*"/, 'image "micro"'],
    [/memory 2048/, 'memory 256'],
    [/br0/, BRIDGE],
    [/\s*ssh-key "[^"]*"/, ''],
    [/\s*private-key "[^"]*"/, ''],
    [/user "debian"/, 'user "root"'],
  ]
  return swaps.reduce((text, [pattern, ours]) => {
    expect(text).toMatch(pattern)
    return text.replace(pattern, ours)
  }, machine)
}

// Only root makes network namespaces with bridges in them.
describe.skipIf(process.getuid?.() !== 0)('on a bridge', () => {
  let built: BuiltPackage
  let scratch: string
  /** Holds the namespace, and ends with us. */
  let holder: ReturnType<typeof spawn>
  let dnsmasq: ReturnType<typeof spawn>
  let leases: string
  const inside = (...command: string[]) => ['--net', '--target', `${holder.pid}`, '--', ...command]
  const node = (...args: string[]) => inside(process.execPath, script, built.directory, BRIDGE, ...args)
  const facts = (stdout: string) => Object.assign({}, ...stdout.split('\n').map((line) => JSON.parse(line)))

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'mayfly-tap-'))
    leases = join(scratch, 'leases')
    holder = spawn('unshare', ['--net', 'sh', '-c', 'echo made; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(holder.stdout!, 'data')
    await execa('nsenter', inside('sh', '-c', SET_UP))
    const range = '--dhcp-range=10.77.0.50,10.77.0.99,255.255.255.0,1h'
    const files = ['--conf-file=/dev/null', `--dhcp-leasefile=${leases}`, '--pid-file=', '--log-facility=-']
    const only = [
      '--keep-in-foreground',
      '--user=root',
      '--port=0',
      '--no-ping',
      `--interface=${BRIDGE}`,
      '--bind-interfaces',
    ]
    dnsmasq = spawn('nsenter', inside('dnsmasq', ...only, ...files, range), { stdio: ['ignore', 'ignore', 'pipe'] })
    // It says so when it serves.
    await once(dnsmasq.stderr!, 'data')
    dnsmasq.stderr!.resume()
    // The template of a guest on a bridge is that of any other: in the namespace there is no mirror to build an image from.
    ;[built] = await Promise.all([buildPackage(), prepare(defineGuest('micro'))])
  }, 300_000)

  afterAll(async () => {
    dnsmasq?.kill()
    holder?.stdin?.end()
    await built?.[Symbol.asyncDispose]()
    await rm(scratch, { recursive: true, force: true })
  })

  test('each machine has addresses of its own, which stay; its interface goes with it', async () => {
    const { stdout } = await execa('nsenter', node(leases, 'machines'))
    const seen = facts(stdout)
    const { first, second, fork } = seen
    expect(first.host).toMatch(/^10\.77\.0\.\d+$/)
    expect(first).toMatchObject({ port: 22, address: `${first.host}/24` })
    expect(new Set([first.mac, second.mac, fork.mac]).size).toBe(3)
    expect(new Set([first.host, second.host, fork.host]).size).toBe(3)
    expect(seen).toMatchObject({ ports: 2, reached: true, port: { host: first.host, port: 80 } })
    expect(seen.restored).toEqual(first)
    expect(seen.rebooted).toEqual(first)
    expect(seen.left).toBe(0)
  })

  test('an address is found without a lease file, and nothing is left of a process that was killed', async () => {
    const holding = spawn('nsenter', node('', 'hold'), { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(holding, 'close').then(([code]) => `ended with ${code}`)
    const line = await Promise.race([once(createInterface(holding.stdout), 'line').then(([text]) => text), ended])
    expect(line).toBe('{"ports":1}')
    holding.kill('SIGKILL')
    await expect
      .poll(async () => (await execa('nsenter', inside('ip', 'link', 'show', 'master', BRIDGE))).stdout, {
        timeout: 5000,
      })
      .toBe('')
  })

  test('machines that stay are found again under their address, whoever looks', async () => {
    await using place = await privateData(defaultCacheDir())
    const project = { cwd: place.root, env: place.env }
    const mayfly = async (...args: string[]) =>
      (await execa('nsenter', inside(process.execPath, built.main, ...args), project)).stdout
    const facts = 'hostname; ip -4 -o address show dev eth0; cat /sys/class/net/eth0/address; cat /scratch/kept || true'
    await writeFile(join(place.root, 'VMFile.kdl'), await onOurBridge())
    expect(JSON.parse(await mayfly('up', '--json'))).toMatchObject([{ name: 'tap-example', state: 'running' }])
    const { ssh } = JSON.parse(await mayfly('status', '--json'))
    expect(ssh).toMatchObject({ host: expect.stringMatching(/^10\.77\.0\.\d+$/), port: 22 })
    const seen = await mayfly('exec', 'tap', '--', facts)
    expect(seen).toMatch(`tap-vm\n2: eth0    inet ${ssh.host}/24 `)
    await mayfly('exec', 'tap', '--', 'echo kept >/scratch/kept; sync')
    await mayfly('down')
    await mayfly('up')
    expect(await mayfly('ssh', '--file', 'VMFile.kdl', '--', facts)).toBe(`${seen}\nkept`)
    await mayfly('down', '--destroy')
    expect((await execa('nsenter', inside('ip', 'link', 'show', 'master', BRIDGE))).stdout).toBe('')
  })

  test('without the bridge, or without the capability, it says so', async () => {
    const other = inside(process.execPath, script, built.directory, 'br7', '', 'launch')
    expect(facts((await execa('nsenter', other)).stdout)).toEqual({
      code: 'MAYFLY_NETWORK_UNUSABLE',
      message: expect.stringMatching(`there is no bridge br7[^]*bridges of this host: ${BRIDGE}`),
    })
    const [program, ...args] = node('', 'launch').slice(4)
    const less = inside('setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin', program!, ...args)
    expect(facts((await execa('nsenter', less)).stdout)).toEqual({
      code: 'MAYFLY_NETWORK_UNUSABLE',
      message: expect.stringContaining('CAP_NET_ADMIN'),
    })
  })
})
