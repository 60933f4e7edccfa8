import { MayflyError, messageOf } from '../../errors.js'
import type { SshIdentity } from '../../ssh/identity.js'
import type { Access } from '../access.js'
import { CLOUD_CONFIG, fromFirstLine, type Part, typeOf } from './multipart.js'
import { readYaml } from './read-yaml.js'

export type CloudConfig = Record<string, unknown>

const HEADER = '#cloud-config'
/** As cloud-init's is_true has it. */
const TRUE: ReadonlySet<string> = new Set(['true', '1', 'on', 'yes'])

/** Whether user-data is a cloud-config, and nothing else. */
export function isCloudConfig(text: string): boolean {
  return typeOf(text) === CLOUD_CONFIG
}

/** @throws MayflyError MAYFLY_GUEST_INVALID with the place of the first mistake. */
export async function parseCloudConfig(text: string): Promise<CloudConfig> {
  let value: unknown
  try {
    value = (await readYaml(fromFirstLine(text))) ?? {}
  } catch (error) {
    throw invalid('it is not YAML', messageOf(error).split('\n'), error)
  }
  if (typeof value === 'object' && !Array.isArray(value)) return value as CloudConfig
  throw invalid('it is not a mapping', [`received ${Array.isArray(value) ? 'a list' : `a ${typeof value}`}`])
}

/** A cloud-config as text, read back the same by YAML 1.1. */
export async function renderCloudConfig(config: CloudConfig): Promise<string> {
  const { stringify } = await import('yaml')
  return `${HEADER}\n${stringify(config, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false })}`
}

/** What Mayfly needs to log in, beside what the user's own cloud-config says, which stays as it is. */
export function withAccess(own: CloudConfig, { ssh, image }: AccessNeeds, identity: SshIdentity): CloudConfig {
  const keys = [identity.client.publicKey, ...ssh.authorizedKeys]
  const config: CloudConfig = {
    // Without a name that resolves, each sudo would ask the network for it.
    manage_etc_hosts: 'localhost',
    ...own,
    ssh_keys: { ...hostKeys(identity), ...asRecord(own.ssh_keys) },
  }
  if (ssh.user === 'root') {
    return { ...config, disable_root: false, ssh_authorized_keys: [...asList(own.ssh_authorized_keys), ...keys] }
  }
  return { ...config, users: withUser(own.users, ssh.user, keys, shellOf(image)) }
}

/**
 * The same for user-data that cannot be read here, because it is made up in the guest: parts around it. A part with lists adds
 * to those that are there; what has to be as Mayfly says comes last, and replaces what is there.
 */
export async function withAccessAround(part: Part, guest: AccessNeeds, identity: SshIdentity): Promise<Part[]> {
  const { users, ssh_authorized_keys: keys, manage_etc_hosts, ...must } = withAccess({}, guest, identity)
  const lists = Object.fromEntries(Object.entries({ users, ssh_authorized_keys: keys }).filter(([, list]) => list))
  const config = async (values: CloudConfig) => ({ type: CLOUD_CONFIG, text: await renderCloudConfig(values) })
  return [
    await config({ manage_etc_hosts }),
    part,
    { ...(await config(lists)), mergeType: 'list(append)+dict(no_replace,recurse_array)+str()' },
    await config(must),
  ]
}

/** Public, or private and public: what a guest shows to who connects. */
export function hostKeys({ host }: SshIdentity): CloudConfig {
  return { ed25519_private: host.privateKey, ed25519_public: host.publicKey }
}

/** The host key that a cloud-config gives the guest, on one line. */
export function statedHostKey(config: CloudConfig): string | undefined {
  const { ed25519_public: line } = asRecord(config.ssh_keys)
  return typeof line === 'string' ? line.trim() : undefined
}

/** What decides how a guest is logged in to. */
export type AccessNeeds = Pick<Access, 'ssh'> & { image: object }

function withUser(own: unknown, name: string, keys: readonly string[], shell: string): unknown[] {
  const users = own === undefined ? ['default'] : listOfUsers(own)
  const isNamed = (user: unknown) => user === name || asRecord(user).name === name
  const given = asRecord(users.find((user) => isNamed(user)))
  const user = {
    name,
    sudo: 'ALL=(ALL) NOPASSWD:ALL',
    shell,
    lock_passwd: true,
    ...given,
    ssh_authorized_keys: [...asList(given.ssh_authorized_keys), ...keys],
  }
  return [...users.filter((other) => !isNamed(other)), user]
}

/** As cloud-init takes them: a list, names with commas between them, or what is said of each by its name. */
function listOfUsers(own: unknown): unknown[] {
  if (typeof own === 'string') return own.split(',').map((name) => name.trim())
  if (typeof own !== 'object' || own === null || Array.isArray(own)) return asList(own)
  return Object.entries(own).flatMap(([name, given]): unknown[] => {
    if (typeof given === 'object') return [{ ...asRecord(given), name }]
    return TRUE.has(String(given).toLowerCase()) ? [name] : []
  })
}

/** The shell of a user of an image: what these have from the start; the others have bash. */
export function shellOf(image: object): string {
  const name = 'catalogue' in image ? String(image.catalogue) : ''
  return /^(alpine|freebsd|cirros)/.test(name) ? '/bin/sh' : '/bin/bash'
}

function asRecord(value: unknown): CloudConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as CloudConfig) : {}
}

function asList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  return value === undefined || value === null ? [] : [value]
}

function invalid(what: string, details: readonly string[], cause?: unknown): MayflyError {
  return new MayflyError('MAYFLY_GUEST_INVALID', `cloudInit.userData cannot be read: ${what}`, {
    details,
    hint: 'Mayfly adds to it what it needs to log in. With `raw: true` it is passed through as it is.',
    cause,
  })
}
