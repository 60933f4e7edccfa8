import { createHash } from 'node:crypto'
import { hostnameOf } from '../guest/access.js'
import { bootHook } from '../guest/cloud-init/boot-hook.js'
import { shellOf } from '../guest/cloud-init/cloud-config.js'
import type { Guest } from '../guest/spec.js'
import { stepFingerprint } from '../guest/step-fingerprint.js'
import { hostCpuIdentity } from '../host/cpu.js'
import { fileDigest } from '../image/file-digest.js'
import type { Image } from '../image/image.js'
import { qemuArgv } from '../qemu/argv.js'
import type { Harness } from '../session/harness.js'
import { FORMAT } from './format.js'
import { templateMachine } from './machine.js'

/** Everything that must match before a template's state may be loaded, by name, so that a mismatch can be explained. */
export interface Ingredients {
  /** What the guest is: the same on every host. */
  guest: {
    format: number
    name: string
    image: string
    cpus: number
    memoryBytes: number
    diskBytes: number
    /** Left out where there is none. */
    display?: true
    /** Left out where it is x64. */
    arch?: 'arm64'
    /** Left out where there is one. On a bridge it is sealed as without. */
    network?: 'none'
    /** How it boots and who gets in, where that is not as embedded guests have it. */
    access?: string
    provision: string[]
  }
  /** What runs it: different machines, QEMUs and processors cannot load each other's state. */
  host: { qemu: string; qemuFile: string; accelerator: string; cpu: string; argv: string[] }
}

export async function ingredientsOf(harness: Harness, guest: Guest, image: Image): Promise<Ingredients> {
  return {
    guest: {
      format: FORMAT,
      image: image.digest,
      name: guest.name,
      cpus: guest.cpus,
      memoryBytes: guest.memoryBytes,
      diskBytes: guest.diskBytes,
      ...(guest.display ? { display: true as const } : {}),
      ...(guest.arch === 'arm64' ? { arch: guest.arch } : {}),
      ...(guest.network.mode === 'none' ? { network: guest.network.mode } : {}),
      ...(await accessIngredient(guest)),
      provision: await Promise.all(guest.provision.map(stepFingerprint)),
    },
    host: { ...hostIngredients(harness), argv: qemuArgv(templateMachine(harness, guest, image, '.')) },
  }
}

/** A key is what it holds, wherever it lies; what Mayfly has cloud-init do is what its files say. */
async function accessIngredient({
  name,
  image,
  hostname,
  firmware,
  cloudInit,
  ssh,
}: Guest): Promise<{ access?: string }> {
  const { privateKey, ...access } = ssh
  const isUsual = hostname === hostnameOf(name) && access.user === 'root' && access.authorizedKeys.length === 0
  if (isUsual && !firmware && !cloudInit) return {}
  const key = privateKey === undefined ? undefined : await fileDigest(privateKey)
  const hook =
    cloudInit &&
    createHash('sha256')
      .update(await bootHook())
      .digest('hex')
  const shell = cloudInit && shellOf(image)
  return { access: JSON.stringify({ hostname, firmware, cloudInit, hook, shell, ssh: { ...access, key } }) }
}

/** What runs any guest on this host. */
export function hostIngredients({
  qemu,
  accelerator,
}: Pick<Harness, 'qemu' | 'accelerator'>): Omit<Ingredients['host'], 'argv'> {
  return {
    qemu: qemu.versionLabel,
    qemuFile: `${qemu.path} ${qemu.identity}`,
    accelerator: accelerator.kind,
    cpu: JSON.stringify(hostCpuIdentity()),
  }
}

/** The template's directory name: guests first, so that templates of one guest stand together. */
export function templateKey({ guest, host }: Ingredients): string {
  return `${digest(guest)}-${digest(host)}`
}

/** The part of a key that says which guest it is. */
export function guestPart(key: string): string {
  return key.split('-')[0]!
}

/** What differs between two hosts' ingredients, one line each. */
export function differences(made: Ingredients['host'], now: Partial<Ingredients['host']>): string[] {
  return (Object.keys(now) as (keyof Ingredients['host'])[])
    .filter((name) => JSON.stringify(made[name]) !== JSON.stringify(now[name]))
    .map((name) => `${name} was ${brief(made[name])}, is ${brief(now[name] ?? '')}`)
}

function brief(value: string | string[]): string {
  const text = Array.isArray(value) ? value.join(' ') : value
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 20)
}
