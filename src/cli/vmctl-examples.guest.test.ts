import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultCacheDir } from '../image/store.js'
import { type PrivateData, privateData } from '../machines/testing/private-data.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

const EXAMPLES = fileURLToPath(new URL('../../fixtures/vmfiles/vmctl/', import.meta.url))
/** Others are brought up elsewhere: the full one in `up.guest.test.ts`, bridges in `tap.guest.test.ts`, user-data in `cloud-disk.guest.test.ts`. */
const NAMES = [
  'quick-start',
  'taste',
  'declarative',
  'vm-block',
  'webserver',
  'multi-stage',
  'multi-vm',
  'omnios-builder',
]

/** micro has root alone, no package manager and no compiler, and needs less memory. */
const SWAPS: [RegExp, string][] = [
  [/image-url "[^"]*"/g, 'image "micro"'],
  [/memory \d+/g, 'memory 128'],
  [/user "\w+"/g, 'user "root"'],
  [/sudo apt-get update && sudo apt-get install -y/g, 'echo installed'],
  [/sudo tee \/var\/www\/html/g, 'tee /srv'],
  [/&& make"/g, '&& sh ./make"'],
]

let built: BuiltPackage
let place: PrivateData
beforeAll(async () => {
  built = await buildPackage()
  place = await privateData(defaultCacheDir())
  const texts = await Promise.all(NAMES.map((name) => readFile(join(EXAMPLES, `${name}.kdl`), 'utf8')))
  const swapped = SWAPS.reduce((text, [pattern, ours]) => text.replace(pattern, ours), texts.join('\n'))
  await writeFile(join(place.root, 'VMFile.kdl'), swapped)
  const files: Record<string, string> = {
    'src/make': 'echo made > /tmp/result\n',
    'scripts/bootstrap-omnios.sh': '#!/bin/sh\necho bootstrapped\n',
    'scripts/install-forger.sh': '#!/bin/sh\ntar tzf /tmp/forger-src.tar.gz\n',
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(place.root, path, '..'), { recursive: true })
    await writeFile(join(place.root, path), text)
  }
  await execa('tar', ['-C', place.root, '-czf', join(place.root, 'src.tar.gz'), 'src'])
  await execa('cp', [join(place.root, 'src.tar.gz'), join(place.root, 'scripts/forger-src.tar.gz')])
}, 60_000)
afterAll(async () => {
  await place[Symbol.asyncDispose]()
  await built[Symbol.asyncDispose]()
})

const mayfly = async (...args: string[]) =>
  (await execa(process.execPath, [built.main, ...args], { cwd: place.root, env: place.env })).stdout
const provisioned = (name: string) => mayfly('log', name, '--provision')

test("the examples of vmctl's documentation come up, set up as they say", async () => {
  const up = JSON.parse(await mayfly('up', '--json'))
  expect(up.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`)).toEqual(
    ['demo', 'dev', 'myvm', 'dev-server', 'webserver', 'builder', 'web', 'db', 'omnios-builder'].map(
      (name) => `${name} running`,
    ),
  )
  expect(await mayfly('exec', 'dev-server', '--', 'hostname; nproc; cat /sys/block/vda/size')).toBe(
    `dev-server\n2\n${(20 * 1024 ** 3) / 512}`,
  )
  expect(await provisioned('myvm')).toMatch(/^hello$/m)
  expect(await provisioned('db')).toContain('installed postgresql')
  expect(await mayfly('ssh', '--name', 'webserver', 'cat', '/srv/index.html')).toBe('Hello from vmctl!')
  expect(await mayfly('exec', 'builder', '--', 'cat', '/tmp/result')).toBe('made')
  expect(await provisioned('omnios-builder')).toMatch(/bootstrapped[\s\S]*src\/make/)
  await mayfly('down', '--destroy')
  expect(await mayfly('list', '--quiet')).toBe('')
})
