import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { createPrivateFile } from '../host/private-file.js'
import type { Image } from '../image/image.js'
import { performance } from '../node-globals.js'
import type { DiskLayer } from '../qemu/argv.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import type { Harness } from '../session/harness.js'
import type { SshConnection } from '../ssh/connection.js'
import type { SshTarget } from '../ssh/handshake.js'
import type { SshIdentity } from '../ssh/identity.js'
import { bootTimeoutMs } from './boot-timeout.js'
import { FILES, templateMachine } from './machine.js'
import { newIdentity, prepareFiles } from './machine-files.js'
import { untilAgentReady, untilReady } from './ready.js'
import { type Running, run } from './running.js'
import { untilSetUp } from './set-up.js'

export interface ColdBootOptions {
  harness: Harness
  guest: Guest
  image: Image
  /** Gets the machine's RAM, disk layer, keys and console log. */
  directory: string
  /** What its disk is stacked on. Default: the image's. */
  below?: readonly DiskLayer[] | undefined
  /** Default: what this host needs at most. */
  bootTimeout?: number | undefined
  signal?: AbortSignal | undefined
}

/** A machine that was booted from its image and has run a command; its session owns it until it is disposed of. */
export interface Booted extends Running, AsyncDisposable {
  /** None without a network. */
  ssh: SshConnection | undefined
  identity: SshIdentity
  /** Whether it runs Mayfly's agent. */
  hasAgent: boolean
  /** From starting QEMU to the first command's result, in ms. */
  bootMs: number
}

/**
 * Boots a guest with fresh keys, in a machine whose RAM is a file, so that it can be sealed.
 * @throws MayflyError as `untilReady`; no QEMU is left behind, the files in `directory` are.
 */
export async function coldBoot(options: ColdBootOptions): Promise<Booted> {
  const { harness, guest, image, directory, below, bootTimeout, signal } = options
  const identity = await newIdentity(guest)
  await Promise.all([prepareFiles(options, identity), createPrivateFile(join(directory, FILES.ram), guest.memoryBytes)])
  const started = performance.now()
  const running = await run(harness, templateMachine(harness, guest, image, directory, below), directory)
  const owned: AsyncDisposable = {
    [Symbol.asyncDispose]: async () => {
      await running.qemu.kill()
      harness.session.disown(owned)
    },
  }
  harness.session.own(owned)
  try {
    const how = {
      timeoutMs: bootTimeout ?? bootTimeoutMs(harness, guest),
      signal,
      name: guest.name,
      agent: image.features.agent,
      settling: guest.cloudInit !== undefined,
    }
    const target = guest.network.mode === 'none' ? await greet(running) : await targetOf(running, guest, identity)
    // A boot loader, or what sets the system up, may want to begin again: later, that is the business of who owns the machine.
    if (guest.firmware) await running.qemu.qmp.execute('set-action', { reboot: 'reset' })
    const ssh = target ? await untilReady(running, target, how) : await untilAgentReady(running, how)
    const hasAgent = ssh && guest.cloudInit ? await untilSetUp(running, ssh, how) : image.features.agent
    if (guest.firmware) await running.qemu.qmp.execute('set-action', { reboot: 'shutdown' })
    return { ...running, ...owned, ssh, identity, hasAgent, bootMs: performance.now() - started }
  } catch (error) {
    const explained = aboutAccelerator(harness, await running.qemu.explain(error))
    await owned[Symbol.asyncDispose]()
    throw explained
  }
}

/** A boot that fails on an accelerator may fail because of it: a KVM that opens need not work. */
export function aboutAccelerator({ accelerator }: Harness, error: unknown): unknown {
  const suspects = ['MAYFLY_BOOT_TIMEOUT', 'MAYFLY_QEMU_EXITED', 'MAYFLY_QEMU_SPAWN_FAILED']
  if (!(error instanceof MayflyError) || accelerator.kind === 'tcg' || !suspects.includes(error.code)) return error
  return error.withDetails([
    `accelerator: ${accelerator.kind} (${accelerator.reason}); MAYFLY_ACCEL=tcg tells whether it is to blame`,
  ])
}

async function greet({ qemu }: Pick<Running, 'qemu'>): Promise<undefined> {
  await qemu.greeted()
  await qemu.qmp.execute('qmp_capabilities')
}

/** Where and how to log in to a machine that boots with these keys; its QEMU has greeted then. */
async function targetOf({ qemu }: Running, { ssh }: Guest, identity: SshIdentity): Promise<SshTarget> {
  await greet({ qemu })
  return {
    host: '127.0.0.1',
    port: await forwardedPort(qemu.qmp, 22),
    username: ssh.user,
    privateKey: identity.client.privateKey,
    hostKey: identity.host.publicKey,
  }
}
