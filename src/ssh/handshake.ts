import { connect as connectTcp, type Socket } from 'node:net'
import type { CipherAlgorithm, Client, KexAlgorithm, ServerHostKeyAlgorithm } from 'ssh2'
import { errnoOf, messageOf } from '../errors.js'
import { clearTimeout, setTimeout } from '../node-globals.js'
import { keyTypeOf, publicKeyBlob } from './identity.js'
import { signAtOnce } from './ssh2-internals.js'

/** How long a connection may be silent before the server is asked whether it is there. */
export const KEEPALIVE_MS = 30_000

export interface SshTarget {
  host: string
  port: number
  username: string
  /** OPENSSH PEM text, unencrypted. */
  privateKey: string
  /** The one public key line the server may show. */
  hostKey: string
  /** In order of preference; see `DEFAULT_CIPHERS`. */
  ciphers?: readonly string[] | undefined
  /** Milliseconds without traffic after which the server is asked for a sign of life; 0 never asks. Default 30,000. */
  keepaliveMs?: number | undefined
}

/** AES-GCM needs no separate MAC. dropbear has none; in an emulated CPU ChaCha20 moves 1.7 times what AES-CTR with SHA-2 does. */
export const DEFAULT_CIPHERS = [
  'aes128-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes256-gcm@openssh.com',
  'aes256-ctr',
] as const

/** `wrong-machine` and `refused-login` do not get better by trying again. */
export type HandshakeFailureKind = 'unreachable' | 'wrong-machine' | 'refused-login' | 'timeout' | 'aborted' | 'invalid'

export class HandshakeFailure extends Error {
  readonly kind: HandshakeFailureKind

  constructor(kind: HandshakeFailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
  }
}

export interface HandshakeOptions {
  timeoutMs: number
  signal?: AbortSignal | undefined
  /** The server's first bytes have arrived. */
  onBanner?: (() => void) | undefined
}

export interface LoggedIn {
  client: Client
  /** What it speaks over, if that is ours. */
  socket?: Socket
  /** How the server names its software: `OpenSSH_9.2p1 Debian-2`, `dropbear_2022.83`, ... */
  software: string
}

/** One TCP connection, one key exchange, one login. @throws HandshakeFailure */
export async function handshake(target: SshTarget, options: HandshakeOptions): Promise<LoggedIn> {
  const pinned = publicKeyBlob(target.hostKey)
  if (!pinned) throw new HandshakeFailure('invalid', 'the pinned host key is not a public key line')
  // ssh2 costs some 35 ms to load, so programs that never connect do not load it.
  const { Client } = (await import('ssh2')).default
  options.signal?.throwIfAborted()

  const client = new Client()
  const socket = connectTcp({ host: target.host, port: target.port, noDelay: true })
  let failure: HandshakeFailure | undefined
  let software = ''
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (next: HandshakeFailure) => {
        failure ??= next
        reject(failure)
      }
      client.once('ready', resolve)
      client.on('error', (error) => fail(classify(error)))
      client.once('close', () => fail(new HandshakeFailure('unreachable', 'the connection was closed')))
      const timer = setTimeout(
        () => fail(new HandshakeFailure('timeout', `no login after ${options.timeoutMs} ms`)),
        options.timeoutMs,
      )
      const onAbort = () => fail(new HandshakeFailure('aborted', 'aborted', options.signal?.reason))
      options.signal?.addEventListener('abort', onAbort, { once: true })
      const settled = () => {
        clearTimeout(timer)
        options.signal?.removeEventListener('abort', onAbort)
      }
      client.once('ready', settled)
      client.once('close', settled)
      client.connect({
        sock: socket,
        username: target.username,
        privateKey: target.privateKey,
        // Without this list ssh2 first asks for a login without a key, which is one round trip for nothing.
        authHandler: ['publickey'],
        readyTimeout: 0,
        keepaliveInterval: 0,
        algorithms: {
          kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'] satisfies KexAlgorithm[],
          serverHostKey: [keyTypeOf(pinned) as ServerHostKeyAlgorithm],
          cipher: [...(target.ciphers ?? DEFAULT_CIPHERS)] as CipherAlgorithm[],
          compress: ['none'],
        },
        hostVerifier: (shown: Buffer) => {
          if (shown.equals(pinned)) return true
          failure = new HandshakeFailure('wrong-machine', 'the host key is not the pinned one')
          return false
        },
      })
      signAtOnce(client)
      // After connect(), which has paused the socket: a listener now does not start the flow.
      socket.once('data', (chunk: Buffer) => {
        software = /^SSH-[\d.]+-(.*)/m.exec(chunk.toString('latin1'))?.[1]?.trim() ?? ''
        options.onBanner?.()
      })
    })
  } catch (thrown) {
    // A late error on a dying socket must not become an uncaught one.
    client.on('error', () => {})
    socket.destroy()
    throw thrown instanceof HandshakeFailure ? thrown : new HandshakeFailure('invalid', messageOf(thrown), thrown)
  }
  return { client, socket, software }
}

function classify(error: Error & { level?: string | undefined }): HandshakeFailure {
  if (error.level === 'client-authentication') {
    return new HandshakeFailure('refused-login', 'the server does not accept the key for this user', error)
  }
  // A server that cannot show a key of the pinned type cannot be the pinned one.
  if (/no matching host key format|no matching server host key/i.test(error.message)) {
    return new HandshakeFailure('wrong-machine', error.message, error)
  }
  const errno = errnoOf(error)
  const code = typeof errno === 'string' && !error.message.includes(errno) ? ` (${errno})` : ''
  return new HandshakeFailure('unreachable', `${error.message}${code}`, error)
}
