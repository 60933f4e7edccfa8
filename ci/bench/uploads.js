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
 * Both ways to the same place of the same machine. scp has OpenSSH's own defaults, the pinned host key, and a connection
 * to open each time; Mayfly's is open, as it is in a test.
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
    return await withClone(guest, async (vm) => {
      const remote = `${REMOTE[/** @type {'micro' | 'debian'} */ (guest.name)]}/upload`
      const scp = await scpTo(vm, directory)
      /** @param {() => Promise<unknown>} upload */
      const timed = async (upload) => {
        const ms = await stopwatch(upload)
        await vm.succeed(`rm -rf ${remote}; sync`)
        return ms
      }
      // The first handshake and the first sftp server in a fresh clone are translated from scratch.
      await scp([], `${directory}/known_hosts`, remote)
      await vm.upload(`${directory}/known_hosts`, remote)
      const rows = []
      if (wants(names.large)) {
        progress(names.large)
        const { ours, floor } = await interleave(
          rounds,
          { ours: () => timed(() => vm.upload(large, remote)), floor: () => timed(() => scp([], large, remote)) },
          progress,
        )
        const target = judged ? 'ratio <= 1.0' : undefined
        rows.push(row({ name: names.large, unit: 'ms', value: ours, floor, target, note: 'scp' }))
      }
      if (wants(names.small)) {
        progress(names.small)
        await vm.succeed(`rm -rf ${remote}`)
        const { scpTree, ours } = await interleave(
          rounds,
          { scpTree: () => timed(() => scp(['-r'], small, remote)), ours: () => timed(() => vm.upload(small, remote)) },
          progress,
        )
        const target = judged ? 'ratio >= 5' : undefined
        rows.push(row({ name: names.small, unit: 'ms', value: scpTree, floor: ours, target, note: "Mayfly's upload" }))
      }
      return rows
    })
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

/**
 * @param {import('mayfly').Vm} vm
 * @param {string} directory
 * @returns {Promise<(options: string[], local: string, remote: string) => Promise<void>>}
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
