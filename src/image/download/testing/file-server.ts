import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** Answers the `count`th request of all, counted from 1. */
export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

export interface FileServer extends AsyncDisposable {
  /** Such as `http://127.0.0.1:1234`. */
  origin: string
  /** What was asked for, in order: path, and the range if one was given. */
  requests: { path: string; range: string | undefined; headers: IncomingMessage['headers'] }[]
}

/** A real HTTP server that answers as it is told. */
export async function serve(answer: Answer, tls?: { key: string; cert: string }): Promise<FileServer> {
  const requests: FileServer['requests'] = []
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    requests.push({ path: request.url!, range: request.headers.range, headers: request.headers })
    // Those that it throws out are meant to be thrown out.
    response.on('error', () => {})
    answer(request, response, requests.length)
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface SendOptions {
  /** Default: a strong one made of the bytes; null for none. */
  etag?: string | null
  /** Closes the connection after so many bytes of the file, counted from its beginning. */
  dropAt?: number
  /** Sends nothing more after so many bytes, and leaves the connection open. */
  stallAt?: number
  ignoreRange?: boolean
  contentType?: string
}

/** Answers as a good server does, byte ranges and conditions included, or worse as far as it is told. */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  options: SendOptions = {},
): void {
  const { etag = `"${sha256Hex(bytes).slice(0, 16)}"`, dropAt, stallAt, ignoreRange = false, contentType } = options
  const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = request.headers
  if (etag !== null) response.setHeader('etag', etag)
  if (contentType) response.setHeader('content-type', contentType)
  if (etag !== null && ifNoneMatch === etag) {
    response.writeHead(304).end()
    return
  }
  const asked = /^bytes=(\d+)-$/.exec(range ?? '')
  let start = 0
  if (asked && !ignoreRange && (ifRange === undefined || ifRange === etag)) {
    start = Number(asked[1])
    if (start >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end()
      return
    }
    response.writeHead(206, {
      'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
      'content-length': bytes.length - start,
    })
  } else response.writeHead(200, { 'content-length': bytes.length })
  const end = dropAt ?? stallAt ?? bytes.length
  response.write(bytes.subarray(start, end), () => {
    if (dropAt !== undefined) response.socket?.destroy()
    else if (stallAt === undefined) response.end()
  })
}

export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
