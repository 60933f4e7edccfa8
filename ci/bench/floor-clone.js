// @ts-check
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_URI, sshPort, startQemu } from './bare-qemu.js'
import { login, run } from './bare-ssh.js'

/**
 * The floor of a clone: QEMU, one load, one handshake, one command, and nothing else. Its overlay is there beforehand,
 * no one owns it, nothing repairs its clock or its entropy, and nothing is checked. It has Mayfly's template and command
 * line, since those decide most of the time, and otherwise no line of Mayfly.
 * @param {import('./guest.js').BenchGuest} guest
 * @returns {Promise<{ ms: number, stages: Record<string, number> }>} from spawning QEMU to the first command's result
 */
export async function floorClone(guest) {
  const { directory, argv } = await guest.clone()
  /** @type {import('./bare-qemu.js').BareQemu | undefined} */
  let qemu
  try {
    const at = { spawned: performance.now(), greeted: 0, running: 0, connected: 0, done: 0 }
    const stateFd = openSync(join(guest.template, 'state'), 'r')
    qemu = startQemu(guest.binary, argv, { env: guest.env, cwd: directory, stateFd })
    closeSync(stateFd)
    const greeted = qemu.greeted().then(() => {
      at.greeted = performance.now()
    })
    const loaded = qemu.migration('completed')
    const capabilities = ['x-ignore-shared', 'events'].map((capability) => ({ capability, state: true }))
    const [, , port] = await Promise.all([
      qemu.qmp('qmp_capabilities'),
      qemu.qmp('migrate-set-capabilities', { capabilities }),
      sshPort(qemu),
      qemu.qmp('migrate-incoming', { uri: LOAD_URI }),
      loaded,
      greeted,
    ])
    await qemu.qmp('cont')
    at.running = performance.now()
    const client = await login(port, guest.keys)
    at.connected = performance.now()
    await run(client, 'true')
    at.done = performance.now()
    client.destroy()
    const stages = {
      'spawn to QMP greeting': at.greeted - at.spawned,
      'load and cont': at.running - at.greeted,
      'connect and handshake': at.connected - at.running,
      'first exec': at.done - at.connected,
    }
    return { ms: at.done - at.spawned, stages }
  } finally {
    await qemu?.kill()
    await rm(directory, { recursive: true, force: true })
  }
}
