import { randomBytes } from 'node:crypto'
import { MayflyError } from '../errors.js'
import type { QmpClient } from './qmp.js'

/** QEMU's working directory is the machine's own, so that its socket has a short name there, whatever the path is. */
const SOCKET = 'vnc.sock'
/** RFC 6143, 7.2.2: the password is the key of a cipher that takes eight bytes; further ones count for nothing. */
const PASSWORD_LENGTH = 8
/** unix(7): what a client can give as an address, without the NUL at its end. */
const LONGEST_PATH = 107

/** A new password, as long as VNC's can be. */
export function newPassword(): string {
  return randomBytes(6).toString('base64url')
}

/**
 * @returns the path of the socket in `directory`.
 * @throws MayflyError MAYFLY_OPTION_INVALID for a password that VNC would not take as it is, MAYFLY_CACHE_UNUSABLE if the path would be too long.
 */
export function vncSocket(directory: string, password: string): string {
  assertPassword(password)
  const path = `${directory}/${SOCKET}`
  const length = Buffer.byteLength(path)
  if (length <= LONGEST_PATH) return path
  throw new MayflyError(
    'MAYFLY_CACHE_UNUSABLE',
    `the path of the VNC socket has ${length} bytes, and no program takes more than ${LONGEST_PATH}`,
    {
      details: [path],
      hint: 'Set MAYFLY_CACHE_DIR to a shorter path.',
    },
  )
}

/** @throws MayflyError MAYFLY_OPTION_INVALID for a password that VNC would not take as it is. */
export function assertPassword(password: string): void {
  if (!/^[\x21-\x7e]{1,8}$/.test(password)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `VNC cannot take a password of ${password.length} such characters`, {
      hint: `Give 1 to ${PASSWORD_LENGTH} printable ASCII characters, which is all that VNC looks at; or none, for a new one.`,
    })
  }
}

/** Lets QEMU serve VNC at the socket in its working directory, to those who have the password. */
export async function serveVnc(qmp: QmpClient, password: string): Promise<void> {
  // First: while there is none, nobody is let in.
  await qmp.execute('set_password', { protocol: 'vnc', password })
  await qmp.execute('display-update', { type: 'vnc', addresses: [{ type: 'unix', path: SOCKET }] })
}

/** A display's number counts from here. */
const FIRST_PORT = 5900
const LAST_PORT = 5999

/** The same at a TCP port of the loopback interface: the one that is given, or the first that is free. @returns the port. */
export async function serveVncOnLoopback(qmp: QmpClient, password: string, port?: number): Promise<number> {
  await qmp.execute('set_password', { protocol: 'vnc', password })
  const ports = port === undefined ? { port: `${FIRST_PORT}`, to: LAST_PORT } : { port: `${port}` }
  await qmp.execute('display-update', { type: 'vnc', addresses: [{ type: 'inet', host: '127.0.0.1', ...ports }] })
  const [server] = (await qmp.execute('query-vnc-servers')).flatMap((display) => display.server)
  return Number(server!.service)
}
