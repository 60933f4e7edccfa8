import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Downloader, type DownloadOptions } from './download.js'
import { type Answer, send, serve } from './testing/file-server.js'
import { type PrivateStore, privateStore } from './testing/private-store.js'
import { startProxy } from './testing/proxy.js'
import { SELF_SIGNED } from './testing/self-signed.js'

const BYTES = randomBytes(512 * 1024)
const sending: Answer = (request, response) => send(request, response, BYTES)

let cache: PrivateStore
beforeEach(async () => {
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy']) {
    vi.stubEnv(name, '')
    vi.stubEnv(name.toUpperCase(), '')
  }
  cache = await privateStore()
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.useRealTimers()
  await cache[Symbol.asyncDispose]()
})

async function expectDownload(url: string, options: Partial<DownloadOptions> = {}) {
  await using downloader = await Downloader.open({ ...cache.options, ...options })
  const target = join(cache.session.directory, 'disk')
  await downloader.download({ name: 'disk', url, target })
  expect((await readFile(target)).equals(BYTES)).toBe(true)
}

const portOf = (origin: string) => new URL(origin).port

describe('a proxy of the environment', () => {
  test('is asked for what is not encrypted by its whole address', async () => {
    await using server = await serve(sending)
    await using proxy = await startProxy()
    vi.stubEnv('http_proxy', proxy.url)
    const url = `http://images.test:${portOf(server.origin)}/disk`
    await expectDownload(url)
    expect(proxy.asked).toEqual([`GET ${url}`])
    expect(server.requests[0]?.headers.host).toBe(`images.test:${portOf(server.origin)}`)
  })

  test('makes a tunnel for what is', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await using server = await serve(sending, SELF_SIGNED)
    await using proxy = await startProxy()
    vi.stubEnv('https_proxy', proxy.url)
    await expectDownload(`https://images.test:${portOf(server.origin)}/disk`)
    expect(proxy.asked).toEqual([`CONNECT images.test:${portOf(server.origin)}`])
  })

  test('is not asked for the hosts of no_proxy', async () => {
    await using server = await serve(sending)
    await using proxy = await startProxy()
    vi.stubEnv('http_proxy', proxy.url)
    vi.stubEnv('no_proxy', 'example.org,127.0.0.1')
    await expectDownload(`${server.origin}/disk`)
    expect(proxy.asked).toEqual([])
  })

  test('does not hide that a server has stalled, with fake timers either', async () => {
    await using server = await serve((request, response, count) =>
      send(request, response, BYTES, count === 1 ? { stallAt: BYTES.length / 2 } : {}),
    )
    await using proxy = await startProxy()
    vi.stubEnv('http_proxy', proxy.url)
    vi.useFakeTimers()
    await expectDownload(`${server.origin}/disk`)
    expect(proxy.asked).toHaveLength(2)
  })

  test('that is not there is named as the reason', async () => {
    await using server = await serve(sending)
    vi.stubEnv('http_proxy', 'http://127.0.0.1:9')
    await expect(expectDownload(`${server.origin}/disk`)).rejects.toMatchObject({
      code: 'MAYFLY_DOWNLOAD_FAILED',
      details: [expect.stringContaining('ECONNREFUSED 127.0.0.1:9')],
    })
  })
})

test('a server that nobody vouches for is not believed, nor asked again', async () => {
  await using server = await serve(sending, SELF_SIGNED)
  await expect(expectDownload(`${server.origin}/disk`)).rejects.toMatchObject({
    code: 'MAYFLY_DOWNLOAD_FAILED',
    details: [expect.stringContaining('self-signed certificate')],
  })
  expect(server.requests).toEqual([])
})

test('a redirect from https to http is followed only when that is allowed', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  await using plain = await serve(sending)
  await using server = await serve((_, response) => {
    response.writeHead(302, { location: `${plain.origin}/disk` }).end()
  }, SELF_SIGNED)
  await expect(expectDownload(`${server.origin}/disk`)).rejects.toThrow('which is not encrypted')
  expect(plain.requests).toEqual([])
  await expectDownload(`${server.origin}/disk`, { insecureRedirects: true })
})
