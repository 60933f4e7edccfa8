import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { pullUrl } from '../pull.js'
import { BYTES, Place } from './testing/downloading.js'
import { type Answer, serve, sha256Hex } from './testing/file-server.js'

const place = new Place()

/** What a download from a server ends with that answers so; it may try again once. */
async function failure(answer: Answer, checksum?: { url: string }): Promise<{ code: string; message: string }> {
  await using server = await serve(answer)
  const source = {
    name: 'disk',
    url: `${server.origin}/disk.img`,
    checksum: checksum && { url: `${server.origin}${checksum.url}` },
  }
  const persistence = { attempts: 2, backoffMs: 1, patienceMs: 1 }
  return await pullUrl(source, { ...place.cache.options, persistence }).then(
    () => Promise.reject(new Error('it was downloaded')),
    (error: { code: string; message: string }) => error,
  )
}

/** Answers with these headers, which may be there twice. */
const answering =
  (status: number, headers: [string, string][], body: Buffer = BYTES): Answer =>
  (_, response) => {
    response.writeHead(status, headers.flat())
    response.end(body)
  }

describe('an answer to what was not asked is told as what it is', () => {
  test.each<[string, Answer, RegExp]>([
    [
      '304 without a condition',
      (_, response) => void response.writeHead(304).end(),
      /answered with status 304, "not modified"/,
    ],
    ['204', (_, response) => void response.writeHead(204).end(), /answered with status 204/],
    ['300', answering(300, []), /answered with status 300/],
    [
      '206 without a range',
      answering(206, [['content-range', `bytes 0-9/${BYTES.length}`]]),
      /answered with status 206/,
    ],
    ['416 without a range', answering(416, [['content-range', `bytes */${BYTES.length}`]]), /answered with status 416/],
    ['an encoding', answering(200, [['content-encoding', 'gzip']], gzipSync(BYTES)), /Content-Encoding gzip, which/],
    [
      'two encodings',
      answering(200, [
        ['content-encoding', 'gzip'],
        ['Content-Encoding', 'br'],
      ]),
      /Content-Encoding gzip, br, which/,
    ],
    ['a redirect to itself', answering(302, [['location', '/disk.img']]), /redirected more than 10 times/],
    ['a redirect to a file', answering(302, [['location', 'file:///etc/passwd']]), /not an http or https address/],
    ['a length that is too long', answering(200, [['content-length', `${BYTES.length + 1}`]]), /disk\.img: /],
  ])('%s', async (_, answer, message) => {
    expect(await failure(answer)).toMatchObject({
      code: 'MAYFLY_DOWNLOAD_FAILED',
      message: expect.stringMatching(message),
    })
  })

  test('an encoding of a checksum file', async () => {
    const answer: Answer = (request, response) =>
      answering(200, [['content-encoding', 'gzip']], gzipSync(sha256Hex(BYTES)))(request, response, 1)
    const { message } = await failure(answer, { url: '/SUMS' })
    expect(message).toMatch(/SUMS is sent with Content-Encoding gzip/)
  })

  test('a checksum file without an end', async () => {
    const answer: Answer = (_, response) => {
      const more = () => {
        while (response.write(BYTES));
        response.once('drain', more)
      }
      more()
    }
    expect((await failure(answer, { url: '/SUMS' })).message).toMatch(/is too large for a checksum file/)
  })
})

test('a file that is compressed on the server and announced so is taken as it is', async () => {
  const packed = gzipSync(BYTES)
  await using server = await serve(answering(200, [['content-encoding', 'x-gzip']], packed))
  expect(await place.download(server, { url: `${server.origin}/disk.img.gz` })).toMatchObject({
    checksum: { hex: sha256Hex(packed) },
    digest: { hex: sha256Hex(BYTES) },
  })
})

test.each([
  ['a name that does not resolve', 'http://mayfly-test.invalid/disk.img', /cannot resolve the server's name/],
  ['a port that refuses connections', 'http://127.0.0.1:9/disk.img', /set https_proxy or MAYFLY_IMAGE_MIRRORS/],
])('%s is not told as a server that was reached', async (_, url, hint) => {
  const persistence = { attempts: 1, backoffMs: 1, patienceMs: 1 }
  await expect(pullUrl({ name: 'disk', url }, { ...place.cache.options, persistence })).rejects.toMatchObject({
    code: 'MAYFLY_DOWNLOAD_FAILED',
    hint: expect.stringMatching(hint),
    message: expect.not.stringContaining('The server was reached'),
  })
})

test('a server that speaks another language is told with its address', async () => {
  const server = createServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const persistence = { attempts: 1, backoffMs: 1, patienceMs: 1 }
  const url = `http://127.0.0.1:${port}/disk.img`
  await expect(pullUrl({ name: 'disk', url }, { ...place.cache.options, persistence })).rejects.toMatchObject({
    code: 'MAYFLY_DOWNLOAD_FAILED',
    message: expect.stringContaining(url),
  })
})
