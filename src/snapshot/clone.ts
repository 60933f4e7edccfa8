import { join } from 'node:path'
import { isError, MayflyError } from '../errors.js'
import { machineAdmission } from '../host/admission.js'
import { explainFull } from '../image/store.js'
import { assertBridge } from '../network/bridge.js'
import type { SshConnection } from '../ssh/connection.js'
import type { SshTarget } from '../ssh/handshake.js'
import { bootTimeoutMs } from './boot-timeout.js'
import { joinNetwork, type Networked, noNetwork, type SshAddress } from './join-network.js'
import { FILES, type Frozen } from './machine.js'
import { Place } from './place.js'
import type { Prepared } from './prepare.js'
import { untilReady } from './ready.js'
import { clientKey, type Resumed } from './resume.js'
import { isFixedOverSsh, setRight, setRightOverSsh } from './set-right.js'
import { frozenTemplate } from './template.js'
import { type LaunchTimings, timed } from './timings.js'
import { leaveWreck } from './wreck.js'

/** A machine that was resumed and can be logged in to, with its clock and entropy set right. Its session owns it. */
export interface Clone extends Networked, AsyncDisposable {
  prepared: Prepared
  place: Place
  /** Where its SSH server is; nowhere without a network. */
  address: SshAddress | undefined
  connection: SshConnection | undefined
  /** Who to log in as; `place` knows the host key to expect. */
  login: Omit<SshTarget, 'host' | 'port' | 'hostKey'>
  privateKeyPath: string
  timings: LaunchTimings
}

/** A machine with a network. */
export type Connected = Clone & { address: SshAddress; connection: SshConnection }

/** @throws MayflyError MAYFLY_NO_NETWORK */
export function assertConnected(clone: Clone, what: string): Connected {
  const { address, connection } = clone
  if (!address || !connection) throw noNetwork(clone.prepared.guest.name, what)
  return { ...clone, address, connection }
}

export interface CloneOptions {
  /** Default: the guest's template. */
  frozen?: Frozen | undefined
  signal?: AbortSignal | undefined
}

/**
 * Resumes a machine of its own.
 * @throws MayflyError MAYFLY_TEMPLATE_UNUSABLE, MAYFLY_HOST_MEMORY, MAYFLY_ABORTED, or as `untilReady`; nothing is left behind.
 */
export async function clone(prepared: Prepared, { frozen, signal }: CloneOptions = {}): Promise<Clone> {
  const { harness, guest, template } = prepared
  if (guest.network.mode === 'tap') {
    await assertBridge(guest.network.bridge)
    if (!template.manifest.agent) {
      throw new MayflyError('MAYFLY_NETWORK_UNUSABLE', `${guest.name} has no agent, and cannot be put on a bridge`, {
        hint: 'Only from inside it can be given an address of its own. Use an image with the agent: see docs/guests.md.',
      })
    }
  }
  const share = await machineAdmission().acquire({ memoryBytes: guest.memoryBytes, cpus: 0, signal })
  let place: Place | undefined
  let resumed: Resumed | undefined
  const owned: AsyncDisposable = {
    [Symbol.asyncDispose]: async () => {
      try {
        await resumed?.qemu.kill()
        await place?.[Symbol.asyncDispose]()
      } finally {
        share[Symbol.dispose]()
        harness.session.disown(owned)
      }
    },
  }
  harness.session.own(owned)
  try {
    place = await Place.make(prepared)
    resumed = await place.resume(frozen ?? frozenTemplate(template))
    const connected = await logIn(prepared, place, resumed, signal)
    signal?.throwIfAborted()
    return { ...resumed, ...owned, ...connected, prepared, place }
  } catch (error) {
    const failure = signal?.aborted
      ? new MayflyError('MAYFLY_ABORTED', `the launch of ${guest.name} was given up`, { cause: signal.reason })
      : explainFull(harness.store, error)
    if (place && isError(failure)) await leaveWreck(failure, place, resumed?.qemu)
    await owned[Symbol.asyncDispose]()
    throw failure
  }
}

/** Connects a resumed machine and logs in to it; side by side with that, its clock and entropy are set right. */
export async function logIn(
  { harness, guest, template, prepareMs }: Prepared,
  place: Place,
  resumed: Resumed,
  signal?: AbortSignal,
): Promise<Pick<Clone, 'address' | 'connection' | 'login' | 'privateKeyPath' | 'timings'>> {
  const timings: LaunchTimings = { prepare: prepareMs, ...resumed.timings, connect: 0, fixup: 0, pooled: false }
  const { agent } = template.manifest
  const login = { username: guest.ssh.user, privateKey: await clientKey(template) }
  const ready = { timeoutMs: bootTimeoutMs(harness), signal, name: guest.name, resumed: true }
  const connect = async () => {
    const address = await joinNetwork(resumed, ready)
    const target = address && { ...login, hostKey: place.hostKey, ...address }
    const [connection] = await Promise.all([
      target && untilReady(resumed, target, ready),
      place.record(resumed.qemu.pid, address),
    ])
    return { address, connection }
  }
  const [connected] = await Promise.all([
    timed(timings, 'connect', connect),
    agent ? timed(timings, 'fixup', () => setRight(resumed.agent, resumed.qemu)) : undefined,
  ])
  if (connected.connection && isFixedOverSsh(template)) {
    await timed(timings, 'fixup', () => setRightOverSsh(connected.connection!))
  }
  return { ...connected, login, privateKeyPath: join(template.directory, FILES.privateKey), timings }
}
