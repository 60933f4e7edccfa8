import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { describeStep } from '../guest/steps.js'
import type { Progress } from '../host/progress.js'
import type { Image } from '../image/image.js'
import { createOverlay } from '../image/overlay.js'
import type { Harness } from '../session/harness.js'
import { exec } from '../ssh/exec.js'
import { agentReply } from './agent-reply.js'
import { bootTimeoutMs } from './boot-timeout.js'
import type { Ingredients } from './cache-key.js'
import { aboutAccelerator, type Booted, coldBoot, diskSizeBytes } from './cold-boot.js'
import { FILES } from './machine.js'
import { runStep } from './provision.js'
import { CAPABILITIES, migrated, SAVE_URI } from './running.js'
import { type TemplateManifest, writeManifest } from './template.js'

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
  const { harness, guest, image, ingredients, staging, target, progress, signal } = options
  const timings: Record<string, number> = {}
  const timed = async <T>(
    name: string,
    title: string,
    work: (log: (line: string) => void) => Promise<T>,
  ): Promise<T> => {
    const started = performance.now()
    const result = await progress.step(title, work)
    timings[name] = performance.now() - started
    return result
  }
  const overlay = {
    sizeBytes: diskSizeBytes(guest, image),
    backing: { path: join(target, FILES.disk), format: 'qcow2' as const },
  }
  await createOverlay(join(staging, FILES.overlay), overlay)
  const booted = await timed('boot', `boot ${guest.name}`, () => coldBoot({ ...options, directory: staging }))
  const { qemu, ssh } = booted
  try {
    for (const [index, step] of guest.provision.entries()) {
      await timed(`step ${index + 1}`, describeStep(step), (log) => runStep(ssh, step, log, signal))
    }
    await timed('quiesce', `quiesce ${guest.name}`, () => quiesce(options, booted))
    await timed('seal', `seal ${guest.name}`, () => freeze(booted))
  } catch (error) {
    throw aboutAccelerator(harness, await qemu.explain(error))
  } finally {
    await booted[Symbol.asyncDispose]()
  }
  return await writeManifest(staging, {
    name: guest.name,
    createdAt: new Date().toISOString(),
    ingredients,
    hostKey: booted.identity.host.publicKey,
    agent: image.features.agent,
    timings,
  })
}

/** Waits until the guest has nothing left to do, so that its clones start with nothing to do. */
async function quiesce({ harness, image }: SealOptions, { qemu, agent, ssh }: Booted): Promise<void> {
  // Degraded (exit 1) is as finished as running: a failed unit is the guest's business, and its tests'.
  const { exitCode } = await exec(
    ssh,
    'if command -v systemctl >/dev/null; then systemctl is-system-running --wait >/dev/null; fi; sync',
    { timeout: bootTimeoutMs(harness) },
  )
  if (exitCode === null)
    throw new MayflyError('MAYFLY_SSH_FAILED', 'the guest could not be brought to rest before sealing')
  await ssh.close()
  // Without an agent the end of the session is not seen from inside; its process is a stray one in every clone, and harmless.
  if (image.features.agent) await agentReply('quiesce', agent.quiesce(), qemu)
}

/** Stops the guest and writes its device state; its RAM is in its file already. */
async function freeze({ qemu }: Booted): Promise<void> {
  const { qmp } = qemu
  await qmp.execute('stop')
  await qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES })
  // The default limit of 128 MiB/s holds for files too.
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': 0 })
  if (await migrated(qmp, 'migrate', SAVE_URI)) return
  const { 'error-desc': reason = 'no reason given' } = await qmp.execute('query-migrate')
  throw new MayflyError('MAYFLY_TEMPLATE_UNUSABLE', `QEMU could not save the device state: ${reason}`)
}
