import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Checksum } from './checksum.js'
import { Downloader, type DownloadOptions, type DownloadRequest } from './download.js'
import { downloadKey } from './partial.js'
import { type Answer, type FileServer, type SendOptions, send, serve, sha256Hex } from './testing/file-server.js'
import { type PrivateStore, privateStore } from './testing/private-store.js'

const BYTES = randomBytes(3 * 1024 * 1024 + 17)
const HALF = Math.floor(BYTES.length / 2)
const LOST = 256 * 1024
const EXPECTED: Checksum = { algorithm: 'sha256', hex: sha256Hex(BYTES) }

let cache: PrivateStore
let target: string
beforeEach(async () => {
  cache = await privateStore()
  target = join(cache.session.directory, 'disk')
})
afterEach(() => cache[Symbol.asyncDispose]())

/** Sends the file, the nth answer as the nth options have it, and the last of them from then on. */
const sending =
  (...answers: SendOptions[]): Answer =>
  (request, response, count) =>
    send(request, response, BYTES, answers[Math.min(count, answers.length) - 1])

async function download(
  server: FileServer,
  request: Partial<DownloadRequest> = { expected: EXPECTED },
  options: Partial<DownloadOptions> = {},
) {
  await using downloader = await Downloader.open({ ...cache.options, ...options })
  return await downloader.download({ name: 'image', url: `${server.origin}/image.img`, target, ...request })
}

/** Where each answer was asked to begin. What had come last when a connection broke may be lost with it. */
const starts = (server: FileServer) =>
  server.requests.map(({ range }) => {
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    return start > HALF - LOST && start <= HALF ? HALF : start
  })

const leftover = async () => (await readdir(cache.store.downloads)).length

async function expectDownloaded() {
  expect((await readFile(target)).equals(BYTES)).toBe(true)
  expect(await leftover()).toBe(0)
}

test('a file comes whole, with its checksum and what it can be known by', async () => {
  await using server = await serve(sending({}))
  const lines: string[] = []
  const progress = {
    step: <T>(title: string, work: (log: (line: string) => void) => Promise<T>) => {
      lines.push(title)
      return work((line) => lines.push(line))
    },
    cached: () => {},
    note: () => {},
  }
  const downloaded = await download(server, {}, { progress })
  expect(downloaded).toEqual({
    checksum: EXPECTED,
    digest: EXPECTED,
    validator: { etag: `"${EXPECTED.hex.slice(0, 16)}"`, lastModified: undefined },
  })
  await expectDownloaded()
  expect(lines[0]).toBe('download image')
  expect(lines[1]).toMatch(/^[\d.]+ [KM]iB of 3\.0 MiB \(\d+ %\)/)
})

