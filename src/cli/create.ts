import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { unpacked } from '../guest/cloud-init/unpacked.js'
import type { Guest, GuestSpec } from '../guest/spec.js'
import { createMachine } from '../machines/create.js'
import { startMachine } from '../machines/start.js'
import { publicKeysIn } from '../ssh/public-keys.js'
import type { Size } from '../units.js'
import type { ActionContext } from './action.js'
import { guestNamed } from './guest-argument.js'
import { factsOf } from './machine-facts.js'
import { shownProgress } from './shown-progress.js'
import { describeRunning } from './start.js'
import { print, printJson } from './streams.js'

export interface CreateOptions {
  name?: string
  image?: string
  imageUrl?: string
  sha256?: string
  cpus?: number
  vcpus?: number
  memory?: Size
  disk?: Size
  display?: boolean
  arch?: string
  firmware?: string
  bridge?: string
  network?: string
  cloudInit?: string
  sshKey?: string
  user?: string
  hostname?: string
  start?: boolean
  wait?: boolean
  /** In ms. */
  timeout?: number
  verbose?: boolean
  json?: boolean
}

/** `mayfly create` */
export async function create(
  { cacheDir, signal }: ActionContext,
  options: CreateOptions,
  args: string[],
): Promise<number> {
  const guest = await guestOf(options, args[0])
  const progress = shownProgress(options.verbose)
  const onWait = () => progress.note('another command is at work on that name; waiting for it')
  const name = options.name ?? guest.name
  const made = await createMachine(guest, name, { cacheDir, progress, signal, onWait })
  const { start, wait, timeout, json } = options
  const machine = start ? await startMachine(made, { progress, signal, onWait, wait, bootTimeout: timeout }) : made
  if (json) await printJson(await factsOf(machine))
  else await print(start ? describeRunning(await factsOf(machine)) : `created ${name}; mayfly start ${name} boots it`)
  return 0
}

async function guestOf(options: CreateOptions, argument: string | undefined): Promise<Guest> {
  const { image, imageUrl } = options
  const named = [argument, image, imageUrl].filter((given) => given !== undefined)
  if (named.length !== 1) {
    throw new MayflyError(
      'MAYFLY_OPTION_INVALID',
      named.length === 0 ? 'no guest is given' : 'several guests are given',
      {
        details: named,
        hint: 'Give one: mayfly create debian --name web; or --image ./disk.qcow2, or --image-url https://…',
      },
    )
  }
  const spec = await specOf(options)
  const { sha256 } = options
  if (imageUrl === undefined && sha256 === undefined) return await guestNamed(named[0]!, spec)
  if (imageUrl !== undefined && !/^https?:\/\//i.test(imageUrl)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `--image-url is no http or https address: ${imageUrl}`, {
      hint: 'A file of this host is --image ./disk.qcow2.',
    })
  }
  const { defineGuest } = await import('../guest/spec.js')
  return defineGuest({
    ...spec,
    image: imageUrl === undefined ? { path: named[0]!, sha256 } : { url: imageUrl, sha256 },
  })
}

async function specOf(options: CreateOptions): Promise<Omit<GuestSpec, 'image'>> {
  const { memory, disk, display, arch, firmware, bridge, network, cloudInit, sshKey, user, hostname } = options
  const given: Omit<GuestSpec, 'image'> = {
    cpus: options.cpus ?? options.vcpus,
    memory,
    disk,
    display,
    arch: arch as GuestSpec['arch'],
    firmware: firmware as GuestSpec['firmware'],
    network: bridge === undefined ? (network as 'user' | 'none' | undefined) : { mode: 'tap', bridge },
    cloudInit:
      cloudInit === undefined && hostname === undefined
        ? undefined
        : { hostname, userData: cloudInit === undefined ? undefined : await textOf(cloudInit, '--cloud-init') },
    ssh:
      sshKey === undefined && user === undefined
        ? undefined
        : { user, authorizedKeys: sshKey === undefined ? undefined : await keysIn(sshKey) },
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

async function keysIn(path: string): Promise<string[]> {
  const text = await textOf(path, '--ssh-key')
  if (text.includes('PRIVATE KEY')) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `--ssh-key is a private key: ${path}`, {
      hint: `Give the public one, which is mostly ${path}.pub`,
    })
  }
  return publicKeysIn(text)
}

async function textOf(path: string, option: string): Promise<string> {
  try {
    const bytes = await readFile(resolve(path))
    return unpacked(bytes).trim()
  } catch (error) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `${option} cannot be read: ${path}`, { details: [String(error)] })
  }
}
