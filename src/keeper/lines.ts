import type { Socket } from 'node:net'

const NEWLINE = 10

/** The first line of what a socket brings. What follows stays in it: whoever reads that lets it go on with `resume`. */
export function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      const end = bytes.indexOf(NEWLINE)
      if (end < 0) return
      socket.off('data', onData)
      socket.pause()
      if (end + 1 < bytes.length) socket.unshift(bytes.subarray(end + 1))
      resolve(bytes.toString('utf8', 0, end))
    }
    socket.on('data', onData)
    socket.once('close', () => reject(new Error('the connection ended before it said what it is for')))
  })
}

export function sendLine(socket: Socket, message: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`)
}

/** Calls `onMessage` with each line of JSON. */
export function onLines(socket: Socket, onMessage: (message: unknown) => void): void {
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) onMessage(JSON.parse(line))
  })
  socket.resume()
}
