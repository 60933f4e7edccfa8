import { type CpioEntry, cpio, type MemoryFile } from '../image/cpio.js'
import type { SshIdentity } from '../ssh/identity.js'

/**
 * What makes a machine ours, as an archive that the kernel unpacks after the image's own initrd:
 * the only host key it will offer, the only keys it will accept, its name.
 */
export function seedArchive(identity: SshIdentity, hostname: string, otherKeys: readonly string[] = []): Buffer {
  const keys = [identity.client.publicKey, ...otherKeys]
  const accepted = { ...secret('authorized_keys'), content: keys.map((key) => `${key}\n`).join('') }
  return cpio([directory, accepted, ...hostFiles(identity.host, hostname)])
}

/** The same for a machine that others may log in to as before: another host key, another name. */
export function hostArchive(host: SshIdentity['host'], hostname: string): Buffer {
  return cpio([directory, ...hostFiles(host, hostname)])
}

const directory: CpioEntry & { type: 'directory' } = { path: 'mayfly', type: 'directory', mode: 0o700 }

function hostFiles(host: SshIdentity['host'], hostname: string): MemoryFile[] {
  return [
    { ...secret('ssh_host_ed25519_key'), content: host.privateKey },
    { ...secret('dropbear_ed25519_host_key'), content: host.dropbear },
    { path: 'mayfly/hostname', type: 'file', mode: 0o644, content: `${hostname}\n` },
  ]
}

function secret(name: string): { path: string; type: 'file'; mode: number } {
  return { path: `mayfly/${name}`, type: 'file', mode: 0o600 }
}
