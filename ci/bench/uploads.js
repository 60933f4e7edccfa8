// @ts-check
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { withClone } from './guest.js'
import { row } from './row.js'
import { interleave, stopwatch } from './statistics.js'

const MIB = 1024 ** 2
const LARGE = 64 * MIB
const SMALL = { count: 1000, bytes: 4096 }

/** Where a guest has a disk: micro runs from RAM elsewhere. */
const REMOTE = { micro: '/scratch', debian: '/root' }

/** @param {string} name */
export const uploadRowNames = (name) => ({
  large: `${name}: upload of one 64 MiB file / scp`,
  small: `${name}: scp -r / upload of 1,000 files of 4 KiB`,
})

/**
 * Both ways to the same place of a fresh clone, as a test would: one that has taken thousands of files is slower.
 * scp has OpenSSH's own defaults, the pinned host key, and a connection to open each time; Mayfly's is open, as it is
 * in a test.
 * @param {import('./guest.js').BenchGuest} guest
 * @param {import('./main.js').Bench} bench
 */
export async function benchUploads(guest, { repeat, progress, wants }) {
  const names = uploadRowNames(guest.name)
  const judged = guest.name === 'micro'
  const rounds = Math.max(1, Math.ceil(repeat / 3))
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
  try {
    const { large, small } = await makeFiles(directory)
    const remote = `${REMOTE[/** @type {'micro' | 'debian'} */ (guest.name)]}/upload`
    /** @param {(vm: import('mayfly').Vm, scp: Scp) => Promise<unknown>} upload */
    const sample = (upload) =>
      withClone(guest, async (vm) => {
        const scp = await scpTo(vm, directory)
        // The first handshake and the first sftp server in a fresh clone are translated from scratch.
        await scp([], join(directory, 'known_hosts'), `${remote}-warm`)
        await vm.upload(join(directory, 'known_hosts'), `${remote}-warm`)
        return await stopwatch(() => upload(vm, scp))
      })
    const rows = []
    if (wants(names.large)) {
      progress(names.large)
      const contestants = {
        ours: () => sample((vm) => vm.upload(large, remote)),
        floor: () => sample((_, scp) => scp([], large, remote)),
      }
      const { ours, floor } = await interleave(rounds, contestants, progress)
      const target = judged ? 'ratio <= 1.0' : undefined
      rows.push(row({ name: names.large, unit: 'ms', value: ours, floor, target, note: 'scp' }))
    }
    if (wants(names.small)) {
      progress(names.small)
      const contestants = {
        scpTree: () => sample((_, scp) => scp(['-r'], small, remote)),
        ours: () => sample((vm) => vm.upload(small, remote)),
      }
      const { scpTree, ours } = await interleave(rounds, contestants, progress)
      const target = judged ? 'ratio >= 5' : undefined
      rows.push(row({ name: names.small, unit: 'ms', value: scpTree, floor: ours, target, note: "Mayfly's upload" }))
    }
    return rows
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** @param {string} directory */
async function makeFiles(directory) {
  const large = join(directory, 'large')
  const small = join(directory, 'small')
  await mkdir(small)
  await writeFile(large, randomBytes(LARGE))
  for (let index = 0; index < SMALL.count; index++)
    await writeFile(join(small, `file-${index}`), randomBytes(SMALL.bytes))
  return { large, small }
}

/** @typedef {(options: string[], local: string, remote: string) => Promise<void>} Scp */

/**
 * @param {import('mayfly').Vm} vm
 * @param {string} directory
 * @returns {Promise<Scp>}
 */
async function scpTo({ ssh }, directory) {
  const knownHosts = join(directory, 'known_hosts')
  await writeFile(knownHosts, `[127.0.0.1]:${ssh.port} ${ssh.hostKey}\n`)
  const options = {
    UserKnownHostsFile: knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    StrictHostKeyChecking: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    ControlMaster: 'no',
    ControlPath: 'none',
    BatchMode: 'yes',
  }
  const settings = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return async (more, local, remote) => {
    const args = ['-q', '-F', 'none', '-i', ssh.privateKeyPath, '-P', `${ssh.port}`, ...settings, ...more]
    await execa('scp', [...args, local, `${ssh.user}@${ssh.host}:${remote}`])
  }
}
