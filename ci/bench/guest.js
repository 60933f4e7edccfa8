// @ts-check
import { copyFile, mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineGuest, launch } from 'mayfly'
import { defaultCacheDir } from '../../dist/image/store.js'
import { qemuArgv } from '../../dist/qemu/argv.js'
import { closeSession } from '../../dist/session/session.js'
import { cloneMachine, FILES, rebootMachine } from '../../dist/snapshot/machine.js'
import { prepare } from '../../dist/snapshot/prepare.js'
import { frozenTemplate } from '../../dist/snapshot/template.js'

/**
 * A guest whose image is built and whose template is sealed, and what a script by hand needs to know of them.
 * @typedef {object} BenchGuest
 * @property {string} name
 * @property {import('mayfly').Guest} guest
 * @property {import('../../dist/snapshot/prepare.js').Prepared} prepared
 * @property {string} template directory
 * @property {string} binary QEMU
 * @property {NodeJS.ProcessEnv} env marks children as this session's, which ends them should the bench not
 * @property {import('./bare-ssh.js').Keys} keys
 * @property {() => Promise<string>} makeDirectory inside the session's, which goes with it
 * @property {() => Promise<{ directory: string, argv: string[] }>} clone a directory with an overlay in it, and its command line
 * @property {() => Promise<{ directory: string, argv: string[] }>} fresh the same machine, but booting
 */

/** @type {import('../../dist/qemu/argv.js').NetworkCard} */
const CARD = { mode: 'user' }

/** @type {Map<string, Promise<BenchGuest>>} */
const ready = new Map()

/**
 * @param {'micro' | 'debian'} name
 * @param {(text: string) => void} progress
 * @param {string} [memory] default: as the guest comes
 */
export function benchGuest(name, progress, memory) {
  const key = `${name} ${memory}`
  const known = ready.get(key) ?? make(name, progress, memory)
  ready.set(key, known)
  return known
}

/**
 * @param {'micro' | 'debian'} name
 * @param {(text: string) => void} progress
 * @param {string | undefined} memory
 * @returns {Promise<BenchGuest>}
 */
async function make(name, progress, memory) {
  const guest = defineGuest({ image: name, ...(memory && { memory }) })
  const prepared = await prepare(guest, { progress: told(progress) })
  const { harness, image, template } = prepared
  const makeDirectory = () => mkdtemp(join(harness.session.directory, 'bench-'))
  /** @param {(directory: string, disk: import('../../dist/qemu/argv.js').DiskLayer) => import('../../dist/qemu/argv.js').Machine} machine */
  const place = async (machine) => {
    const directory = await makeDirectory()
    const disk = { path: join(directory, FILES.disk), format: /** @type {const} */ ('qcow2') }
    await copyFile(join(template.directory, FILES.overlay), disk.path)
    return { directory, argv: qemuArgv(machine(directory, disk)) }
  }
  return {
    name,
    guest,
    prepared,
    template: template.directory,
    binary: harness.qemu.path,
    env: harness.session.childEnvironment(),
    keys: {
      privateKey: await readFile(join(template.directory, FILES.privateKey), 'utf8'),
      hostKey: Buffer.from(template.manifest.hostKey.split(' ')[1] ?? '', 'base64'),
    },
    makeDirectory,
    clone: () =>
      place((directory, disk) => cloneMachine(harness, guest, frozenTemplate(template), directory, disk, CARD)),
    fresh: () =>
      place((directory, disk) =>
        // Plain memory, as whoever uses savevm has it.
        ({
          ...rebootMachine(
            harness,
            guest,
            image,
            { initrd: join(template.directory, FILES.initrd), seed: undefined },
            directory,
            [disk, ...template.layers],
            CARD,
          ),
          ram: undefined,
        }),
      ),
  }
}

/**
 * What the library does, as far as it takes time.
 * @param {(text: string) => void} progress
 * @returns {import('mayfly').Progress}
 */
export function told(progress) {
  return {
    note: progress,
    cached: () => {},
    step: (title, work) => {
      progress(title)
      return work(() => {})
    },
  }
}

/**
 * Runs `body` with a clone, which is gone afterwards. (Node 20 cannot parse `await using`.)
 * @template T
 * @param {BenchGuest} guest
 * @param {(vm: import('mayfly').Vm) => Promise<T>} body
 */
export async function withClone({ guest }, body) {
  const vm = await launch(guest)
  try {
    return await body(vm)
  } finally {
    await vm.destroy()
  }
}

/** Ends the session: every machine, every file of the bench. Guests that are asked for later are prepared again. */
export async function closeGuests() {
  ready.clear()
  await closeSession(defaultCacheDir())
}
