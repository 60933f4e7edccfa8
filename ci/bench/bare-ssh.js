// @ts-check
import { connect } from 'node:net'
import ssh2 from 'ssh2'

/**
 * @typedef {{ privateKey: string, hostKey: Buffer }} Keys the client's private key, and the blob the server must show
 */

/**
 * One handshake with what Mayfly offers too, and TCP_NODELAY.
 * @param {number} port
 * @param {Keys} keys
 * @param {number} [readyTimeout] ms; default none
 * @returns {Promise<ssh2.Client>}
 */
export function login(port, { privateKey, hostKey }, readyTimeout = 0) {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    client.once('ready', () => resolve(client))
    client.on('error', reject)
    client.once('close', () => reject(new Error('closed')))
    client.connect({
      sock: connect({ host: '127.0.0.1', port, noDelay: true }),
      username: 'root',
      privateKey,
      authHandler: ['publickey'],
      readyTimeout,
      algorithms: {
        kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'],
        serverHostKey: ['ssh-ed25519'],
        cipher: ['aes128-gcm@openssh.com', 'aes128-ctr', 'chacha20-poly1305@openssh.com'],
        compress: ['none'],
      },
      hostVerifier: (/** @type {Buffer} */ shown) => shown.equals(hostKey),
    })
  })
}

/**
 * One command to its end: the channel's close, after which there is no more output.
 * @param {ssh2.Client} client
 * @param {string} command
 * @returns {Promise<string>} its stdout
 */
export function run(client, command) {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error)
      let stdout = ''
      channel.on('data', (/** @type {Buffer} */ chunk) => {
        stdout += chunk
      })
      channel.stderr.resume()
      channel.on('close', (/** @type {number} */ code) =>
        code === 0 ? resolve(stdout) : reject(new Error(`${command}: ${code}`)),
      )
    })
  })
}
