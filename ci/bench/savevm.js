// @ts-check
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { sshPort, startQemu } from './bare-qemu.js'
import { login, run } from './bare-ssh.js'
import { stopwatch } from './statistics.js'

/**
 * QEMU's own snapshots of the same guest, by hand: a snapshot inside the qcow2 overlay, taken of a booted guest at rest.
 * Established SSH sessions do not survive a load, so each needs a new handshake.
 * @typedef {object} SavedGuest
 * @property {() => Promise<number>} sameProcess ms from `loadvm` in a QEMU that runs to the first command's result
 * @property {() => Promise<number>} newProcess ms from spawning QEMU with `-loadvm` to the first command's result
 * @property {() => Promise<void>} end
 */

const REST = 'if command -v systemctl >/dev/null; then systemctl is-system-running --wait >/dev/null; fi; sync'

/**
 * @param {import('./guest.js').BenchGuest} guest
 * @returns {Promise<SavedGuest>}
 */
export async function saveGuest(guest) {
  const { directory, argv } = await guest.fresh()
  const spare = await guest.fresh()
  await bootAndSave(guest, directory, argv)
  // One image serves one QEMU at a time, so the two ways have a copy each.
  await copyFile(join(directory, 'disk.qcow2'), join(spare.directory, 'disk.qcow2'))
  const resident = startQemu(guest.binary, [...argv, '-loadvm', 'rest'], { env: guest.env, cwd: directory })
  await resident.qmp('qmp_capabilities')
  const port = await sshPort(resident)
  await resident.qmp('stop')
  return {
    sameProcess: async () => {
      const ms = await stopwatch(async () => {
        const [said] = await Promise.all([resident.hmp('loadvm rest'), resident.qmp('cont')])
        if (said.trim() !== '') throw new Error(said)
        await firstCommand(port, guest)
      })
      await resident.qmp('stop')
      return ms
    },
    newProcess: async () => {
      /** @type {import('./bare-qemu.js').BareQemu | undefined} */
      let qemu
      const ms = await stopwatch(async () => {
        qemu = startQemu(guest.binary, [...spare.argv, '-loadvm', 'rest'], { env: guest.env, cwd: spare.directory })
        const [, freshPort] = await Promise.all([qemu.qmp('qmp_capabilities'), sshPort(qemu)])
        await firstCommand(freshPort, guest)
      })
      await qemu?.quit()
      return ms
    },
    end: async () => {
      await resident.kill()
      for (const used of [directory, spare.directory]) await rm(used, { recursive: true, force: true })
    },
  }
}

/**
 * @param {import('./guest.js').BenchGuest} guest
 * @param {string} directory
 * @param {readonly string[]} argv
 */
async function bootAndSave(guest, directory, argv) {
  const qemu = startQemu(guest.binary, argv, { env: guest.env, cwd: directory })
  await qemu.qmp('qmp_capabilities')
  const port = await sshPort(qemu)
  const client = await untilLogin(port, guest)
  await run(client, REST).catch(() => {})
  client.end()
  // The session's own processes end before the guest is saved, as they do before Mayfly seals one.
  await delay(1000)
  const said = await qemu.hmp('savevm rest')
  if (said.trim() !== '') throw new Error(said)
  await qemu.quit()
}

/**
 * @param {number} port
 * @param {import('./guest.js').BenchGuest} guest
 */
async function untilLogin(port, { name, keys }) {
  const patience = AbortSignal.timeout(180_000)
  while (!patience.aborted) {
    const attempt = await login(port, keys, 8000).catch(() => delay(200))
    if (attempt) return attempt
  }
  throw new Error(`${name} did not boot`)
}

/**
 * @param {number} port
 * @param {import('./guest.js').BenchGuest} guest
 */
async function firstCommand(port, { keys }) {
  const client = await login(port, keys)
  await run(client, 'true')
  client.destroy()
}
