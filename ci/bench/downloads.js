// @ts-check
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { silent } from '../../dist/host/progress.js'
import { Downloader } from '../../dist/image/download/download.js'
import { openStore } from '../../dist/image/store.js'
import { Session } from '../../dist/session/session.js'
import { row } from './row.js'
import { interleave, stopwatch } from './statistics.js'

const MIB = 1024 ** 2
const PACKED_MIB = 200

export const downloadRowName = `image: download, verify and unpack ${PACKED_MIB} MiB`

/**
 * An image from a server of this host, unpacked and with the digests of both, against the usual tools side by side in a pipeline.
 * @param {import('./main.js').Bench} bench
 */
export async function benchDownload({ repeat, progress }) {
  progress(downloadRowName)
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-bench-'))
  let closeServer = async () => {}
  try {
    const packed = await makePacked(directory)
    const hex = createHash('sha256')
      .update(await readFile(packed))
      .digest('hex')
    const server = await serve(packed)
    closeServer = server.close
    let round = 0
    const contestants = {
      ours: async () => {
        const root = join(directory, `store-${round++}`)
        const store = await openStore(root)
        const session = await Session.open(store)
        const downloader = await Downloader.open({ store, workshop: session, progress: silent })
        const expected = { algorithm: /** @type {const} */ ('sha256'), hex }
        const request = { name: 'disk', url: server.url, expected, target: join(root, 'disk') }
        const ms = await stopwatch(() => downloader.download(request))
        await downloader[Symbol.asyncDispose]()
        await session.close()
        await rm(root, { recursive: true })
        return ms
      },
      tools: async () => {
        const script = `curl -sS "$0" | tee >(sha256sum > "$1.sum") | zstd -dcq > "$1" && wait $! && grep -q ${hex} "$1.sum"`
        const ms = await stopwatch(() =>
          execa('bash', ['-o', 'pipefail', '-c', script, server.url, join(directory, 'out')]),
        )
        await rm(join(directory, 'out'))
        return ms
      },
    }
    const { ours, tools } = await interleave(Math.max(3, repeat), contestants, progress)
    // At least 0.9 of their throughput.
    const target = 'ratio <= 1.11'
    return [
      row({
        name: downloadRowName,
        unit: 'ms',
        value: ours,
        floor: tools,
        target,
        note: 'curl | tee >(sha256sum) | zstd -d',
      }),
    ]
  } finally {
    await closeServer()
    await rm(directory, { recursive: true, force: true })
  }
}

/**
 * A raw disk, half of which nothing can pack, packed by zstd.
 * @param {string} directory
 */
async function makePacked(directory) {
  const disk = join(directory, 'disk')
  const file = await open(disk, 'w')
  const same = randomBytes(MIB)
  for (let index = 0; index < PACKED_MIB; index++) {
    await file.appendFile(randomBytes(MIB))
    await file.appendFile(same)
  }
  await file.close()
  await execa('zstd', ['-q', '-1', '--rm', disk, '-o', `${disk}.zst`])
  return `${disk}.zst`
}

/** In a process of its own, so that it takes no time of those who are measured. Prints its port. */
const SERVER = `
  const { createReadStream, statSync } = require('node:fs')
  const path = process.argv[1]
  const server = require('node:http').createServer((_, response) => {
    response.writeHead(200, { 'content-length': statSync(path).size })
    createReadStream(path, { highWaterMark: 1024 * 1024 }).pipe(response)
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))`

/** @param {string} path */
async function serve(path) {
  const child = spawn(process.execPath, ['-e', SERVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = await once(child.stdout.setEncoding('utf8'), 'data')
  return {
    url: `http://127.0.0.1:${String(port).trim()}/disk.zst`,
    close: async () => {
      child.kill()
      await once(child, 'exit')
    },
  }
}
