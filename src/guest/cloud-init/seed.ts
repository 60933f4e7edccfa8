import { createHash } from 'node:crypto'
import { MayflyError } from '../../errors.js'
import type { SshIdentity } from '../../ssh/identity.js'
import type { CloudInit } from '../access.js'
import type { Guest } from '../spec.js'
import { bootHook } from './boot-hook.js'
import {
  type CloudConfig,
  hostKeys,
  isCloudConfig,
  parseCloudConfig,
  renderCloudConfig,
  statedHostKey,
  withAccess,
  withAccessAround,
} from './cloud-config.js'
import { iso9660 } from './iso9660.js'
import { fromFirstLine, multipart, typeOf } from './multipart.js'

/** A guest that is set up by cloud-init. */
export type Seeded = Pick<Guest, 'image' | 'hostname' | 'ssh'> & { cloudInit: CloudInit }

/**
 * What cloud-init finds on a disk of its own (its data source NoCloud), by names of files.
 * @throws MayflyError MAYFLY_GUEST_INVALID for user-data that nothing can be added to.
 */
export async function seedFiles(guest: Seeded, identity: SshIdentity): Promise<Record<string, string>> {
  const { cloudInit, hostname, ssh } = guest
  const { networkConfig, raw } = cloudInit
  // Another one for each template, so that a disk which has been set up before is set up again.
  const instance = createHash('sha256').update(identity.client.publicKey).digest('hex').slice(0, 16)
  const metaData = {
    'instance-id': `mayfly-${instance}`,
    'local-hostname': hostname,
    ...(raw && ssh.privateKey === undefined ? { 'public-keys': [identity.client.publicKey] } : {}),
  }
  return {
    'meta-data': `${JSON.stringify(metaData, null, 2)}\n`,
    'user-data': raw ? await rawText(cloudInit) : await merged(guest, identity),
    'vendor-data': await vendorData(raw, identity),
    ...(networkConfig === undefined ? {} : { 'network-config': asText(networkConfig) }),
  }
}

/** The same as the disk's bytes. */
export async function seedDisk(guest: Seeded, identity: SshIdentity): Promise<Buffer> {
  return iso9660('cidata', await seedFiles(guest, identity))
}

/** The host key that user-data gives its guest, if it does: the one to expect then. */
export async function hostKeyIn({ userData }: CloudInit): Promise<string | undefined> {
  if (typeof userData !== 'string') return userData && statedHostKey(userData)
  return isCloudConfig(userData) ? statedHostKey(await parseCloudConfig(userData)) : undefined
}

async function merged(guest: Seeded, identity: SshIdentity): Promise<string> {
  const { userData = {} } = guest.cloudInit
  if (typeof userData !== 'string') return await renderCloudConfig(withAccess(userData, guest, identity))
  if (isCloudConfig(userData)) {
    return await renderCloudConfig(withAccess(await parseCloudConfig(userData), guest, identity))
  }
  const type = typeOf(userData)
  if (type === undefined) {
    throw new MayflyError('MAYFLY_GUEST_INVALID', 'cloudInit.userData is of no kind that Mayfly knows', {
      details: [`it begins with ${JSON.stringify(userData.split('\n')[0]!.slice(0, 60))}`],
      hint: userData.startsWith('\x1f')
        ? 'It is compressed: give its text, as with gunzipSync(readFileSync(path)).toString().'
        : 'A cloud-config begins with #cloud-config, a script with #!. With `raw: true` anything is passed through as it is.',
    })
  }
  return multipart(await withAccessAround({ type, text: fromFirstLine(userData) }, guest, identity))
}

async function rawText({ userData = '' }: CloudInit): Promise<string> {
  return typeof userData === 'string' ? userData : await renderCloudConfig(userData)
}

/** What is no business of the user-data: that wins where both say something. */
async function vendorData(raw: boolean, identity: SshIdentity): Promise<string> {
  const hook = await bootHook()
  if (!raw) return hook
  const config: CloudConfig = { manage_etc_hosts: 'localhost', ssh_keys: hostKeys(identity) }
  return multipart([
    { type: 'text/cloud-boothook', text: hook },
    { type: 'text/cloud-config', text: await renderCloudConfig(config) },
  ])
}

function asText(document: string | CloudConfig): string {
  return typeof document === 'string' ? document : `${JSON.stringify(document, null, 2)}\n`
}
