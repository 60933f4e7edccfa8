// @ts-check
import { closeSync, openSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_URI, sshPort, startQemu } from './bare-qemu.js'
import { login, run } from './bare-ssh.js'
import { stopwatch } from './statistics.js'

/**
 * The floor of a clone: QEMU, one load, one handshake, one command, and nothing else. Its overlay is there beforehand,
 * no one owns it, nothing repairs its clock or its entropy, and nothing is checked. It has Mayfly's template and command
 * line, since those decide most of the time, and otherwise no line of Mayfly.
 * @param {import('./guest.js').BenchGuest} guest
 * @returns {Promise<number>} ms from spawning QEMU to the first command's result
 */
export async function floorClone(guest) {
  const { directory, argv } = await guest.clone()
  /** @type {import('./bare-qemu.js').BareQemu | undefined} */
  let qemu
  try {
    return await stopwatch(async () => {
      const stateFd = openSync(join(guest.template, 'state'), 'r')
      qemu = startQemu(guest.binary, argv, { env: guest.env, cwd: directory, stateFd })
      closeSync(stateFd)
      const loaded = qemu.migration('completed')
      const capabilities = ['x-ignore-shared', 'events'].map((capability) => ({ capability, state: true }))
      const [, , port] = await Promise.all([
        qemu.qmp('qmp_capabilities'),
        qemu.qmp('migrate-set-capabilities', { capabilities }),
        sshPort(qemu),
        qemu.qmp('migrate-incoming', { uri: LOAD_URI }),
        loaded,
      ])
      await qemu.qmp('cont')
      const client = await login(port, guest.keys)
      await run(client, 'true')
      client.destroy()
    })
  } finally {
    await qemu?.kill()
    await rm(directory, { recursive: true, force: true })
  }
}
