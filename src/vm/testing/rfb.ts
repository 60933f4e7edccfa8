import { createCipheriv } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What a VNC server says of itself to a client that it has let in. */
export interface RfbServer {
  width: number
  height: number
  name: string
}

/**
 * A client of the remote framebuffer protocol, up to the server's description of its screen; RFC 6143, 7.1 to 7.3.
 * @throws an Error with the server's reason if it refuses the password.
 */
export async function connectVnc(address: string | number, password: string): Promise<RfbServer> {
  const socket = typeof address === 'string' ? connect(address) : connect(address, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return await handshake(socket, new Reader(socket), password)
  } finally {
    socket.destroy()
  }
}

const VNC_AUTHENTICATION = 2

async function handshake(socket: Socket, reader: Reader, password: string): Promise<RfbServer> {
  const version = (await reader.take(12)).toString()
  if (version !== 'RFB 003.008\n') throw new Error(`the server speaks ${JSON.stringify(version)}`)
  socket.write(version)
  const types = await reader.take((await reader.take(1))[0]!)
  if (!types.equals(Buffer.from([VNC_AUTHENTICATION]))) throw new Error(`it offers ${types.toString('hex')}`)
  socket.write(types)
  socket.write(answer(await reader.take(16), password))
  if ((await reader.take(4)).readUInt32BE() !== 0) {
    throw new Error((await reader.take((await reader.take(4)).readUInt32BE())).toString())
  }
  socket.write(Buffer.from([1]))
  const screen = await reader.take(24)
  const name = (await reader.take(screen.readUInt32BE(20))).toString()
  return { width: screen.readUInt16BE(0), height: screen.readUInt16BE(2), name }
}

/** The challenge, encrypted by DES with the password as its key, the bits of each byte the other way round. */
function answer(challenge: Buffer, password: string): Buffer {
  const key = Buffer.alloc(8)
  Buffer.from(password).copy(key, 0, 0, 8)
  const reversed = key.map((byte) => Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2))
  // Three times the same key is plain DES, which OpenSSL no longer has by itself.
  const cipher = createCipheriv('des-ede3', Buffer.concat([reversed, reversed, reversed]), null).setAutoPadding(false)
  return Buffer.concat([cipher.update(challenge), cipher.final()])
}

class Reader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]()
  }

  async take(length: number): Promise<Buffer> {
    while (this.#rest.length < length) {
      const { value, done } = await this.#chunks.next()
      if (done) throw new Error(`the server hung up after ${this.#rest.length} of ${length} bytes`)
      this.#rest = Buffer.concat([this.#rest, value])
    }
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }
}
