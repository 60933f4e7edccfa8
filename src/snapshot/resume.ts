import { copyFile, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError, messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { Image } from '../image/image.js'
import { forwardedPort } from '../qemu/forwarded-port.js'
import type { Harness } from '../session/harness.js'
import { cloneMachine, FILES } from './machine.js'
import { CAPABILITIES, LOAD_URI, migrated, type Running, run } from './running.js'
import type { Template } from './template.js'
import type { LaunchTimings } from './timings.js'

/** A resumed machine, running, and the loopback port of its SSH server. */
export interface Resumed extends Running {
  sshPort: number
  timings: Pick<LaunchTimings, 'spawn' | 'load'>
}

/**
 * Starts a clone of `template` in `directory`: private memory mapped from the template's RAM file, an empty layer over its disk.
 * @throws MayflyError MAYFLY_TEMPLATE_UNUSABLE with QEMU's words when the state does not load.
 */
export async function resume(
  harness: Harness,
  guest: Guest,
  image: Image,
  template: Template,
  directory: string,
): Promise<Resumed> {
  const started = performance.now()
  await using state = await open(join(template.directory, FILES.state), 'r')
  await copyFile(join(template.directory, FILES.overlay), join(directory, FILES.disk))
  const running = await run(
    harness,
    cloneMachine(harness, guest, image, template.directory, directory),
    directory,
    state,
  )
  try {
    const { sshPort, greetedAt } = await load(running)
    const timings = { spawn: greetedAt - started, load: performance.now() - greetedAt }
    return { ...running, sshPort, timings }
  } catch (error) {
    await running.qemu.kill()
    throw await unusable(running, error)
  }
}

/** Loads the device state and lets the vCPUs go. The commands are sent ahead of each other's answers: QEMU takes them in order. */
async function load({ qemu }: Running): Promise<{ sshPort: number; greetedAt: number }> {
  const { qmp } = qemu
  const [greetedAt, , , sshPort, loaded] = await Promise.all([
    qmp.greeted().then(() => performance.now()),
    qmp.execute('qmp_capabilities'),
    qmp.execute('migrate-set-capabilities', { capabilities: CAPABILITIES }),
    forwardedPort(qmp, 22),
    migrated(qmp, 'migrate-incoming', LOAD_URI),
  ])
  if (!loaded) throw new Error('QEMU reported a failed load')
  await qmp.execute('cont')
  return { sshPort, greetedAt }
}

async function unusable({ qemu }: Running, error: unknown): Promise<MayflyError> {
  const cause = await qemu.explain(error)
  if (cause instanceof MayflyError && cause.code !== 'MAYFLY_QEMU_EXITED') return cause
  const details = cause instanceof MayflyError ? cause.details : [messageOf(cause)]
  return new MayflyError('MAYFLY_TEMPLATE_UNUSABLE', 'QEMU did not load the template', { details, cause })
}

/** What a connection to a clone needs besides its port. */
export async function clientKey(template: Template): Promise<string> {
  return await readFile(join(template.directory, FILES.privateKey), 'utf8')
}
