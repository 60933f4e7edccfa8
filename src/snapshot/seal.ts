import { appendFile, copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import { seedArchive } from '../guest/seed.js'
import type { Guest } from '../guest/spec.js'
import { describeStep } from '../guest/steps.js'
import type { Progress } from '../host/progress.js'
import type { Image } from '../image/image.js'
import { createOverlay } from '../image/overlay.js'
import type { Harness } from '../session/harness.js'
import type { SshConnection } from '../ssh/connection.js'
import { exec } from '../ssh/exec.js'
import { generateIdentity, type SshIdentity } from '../ssh/identity.js'
import { agentReply } from './agent-reply.js'
import { bootTimeoutMs } from './boot-timeout.js'
import type { Ingredients } from './cache-key.js'
import { FILES, templateMachine } from './machine.js'
import { runStep } from './provision.js'
import { untilReady } from './ready.js'
import { CAPABILITIES, type Running, run, SAVE_URI } from './running.js'
import { type TemplateManifest, writeManifest } from './template.js'
import { forwardedPort } from '../qemu/forwarded-port.js'

export interface SealOptions {
  harness: Harness
  guest: Guest
  image: Image
  ingredients: Ingredients
  /** Where the template is made. */
  staging: string
  /** Where it will stand. */
  target: string
  progress: Progress
  bootTimeout?: number | undefined
  signal?: AbortSignal | undefined
}

/** Boots a guest, provisions it, waits until it is quiet, and freezes it in `staging`. QEMU is gone when this settles. */
export async function seal(options: SealOptions): Promise<TemplateManifest> {
  const { harness, guest, image, ingredients, staging, progress, signal } = options
  const timings: Record<string, number> = {}
  const timed = async <T>(name: string, title: string, work: (log: (line: string) => void) => Promise<T>): Promise<T> => {
    const started = performance.now()
    const result = await progress.step(title, work)
    timings[name] = performance.now() - started
    return result
  }
  const identity = generateIdentity(`mayfly ${guest.name}`)
  await prepareFiles(options, identity)
  const running = await run(harness, templateMachine(harness, guest, image, staging), staging)
  const owned = { [Symbol.asyncDispose]: () => running.qemu.kill() }
  harness.session.own(owned)
  try {
    const ssh = await timed('boot', `boot ${guest.name}`, () => boot(options, running, identity))
    // SSH may be up first; a template without its agent would be sealed restless, and its clones would live in the past.
    if (image.features.agent) await agentReply('to its start', running.agent.ready(), running.qemu)
    for (const [index, step] of guest.provision.entries()) {
      await timed(`step ${index + 1}`, describeStep(step), (log) => runStep(ssh, step, log, signal))
    }
    await timed('quiesce', `quiesce ${guest.name}`, () => quiesce(running, ssh))
    await timed('seal', `seal ${guest.name}`, () => freeze(running))
  } catch (error) {
    throw aboutAccelerator(harness, await running.qemu.explain(error))
  } finally {
    await running.qemu.kill()
    harness.session.disown(owned)
  }
  return await writeManifest(staging, {
    name: guest.name,
    createdAt: new Date().toISOString(),
    ingredients,
    hostKey: identity.host.publicKey,
    agent: running.agent.present,
    timings,
  })
}

/** A boot that fails on an accelerator may fail because of it: a KVM that opens need not work. */
function aboutAccelerator({ accelerator }: Harness, error: unknown): unknown {
  const suspects = ['MAYFLY_BOOT_TIMEOUT', 'MAYFLY_QEMU_EXITED', 'MAYFLY_QEMU_SPAWN_FAILED']
  if (!(error instanceof MayflyError) || accelerator.kind === 'tcg' || !suspects.includes(error.code)) return error
  return error.withDetails([`accelerator: ${accelerator.kind} (${accelerator.reason}); MAYFLY_ACCEL=tcg tells whether it is to blame`])
}

async function prepareFiles({ guest, image, staging, target }: SealOptions, identity: SshIdentity): Promise<void> {
  const at = (name: string) => join(staging, name)
  const sizeBytes = Math.max(guest.diskBytes, image.disk?.virtualSizeBytes ?? 0)
  await Promise.all([
    createOverlay(at(FILES.disk), { sizeBytes, backing: image.disk }),
    createOverlay(at(FILES.overlay), { sizeBytes, backing: { path: join(target, FILES.disk), format: 'qcow2' } }),
    writeFile(at(FILES.privateKey), identity.client.privateKey, { mode: 0o600 }),
    writeSeededInitrd(image, at(FILES.initrd), seedArchive(identity, guest.name)),
  ])
}

async function writeSeededInitrd(image: Image, path: string, seed: Buffer): Promise<void> {
  await copyFile(image.initrd, path)
  await appendFile(path, seed)
}

async function boot({ harness, guest, bootTimeout, signal }: SealOptions, running: Running, identity: SshIdentity): Promise<SshConnection> {
  await running.qemu.greeted()
  await running.qemu.qmp.execute('qmp_capabilities')
  const target = {
    host: '127.0.0.1',
    port: await forwardedPort(running.qemu.qmp, 22),
    username: 'root',
    privateKey: identity.client.privateKey,
    hostKey: identity.host.publicKey,
  }
  return await untilReady(running, target, { timeoutMs: bootTimeout ?? bootTimeoutMs(harness), signal, name: guest.name })
}

/** Waits until the guest has nothing left to do, so that its clones start with nothing to do. */
async function quiesce({ qemu, agent }: Running, ssh: SshConnection): Promise<void> {
  // Degraded (exit 1) is as finished as running: a failed unit is the guest's business, and its tests'.
  const { exitCode } = await exec(ssh, 'if command -v systemctl >/dev/null; then systemctl is-system-running --wait >/dev/null; fi; sync')
  if (exitCode === null) throw new MayflyError('MAYFLY_SSH_FAILED', 'the guest could not be brought to rest before sealing')
  await ssh.close()
  // Without an agent the end of the session is not seen from inside; its process is a stray one in every clone, and harmless.
  if (agent.present) await agentReply('quiesce', agent.quiesce(), qemu)
}

/** Stops the guest and writes its device state; its RAM is in its file already. */
async function freeze({ qemu }: Running): Promise<void> {
  const { qmp } = qemu
  await qmp.execute('stop')
  await qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES })
  // The default limit of 128 MiB/s holds for files too.
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 0 })
  const ended = qmp.nextEvent(({ event, data }) => event === 'MIGRATION' && (data?.status === 'completed' || data?.status === 'failed'))
  await qmp.execute('migrate', { uri: SAVE_URI })
  const { data } = await ended
  if (data?.status === 'completed') return
  const { 'error-desc': reason = 'no reason given' } = await qmp.execute('query-migrate')
  throw new MayflyError('MAYFLY_TEMPLATE_UNUSABLE', `QEMU could not save the device state: ${reason}`)
}