describe('goes on where a connection has ended', () => {
  test('with the rest, if the file is still the same', async () => {
    await using server = await serve(sending({ dropAt: HALF - 1_000_000 }, { dropAt: HALF }, {}))
    await download(server)
    await expectDownloaded()
    expect(starts(server)).toEqual([0, expect.any(Number), HALF])
    expect(starts(server)[1]).toBeGreaterThan(0)
    expect(server.requests[1]?.headers['if-range']).toBe(`"${EXPECTED.hex.slice(0, 16)}"`)
  })

  test('also after one that stalls', async () => {
    await using server = await serve(sending({ stallAt: HALF }, {}))
    await download(server)
    await expectDownloaded()
    expect(server.requests).toHaveLength(2)
  })

  test('anew, if the server knows no ranges', async () => {
    await using server = await serve(sending({ dropAt: HALF }, { ignoreRange: true }))
    await download(server)
    await expectDownloaded()
  })

  test('anew, if it is another file now', async () => {
    const old = randomBytes(BYTES.length)
    await using server = await serve((request, response, count) =>
      count === 1 ? send(request, response, old, { dropAt: HALF }) : send(request, response, BYTES),
    )
    await download(server, {})
    await expectDownloaded()
  })

  test('anew, if a server gives the rest of another file without a word', async () => {
    const old = randomBytes(BYTES.length)
    // As one does that takes no notice of If-Range.
    await using server = await serve((request, response, count) => {
      delete request.headers['if-range']
      if (count === 1) send(request, response, old, { dropAt: HALF })
      else send(request, response, BYTES)
    })
    await download(server, {})
    await expectDownloaded()
    expect(server.requests).toHaveLength(3)
  })

  test('anew, if the pieces do not fit together', async () => {
    const old = randomBytes(BYTES.length)
    await using server = await serve((request, response, count) =>
      send(request, response, count === 1 ? old : BYTES, { etag: null, ...(count === 1 && { dropAt: HALF }) }),
    )
    await download(server)
    await expectDownloaded()
    expect(starts(server)).toEqual([0, HALF, 0])
  })

  test('anew, if nothing could tell whether the pieces fit', async () => {
    await using server = await serve(sending({ etag: 'W/"1"', dropAt: HALF }, { etag: 'W/"1"' }))
    await download(server, {})
    await expectDownloaded()
    expect(starts(server)).toEqual([0, 0])
  })

  test('of a process that is dead', async () => {
    await using server = await serve(
      sending({ dropAt: HALF }, { dropAt: HALF }, { dropAt: HALF }, { dropAt: HALF }, {}),
    )
    await expect(download(server)).rejects.toMatchObject({ code: 'MAYFLY_DOWNLOAD_FAILED' })
    expect(existsSync(target)).toBe(false)
    await download(server)
    await expectDownloaded()
    expect(starts(server).at(-1)).toBe(HALF)
  })

  test('of a process that died when it had all of it', async () => {
    await using server = await serve(sending({}))
    const url = `${server.origin}/image.img`
    const directory = join(cache.store.downloads, downloadKey(url))
    await mkdir(directory)
    await writeFile(join(directory, 'part'), BYTES)
    await writeFile(join(directory, 'state.json'), JSON.stringify({ url, from: url, totalBytes: BYTES.length }))
    await download(server)
    await expectDownloaded()
    expect(server.requests).toHaveLength(1)
  })

  test('not of pieces that nobody can say anything of', async () => {
    await using server = await serve(sending({}))
    const directory = join(cache.store.downloads, downloadKey(`${server.origin}/image.img`))
    await mkdir(directory)
    await writeFile(join(directory, 'part'), BYTES.subarray(0, HALF))
    await writeFile(join(directory, 'state.json'), '{"url": "http')
    await download(server, {})
    await expectDownloaded()
    expect(server.requests[0]?.range).toBeUndefined()
  })
})

describe('is not taken in', () => {
  test('by a wrong checksum, of which nothing is kept', async () => {
    await using server = await serve((request, response) => send(request, response, randomBytes(1000)))
    await expect(download(server)).rejects.toMatchObject({
      code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH',
      details: [`expected sha256 ${EXPECTED.hex}`, expect.stringMatching(/^received sha256 [0-9a-f]{64}, 1000 bytes$/)],
    })
    expect(server.requests).toHaveLength(1)
    expect(existsSync(target)).toBe(false)
    const [left] = await readdir(cache.store.downloads)
    expect(await readFile(join(cache.store.downloads, left!, 'part'))).toHaveLength(0)
  })

  test.each(['without', 'with'])('by a server that sends less than it says, %s a checksum', async (has) => {
    await using server = await serve(sending({ dropAt: HALF, ignoreRange: true }))
    await expect(download(server, has === 'with' ? {} : { expected: undefined })).rejects.toMatchObject({
      code: 'MAYFLY_DOWNLOAD_FAILED',
    })
    expect(server.requests).toHaveLength(4)
    expect(existsSync(target)).toBe(false)
  })

  test('by a server that sends more than it says', async () => {
    await using server = await serve((_, response) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${BYTES.toString('latin1')}`, 'latin1')
    })
    await expect(download(server)).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH' })
    expect(existsSync(target)).toBe(false)
  })

  test('by a web page', async () => {
    await using server = await serve(sending({ contentType: 'text/html; charset=utf-8' }))
    await expect(download(server, {})).rejects.toThrow('is a web page, not an image')
  })
})

describe('tries again', () => {
  test.each([429, 503])('after %i, when the server says', async (status) => {
    let asked = 0
    await using server = await serve((request, response, count) => {
      if (count > 1) return send(request, response, BYTES)
      asked = performance.now()
      response.writeHead(status, { 'retry-after': '1' }).end()
    })
    await download(server)
    await expectDownloaded()
    expect(performance.now() - asked).toBeGreaterThan(950)
  })

  test('but does not wait for longer than anybody would', async () => {
    await using server = await serve((_, response) => response.writeHead(429, { 'retry-after': '86400' }).end())
    await expect(download(server)).rejects.toThrow('status 429')
    expect(server.requests).toHaveLength(1)
  })

  test('when the server throws it out, and gives up in the end', async () => {
    await using server = await serve((_, response) => response.socket?.resetAndDestroy())
    await expect(download(server)).rejects.toMatchObject({ code: 'MAYFLY_DOWNLOAD_FAILED' })
    expect(server.requests).toHaveLength(4)
  })

  test.each([404, 403, 401])('never after %i', async (status) => {
    await using server = await serve((_, response) => response.writeHead(status).end('no'))
    await expect(download(server)).rejects.toMatchObject({
      code: 'MAYFLY_DOWNLOAD_FAILED',
      details: [`${server.origin}/image.img answered with status ${status}`],
    })
    expect(server.requests).toHaveLength(1)
  })
})

describe('redirects', () => {
  const redirecting =
    (location: (path: string) => string): Answer =>
    (request, response) =>
      request.url === '/end'
        ? send(request, response, BYTES)
        : response.writeHead(302, { location: location(request.url!) }).end()

  test('are followed, relative ones too', async () => {
    await using server = await serve(redirecting((path) => (path === '/image.img' ? 'next' : '/end')))
    await download(server)
    await expectDownloaded()
    expect(server.requests.map(({ path }) => path)).toEqual(['/image.img', '/next', '/end'])
  })

  test.each([
    ['in a circle', 'image.img', 'was redirected more than 10 times'],
    ['to another protocol', 'file:///etc/passwd', 'not an http or https address'],
    ['to nowhere', 'http://', 'not an http or https address'],
  ])('%s end', async (_, location, why) => {
    await using server = await serve(redirecting(() => location))
    await expect(download(server)).rejects.toThrow(why)
  })

  test('the login of one server is not told another', async () => {
    await using other = await serve(sending({}))
    await using server = await serve(redirecting(() => `${other.origin}/end`))
    const url = server.origin.replace('://', '://user:p%40ss@')
    await download(server, { expected: EXPECTED, url: `${url}/image.img` })
    await expectDownloaded()
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`)
    expect(other.requests[0]?.headers.authorization).toBeUndefined()
  })
})

