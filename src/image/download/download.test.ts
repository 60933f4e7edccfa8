import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { execa } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import type { Checksum } from './checksum.js'
import { Downloader } from './download.js'
import { downloadKey } from './partial.js'
import { BYTES, EXPECTED, HALF, Place, sending, starts } from './testing/downloading.js'
import { type Answer, send, serve, sha256Hex } from './testing/file-server.js'

const place = new Place()

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
  const downloaded = await place.download(server, {}, { progress })
  expect(downloaded).toEqual({
    checksum: EXPECTED,
    digest: EXPECTED,
    validator: { etag: `"${EXPECTED.hex.slice(0, 16)}"`, lastModified: undefined },
  })
  await place.expectDownloaded()
  expect(lines[0]).toBe('download image')
  expect(lines[1]).toMatch(/^[\d.]+ [KM]iB of 3\.0 MiB \(\d+ %\)/)
})

describe('is not taken in', () => {
  test('by a wrong checksum, of which nothing is kept', async () => {
    await using server = await serve((request, response) => send(request, response, randomBytes(1000)))
    await expect(place.download(server)).rejects.toMatchObject({
      code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH',
      details: [`expected sha256 ${EXPECTED.hex}`, expect.stringMatching(/^received sha256 [0-9a-f]{64}, 1000 bytes$/)],
    })
    expect(server.requests).toHaveLength(1)
    expect(existsSync(place.target)).toBe(false)
    const [left] = await readdir(place.cache.store.downloads)
    expect(await readFile(join(place.cache.store.downloads, left!, 'part'))).toHaveLength(0)
  })

  test.each(['without', 'with'])('by a server that sends less than it says, %s a checksum', async (has) => {
    await using server = await serve(sending({ dropAt: HALF, ignoreRange: true }))
    await expect(place.download(server, has === 'with' ? {} : { expected: undefined })).rejects.toMatchObject({
      code: 'MAYFLY_DOWNLOAD_FAILED',
    })
    expect(server.requests).toHaveLength(4)
    expect(existsSync(place.target)).toBe(false)
  })

  test('by a server that sends more than it says', async () => {
    await using server = await serve((_, response) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${BYTES.toString('latin1')}`, 'latin1')
    })
    await expect(place.download(server)).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH' })
    expect(existsSync(place.target)).toBe(false)
  })

  test('by a web page', async () => {
    await using server = await serve(sending({ contentType: 'text/html; charset=utf-8' }))
    await expect(place.download(server, {})).rejects.toThrow('is a web page, not an image')
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
    await place.download(server)
    await place.expectDownloaded()
    expect(performance.now() - asked).toBeGreaterThan(950)
  })

  test('but does not wait for longer than anybody would', async () => {
    await using server = await serve((_, response) => response.writeHead(429, { 'retry-after': '86400' }).end())
    await expect(place.download(server)).rejects.toThrow('status 429')
    expect(server.requests).toHaveLength(1)
  })

  test('when the server throws it out, and gives up in the end', async () => {
    await using server = await serve((_, response) => response.socket?.resetAndDestroy())
    await expect(place.download(server)).rejects.toMatchObject({ code: 'MAYFLY_DOWNLOAD_FAILED' })
    expect(server.requests).toHaveLength(4)
  })

  test.each([404, 403, 401])('never after %i', async (status) => {
    await using server = await serve((_, response) => response.writeHead(status).end('no'))
    await expect(place.download(server)).rejects.toMatchObject({
      code: 'MAYFLY_DOWNLOAD_FAILED',
      details: [`${server.origin}/image.img answered with status ${status}`],
      hint: expect.stringContaining('is the address right?'),
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
    await place.download(server)
    await place.expectDownloaded()
    expect(server.requests.map(({ path }) => path)).toEqual(['/image.img', '/next', '/end'])
  })

  test.each([
    ['in a circle', 'image.img', 'was redirected more than 10 times'],
    ['to another protocol', 'file:///etc/passwd', 'not an http or https address'],
    ['to nowhere', 'http://', 'not an http or https address'],
  ])('%s end', async (_, location, why) => {
    await using server = await serve(redirecting(() => location))
    await expect(place.download(server)).rejects.toThrow(why)
  })

  test('the login of one server is not told another', async () => {
    await using other = await serve(sending({}))
    await using server = await serve(redirecting(() => `${other.origin}/end`))
    const url = server.origin.replace('://', '://user:p%40ss@')
    await place.download(server, { expected: EXPECTED, url: `${url}/image.img` })
    await place.expectDownloaded()
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`)
    expect(other.requests[0]?.headers.authorization).toBeUndefined()
  })

  test('the login goes on to another address of the same server, and is not written down', async () => {
    await using server = await serve((request, response) =>
      request.url === '/end'
        ? send(request, response, BYTES, { dropAt: HALF })
        : response.writeHead(302, { location: `http://${request.headers.host}/end` }).end(),
    )
    const url = `${server.origin.replace('://', '://user:100%@')}/image.img`
    const persistence = { attempts: 1, backoffMs: 1, patienceMs: 1 }
    await expect(place.download(server, { expected: EXPECTED, url }, { persistence })).rejects.toThrow('could not')
    const login = `Basic ${Buffer.from('user:100%').toString('base64')}`
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([login, login])
    const state = await readFile(join(place.cache.store.downloads, downloadKey(url), 'state.json'), 'utf8')
    expect(state).not.toContain('100%')
  })
})

