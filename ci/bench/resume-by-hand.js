// @ts-check
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_URI, sshPort, startQemu } from './bare-qemu.js'
import { login } from './bare-ssh.js'

/**
 * A machine that a script by hand would have: it has Mayfly's template and command line, since those decide most of the
 * time, and otherwise no line of Mayfly. Its overlay is there beforehand, no one owns it, nothing repairs its clock or its
 * entropy, and nothing is checked.
 * @typedef {object} ByHand
 * @property {import('./bare-qemu.js').BareQemu} qemu
 * @property {import('ssh2').Client} client logged in
 * @property {string} directory
 * @property {{ spawned: number, greeted: number, running: number, connected: number }} at moments, in ms
 * @property {() => Promise<void>} end
 */

/**
 * QEMU, one load, one handshake.
 * @param {import('./guest.js').BenchGuest} guest
 * @returns {Promise<ByHand>}
 */
export async function resumeByHand(guest) {
  const { directory, argv } = await guest.clone()
  /** @type {import('./bare-qemu.js').BareQemu | undefined} */
  let qemu
  const end = async () => {
    await qemu?.kill()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const at = { spawned: performance.now(), greeted: 0, running: 0, connected: 0 }
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
    return {
      qemu,
      client,
      directory,
      at,
      end: async () => {
        client.destroy()
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}
