import { cpio } from '../image/cpio.js'
import type { SshIdentity } from '../ssh/identity.js'

/**
 * What makes a machine ours, as an archive that the kernel unpacks after the image's own initrd:
 * the only host key it will offer, the only key it will accept, its name.
 */
export function seedArchive(identity: SshIdentity, hostname: string): Buffer {
  const secret = 0o600
  return cpio([
    { path: 'mayfly', type: 'directory', mode: 0o700 },
    { path: 'mayfly/authorized_keys', type: 'file', mode: secret, content: `${identity.client.publicKey}\n` },
    { path: 'mayfly/ssh_host_ed25519_key', type: 'file', mode: secret, content: identity.host.privateKey },
    { path: 'mayfly/dropbear_ed25519_host_key', type: 'file', mode: secret, content: identity.host.dropbear },
    { path: 'mayfly/hostname', type: 'file', mode: 0o644, content: `${hostname}\n` },
  ])
}