test('a checksum file that ends early is asked for again', async () => {
  const sums = Buffer.from(`${EXPECTED.hex}  image.img\n`)
  await using server = await serve((request, response, count) =>
    send(request, response, sums, count === 1 ? { dropAt: 10 } : {}),
  )
  await using downloader = await Downloader.open(place.cache.options)
  const found = await downloader.publishedChecksum(`${server.origin}/SHA256SUMS`, `${server.origin}/image.img`)
  expect(found).toEqual(EXPECTED)
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
    expect(await place.download(server, { expected })).toMatchObject({
      checksum: expected,
      digest: { algorithm: 'sha256', hex: sha256Hex(plain) },
    })
    expect((await readFile(place.target)).equals(plain)).toBe(true)
    expect(await place.leftover()).toBe(0)
    expect(server.requests).toHaveLength(2)
  })

  test('not without the program for it, which is no failure of the network', async () => {
    await using server = await serve((request, response) => send(request, response, gzipSync(BYTES)))
    vi.stubEnv('PATH', '/nonexistent')
    try {
      await expect(place.download(server, {})).rejects.toMatchObject({ code: 'MAYFLY_TOOL_MISSING' })
    } finally {
      vi.unstubAllEnvs()
    }
    expect(server.requests).toHaveLength(1)
  })

  test('not what is damaged, checksum or none', async () => {
    const packed = gzipSync(BYTES)
    packed.fill(0, 1000, 2000)
    await using server = await serve((request, response) => send(request, response, packed))
    await expect(place.download(server, {})).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CORRUPT' })
    await expect(place.download(server)).rejects.toMatchObject({ code: 'MAYFLY_IMAGE_CHECKSUM_MISMATCH' })
    expect(existsSync(join(place.cache.store.downloads, downloadKey(`${server.origin}/image.img`), 'part'))).toBe(true)
    expect(starts(server)).toEqual([0, 0])
  })
})

test('what the server has not changed is not downloaded again', async () => {
  await using server = await serve(sending({}))
  const { validator } = (await place.download(server))!
  expect(await place.download(server, { unless: validator })).toBeUndefined()
  expect(await place.leftover()).toBe(0)
})

test('an abort ends it at once, and what has come stays', async () => {
  await using server = await serve(sending({ stallAt: HALF }, {}))
  const abort = new AbortController()
  const progress = {
    ...place.cache.options.progress,
    step: <T>(_: string, work: (log: (line: string) => void) => Promise<T>) => work(() => abort.abort()),
  }
  const running = place.download(server, {}, { progress, signal: abort.signal, stallMs: 60_000 })
  await expect(running).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  await place.download(server)
  await place.expectDownloaded()
  expect(starts(server)[1]).toBeGreaterThan(0)
})
