import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { downloadKey } from './partial.js'
import { BYTES, EXPECTED, HALF, Place, sending, starts } from './testing/downloading.js'
import { send, serve, sha256Hex } from './testing/file-server.js'

const place = new Place()

describe('goes on where a connection has ended', () => {
  test('with the rest, if the file is still the same', async () => {
    await using server = await serve(sending({ dropAt: HALF - 1_000_000 }, { dropAt: HALF }, {}))
    await place.download(server)
    await place.expectDownloaded()
    expect(starts(server)).toEqual([0, expect.any(Number), HALF])
    expect(starts(server)[1]).toBeGreaterThan(0)
    expect(server.requests[1]?.headers['if-range']).toBe(`"${EXPECTED.hex.slice(0, 16)}"`)
  })

  test('also after one that stalls', async () => {
    await using server = await serve(sending({ stallAt: HALF }, {}))
    await place.download(server)
    await place.expectDownloaded()
    expect(server.requests).toHaveLength(2)
  })

  test('anew, if the server knows no ranges', async () => {
    await using server = await serve(sending({ dropAt: HALF }, { ignoreRange: true }))
    await place.download(server)
    await place.expectDownloaded()
  })

  test('anew, if it is another file now', async () => {
    const old = randomBytes(BYTES.length)
    await using server = await serve((request, response, count) =>
      count === 1 ? send(request, response, old, { dropAt: HALF }) : send(request, response, BYTES),
    )
    await place.download(server, {})
    await place.expectDownloaded()
  })

  test('anew, if a server gives the rest of another file without a word', async () => {
    const old = randomBytes(BYTES.length)
    // As one does that takes no notice of If-Range.
    await using server = await serve((request, response, count) => {
      delete request.headers['if-range']
      if (count === 1) send(request, response, old, { dropAt: HALF })
      else send(request, response, BYTES)
    })
    await place.download(server, {})
    await place.expectDownloaded()
    expect(server.requests).toHaveLength(3)
  })

  test('anew, if the pieces do not fit together', async () => {
    const old = randomBytes(BYTES.length)
    await using server = await serve((request, response, count) =>
      send(request, response, count === 1 ? old : BYTES, { etag: null, ...(count === 1 && { dropAt: HALF }) }),
    )
    await place.download(server)
    await place.expectDownloaded()
    expect(starts(server)).toEqual([0, HALF, 0])
  })

  test('anew, if nothing could tell whether the pieces fit', async () => {
    await using server = await serve(sending({ etag: 'W/"1"', dropAt: HALF }, { etag: 'W/"1"' }))
    await place.download(server, {})
    await place.expectDownloaded()
    expect(starts(server)).toEqual([0, 0])
  })

  test('of a process that is dead', async () => {
    await using server = await serve(
      sending({ dropAt: HALF }, { dropAt: HALF }, { dropAt: HALF }, { dropAt: HALF }, {}),
    )
    await expect(place.download(server)).rejects.toMatchObject({ code: 'MAYFLY_DOWNLOAD_FAILED' })
    expect(existsSync(place.target)).toBe(false)
    await place.download(server)
    await place.expectDownloaded()
    expect(starts(server).at(-1)).toBe(HALF)
  })

  test('of a process that died when it had all of it', async () => {
    await using server = await serve(sending({}))
    const url = `${server.origin}/image.img`
    const directory = join(place.cache.store.downloads, downloadKey(url))
    await mkdir(directory)
    await writeFile(join(directory, 'part'), BYTES)
    await writeFile(join(directory, 'state.json'), JSON.stringify({ url, from: url, totalBytes: BYTES.length }))
    await place.download(server)
    await place.expectDownloaded()
    expect(server.requests).toHaveLength(1)
  })

  test('not of so little that nobody could see whether it is compressed', async () => {
    const packed = gzipSync(BYTES)
    await using server = await serve((request, response) => send(request, response, packed))
    const url = `${server.origin}/image.img`
    const directory = join(place.cache.store.downloads, downloadKey(url))
    await mkdir(directory)
    await writeFile(join(directory, 'part'), packed.subarray(0, 1))
    await writeFile(join(directory, 'state.json'), JSON.stringify({ url, from: url, totalBytes: packed.length }))
    await place.download(server, { expected: { algorithm: 'sha256', hex: sha256Hex(packed) } })
    await place.expectDownloaded()
  })

  test('not of pieces that nobody can say anything of', async () => {
    await using server = await serve(sending({}))
    const directory = join(place.cache.store.downloads, downloadKey(`${server.origin}/image.img`))
    await mkdir(directory)
    await writeFile(join(directory, 'part'), BYTES.subarray(0, HALF))
    await writeFile(join(directory, 'state.json'), '{"url": "http')
    await place.download(server, {})
    await place.expectDownloaded()
    expect(server.requests[0]?.range).toBeUndefined()
  })
})
