import { link } from 'node:fs/promises'
import { join } from 'node:path'
import { sparseCopy } from '../image/sparse-copy.js'
import { bootTimeoutMs } from './boot-timeout.js'
import type { Connected } from './clone.js'
import { joinNetwork, noNetwork } from './join-network.js'
import { FILES } from './machine.js'
import { Place } from './place.js'
import type { Prepared } from './prepare.js'
import { untilReady } from './ready.js'
import { clientKey, type Resumed, resume } from './resume.js'
import { isFixedOverSsh, setRight, setRightOverSsh } from './set-right.js'
import { frozenTemplate } from './template.js'
import { type LaunchTimings, timed } from './timings.js'

export interface WakeOptions {
  /** Its template is the one to go on from. */
  prepared: Prepared
  /** Gets the machine's RAM, disk layer and keys. */
  directory: string
  signal?: AbortSignal | undefined
}

/**
 * Resumes a template in a machine that can be frozen again: its RAM is a file of its own, all of it. Its session owns the machine.
 * @throws MayflyError MAYFLY_TEMPLATE_UNUSABLE, or as `untilReady`; no QEMU is left behind, the files in `directory` are.
 */
export async function wake({ prepared, directory, signal }: WakeOptions): Promise<Connected> {
  const { harness, guest, template } = prepared
  const at = (name: string) => join(directory, name)
  const frozen = frozenTemplate(template)
  await Promise.all([
    sparseCopy(frozen.ram, at(FILES.ram)),
    // Written once and never changed: they are the same for the whole chain.
    ...[FILES.initrd, FILES.seed, FILES.privateKey]
      .filter((name) => name === FILES.privateKey || name in template.manifest.files)
      .map((name) => link(join(template.directory, name), at(name))),
  ])
  let resumed: Resumed | undefined
  const timeoutMs = bootTimeoutMs(harness)
  const owned: AsyncDisposable = {
    [Symbol.asyncDispose]: async () => {
      await resumed?.qemu.kill()
      harness.session.disown(owned)
    },
  }
  harness.session.own(owned)
  try {
    const ram = { path: at(FILES.ram), share: true }
    resumed = await resume({ harness, guest, frozen, directory, disk: at(FILES.disk), ram })
    const place = Place.at(directory, prepared)
    const login = { username: guest.ssh.user, privateKey: await clientKey(template) }
    const timings: LaunchTimings = { prepare: 0, ...resumed.timings, connect: 0, fixup: 0, pooled: false }
    const address = await joinNetwork(resumed, { name: guest.name, timeoutMs, signal })
    if (!address) throw noNetwork(guest.name, 'a provision step')
    const privateKeyPath = at(FILES.privateKey)
    const machine = { ...resumed, ...owned, prepared, place, address, login, timings, privateKeyPath }
    const connection = await timed(timings, 'connect', () => connect(machine, signal))
    // Before the step, which may look at the time.
    if (template.manifest.agent) await timed(timings, 'fixup', () => setRight(machine.agent, machine.qemu))
    else if (isFixedOverSsh(template)) await timed(timings, 'fixup', () => setRightOverSsh(connection))
    return { ...machine, connection }
  } catch (error) {
    await owned[Symbol.asyncDispose]()
    throw error
  }
}

/** Logs in to a machine that was resumed. */
export async function connect(
  machine: Omit<Connected, 'connection'>,
  signal: AbortSignal | undefined,
): Promise<Connected['connection']> {
  const { harness, guest } = machine.prepared
  const target = { ...machine.login, hostKey: machine.place.hostKey, ...machine.address }
  return await untilReady(machine, target, {
    timeoutMs: bootTimeoutMs(harness),
    signal,
    name: guest.name,
    resumed: true,
  })
}
