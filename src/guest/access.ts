import { resolve } from 'node:path'
import type { z } from 'zod'
import { MayflyError } from '../errors.js'
import type { Arch } from '../host/host-arch.js'
import { type ImageReference, isBootable } from '../image/reference.js'
import { lazySchema, zod } from '../zod.js'
import { brief } from './plain.js'

const document = () => zod().union([zod().string().min(1), zod().record(zod().string(), zod().unknown())])

/** RFC 1123, dots included. */
const HOSTNAME =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/

const KEY_LINE = /^[\w@.-]+ [A-Za-z0-9+/=]+(?: [^\n\r]*)?$/

export const cloudInitSchema = lazySchema((z) =>
  z.strictObject({
    /** What cloud-init is told: the text of a user-data file, or a cloud-config as an object. Mayfly adds how it logs in. */
    userData: document().optional(),
    /** Netplan, version 1 or 2, as text or as an object. Default: DHCP. */
    networkConfig: document().optional(),
    /** Default: the guest's name. */
    hostname: z.string().regex(HOSTNAME, 'expected a host name').optional(),
    /** Passes `userData` through as it is. Who may log in, it says then: see `ssh`. Default false. */
    raw: z.boolean().default(false),
  }),
)

export const sshSchema = lazySchema((z) =>
  z.strictObject({
    /** Who logs in, and runs commands. Cloud-init makes the user if need be, with sudo and without a password. Default root. */
    user: z
      .string()
      .regex(/^[a-z_][a-z0-9_.-]{0,31}$/, 'expected a user name')
      .default('root'),
    /** Public keys, one line each, that may log in too. */
    authorizedKeys: z.array(z.string().regex(KEY_LINE, 'expected a public key, on one line')).default([]),
    /** Path of an unencrypted private key to log in with, where Mayfly cannot put one of its own into the guest. */
    privateKey: z.string().min(1).optional(),
    /** The public host key to expect of a guest without cloud-init, on one line. */
    hostKey: z.string().regex(KEY_LINE, 'expected a public key, on one line').optional(),
  }),
)

/** What cloud-init is told besides what Mayfly needs. */
export type CloudInit = Omit<z.output<ReturnType<typeof cloudInitSchema>>, 'hostname'>
export type Ssh = z.output<ReturnType<typeof sshSchema>>

/** How a guest comes up, and who gets in. */
export interface Access {
  readonly hostname: string
  /** What starts the disk's boot loader, or hands over to the kernel; undefined where a kernel is booted without UEFI. */
  readonly firmware: 'bios' | 'uefi' | undefined
  /** Undefined without cloud-init. */
  readonly cloudInit: CloudInit | undefined
  readonly ssh: Ssh
}

interface Given {
  name: string
  /** Whether the name was given, and is not the image's. */
  isNamed: boolean
  arch: Arch
  firmware: Access['firmware']
  cloudInit: z.output<ReturnType<typeof cloudInitSchema>> | false | undefined
  ssh: Ssh
}

/**
 * Fills in what was not given, by the kind of image.
 * @throws MayflyError MAYFLY_GUEST_INVALID for options that the image has no use for.
 */
export function accessOf(image: ImageReference, given: Given): Access {
  const { name, isNamed, arch, firmware, cloudInit, ssh } = given
  const bootable = isBootable(image)
  const { hostname, ...config } = cloudInit || { hostname: undefined, raw: false }
  // An embedded guest gets its name another way.
  const seeded = cloudInit !== false && !('name' in image) && (bootable || cloudInit !== undefined)
  const bare = bootable && !seeded
  const raw = config.raw || bare
  const rules: [wrong: boolean, option: string, why: string][] = [
    [isNamed && hostname === undefined && !isHostname(name), 'name', noHostname(name)],
    [firmware === 'bios' && arch === 'arm64', 'firmware', 'there is no BIOS on aarch64'],
    ['name' in image && config.userData !== undefined, 'cloudInit.userData', NO_CLOUD_INIT],
    ['name' in image && config.networkConfig !== undefined, 'cloudInit.networkConfig', NO_CLOUD_INIT],
    [config.raw && config.userData === undefined, 'cloudInit.raw', 'there is no userData to pass through'],
    [!bootable && !seeded && ssh.user !== 'root', 'ssh.user', 'this guest has root alone'],
    [raw && ssh.authorizedKeys.length > 0, 'ssh.authorizedKeys', `${NOTHING_ADDED}: put the keys there`],
    [!raw && ssh.privateKey !== undefined, 'ssh.privateKey', 'Mayfly gives this guest a key of its own, and uses that'],
    [bare && ssh.privateKey === undefined, 'ssh.privateKey', 'without cloud-init, Mayfly needs a key to log in with'],
    [bare && ssh.hostKey === undefined, 'ssh.hostKey', 'without cloud-init, Mayfly needs to know the host key'],
    [!bare && ssh.hostKey !== undefined, 'ssh.hostKey', 'Mayfly gives this guest its host key, or its user-data does'],
  ]
  const broken = rules.filter(([wrong]) => wrong)
  if (broken.length > 0) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', 'the guest is not valid', {
      details: broken.map(([, option, why]) => `${option}: ${why}`),
      hint: 'See docs/cloud-init.md.',
    })
  }
  return {
    hostname: hostname ?? (isNamed ? name : hostnameOf(name)),
    firmware: firmwareOf(bootable, arch, firmware),
    cloudInit: seeded ? config : undefined,
    ssh: { ...ssh, ...(ssh.privateKey === undefined ? {} : { privateKey: resolve(ssh.privateKey) }) },
  }
}

/** A kernel that is booted directly takes no notice of a BIOS. */
function firmwareOf(bootable: boolean, arch: Arch, given: Access['firmware']): Access['firmware'] {
  if (!bootable) return given === 'uefi' ? given : undefined
  return given ?? (arch === 'arm64' ? 'uefi' : 'bios')
}

const NO_CLOUD_INIT = 'this guest has no cloud-init'
const NOTHING_ADDED = 'raw user-data is passed through as it is'

export function isHostname(text: string): boolean {
  return HOSTNAME.test(text)
}

/** Why a name cannot be taken as the host name as well. */
export function noHostname(name: string): string {
  return `"${brief(name, 60)}" cannot be the host name as well. Write '${hostnameOf(name)}', or give a hostname of its own`
}

/** A guest's name as one label of a host name. */
export function hostnameOf(name: string): string {
  const label = name.replaceAll(/[^A-Za-z0-9-]+/g, '-').slice(0, 63)
  return label.replaceAll(/^-+|-+$/g, '') || 'mayfly'
}
