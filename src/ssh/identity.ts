import { generateKeyPairSync, randomBytes } from 'node:crypto'

/** The two ed25519 key pairs of one guest: who Mayfly is, and who the guest is. */
export interface SshIdentity {
  /** Logs in: the private key stays on the host, the public key goes to the guest's authorized_keys. */
  client: { privateKey: string; publicKey: string }
  /** Proves the guest: both halves go into the guest, the public key is pinned. `dropbear` is the same private key in dropbear's file format. */
  host: { privateKey: string; publicKey: string; dropbear: Buffer }
}

const TYPE = 'ssh-ed25519'

/**
 * New key pairs for a guest. Private keys are OPENSSH PEM text, public keys one authorized_keys line each.
 * @param comment ends both public key lines; it must not contain a line break.
 */
export function generateIdentity(comment: string): SshIdentity {
  const client = generateEd25519()
  const host = generateEd25519()
  return {
    client: { privateKey: opensshPrivateKey(client, comment), publicKey: publicKeyLine(client, comment) },
    host: {
      privateKey: opensshPrivateKey(host, comment),
      publicKey: publicKeyLine(host, comment),
      // dropbear, src/ed25519.c: the key type, then seed and public key as one string.
      dropbear: Buffer.concat([sshString(TYPE), sshString(Buffer.concat([host.seed, host.point]))]),
    },
  }
}

/** The raw key blob of a public key line, which is what the wire carries. Undefined if the line is none. */
export function publicKeyBlob(line: string): Buffer | undefined {
  const blob = Buffer.from(line.trim().split(/\s+/)[1] ?? '', 'base64')
  return blob.length > 4 ? blob : undefined
}

/** The algorithm name (`ssh-ed25519`, ...) inside a key blob. */
export function keyTypeOf(blob: Buffer): string {
  return blob.toString('latin1', 4, 4 + blob.readUInt32BE(0))
}

interface Ed25519 {
  seed: Buffer
  point: Buffer
}

function generateEd25519(): Ed25519 {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return { seed: Buffer.from(d!, 'base64url'), point: Buffer.from(x!, 'base64url') }
}

function publicBlob(key: Ed25519): Buffer {
  return Buffer.concat([sshString(TYPE), sshString(key.point)])
}

function publicKeyLine(key: Ed25519, comment: string): string {
  return `${TYPE} ${publicBlob(key).toString('base64')} ${comment}`
}

/** The openssh-key-v1 container, unencrypted; see PROTOCOL.key in OpenSSH's source. */
function opensshPrivateKey(key: Ed25519, comment: string): string {
  const check = randomBytes(4)
  const secret = Buffer.concat([
    check,
    check,
    publicBlob(key),
    sshString(Buffer.concat([key.seed, key.point])),
    sshString(comment),
  ])
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1))
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0', 'latin1'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    Buffer.from([0, 0, 0, 1]),
    sshString(publicBlob(key)),
    sshString(Buffer.concat([secret, padding])),
  ])
  const lines = body.toString('base64').match(/.{1,70}/g)!
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

function sshString(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}