describe('unpacks', () => {
  test.each([
    ['zstd', ['-q']],
    ['xz', ['-0']],
    ['gzip', ['-1']],
    ['bzip2', []],
  ] as const)('%s while it comes, also in pieces', async (tool, args) => {
    const plain = BYTES.subarray(0, 1_200_000)
    const packed = Buffer.from((await execa(tool, [...args, '-c'], { input: plain, encoding: 'buffer' })).stdout)
    const middle = Math.floor(packed.length / 2)
    await using server = await serve((request, response, count) =>
      send(request, response, packed, count === 1 ? { dropAt: middle } : {}),
    )
    const expected: Checksum = { algorithm: 'sha256', hex: sha256Hex(packed) }
    expect(await download(server, { expected })).toMatchObject({
      checksum: expected,
      digest: { algorithm: 'sha256', hex: sha256Hex(plain) },
    })
    expect((await readFile(target)).equals(plain)).toBe(true)
    expect(await leftover()).toBe(0)
    expect(server.requests).toHaveLength(2)
  })

  test('not what is damaged, checksum or none', async () => {
    const packed = gzipSync(BYTES)
    packed.fill(0, 1000, 2000)
    await using server = await serve((request, response) => send(request, response, packed))
    await expect(download(server, {})).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CORRUPT' })
    await expect(download(server)).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH' })
    expect(existsSync(join(cache.store.downloads, downloadKey(`${server.origin}/image.img`), 'part'))).toBe(true)
    expect(starts(server)).toEqual([0, 0])
  })
})

test('what the server has not changed is not downloaded again', async () => {
  await using server = await serve(sending({}))
  const { validator } = (await download(server))!
  expect(await download(server, { unless: validator })).toBeUndefined()
  expect(await leftover()).toBe(0)
})

test('an abort ends it at once, and what has come stays', async () => {
  await using server = await serve(sending({ stallAt: HALF }, {}))
  const abort = new AbortController()
  const progress = {
    ...cache.options.progress,
    step: <T>(_: string, work: (log: (line: string) => void) => Promise<T>) => work(() => abort.abort()),
  }
  const running = download(server, {}, { progress, signal: abort.signal, stallMs: 60_000 })
  await expect(running).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  await download(server)
  await expectDownloaded()
  expect(starts(server)[1]).toBeGreaterThan(0)
})
