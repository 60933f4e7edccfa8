import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
}, 60_000)
afterAll(() => built[Symbol.asyncDispose]())

let project: string
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'mayfly-up-'))
  onTestFinished(() => rm(project, { recursive: true }))
  await writeFile(join(project, 'VMFile.kdl'), 'vm "web" { image "micro"; }\nvm "db" { image "micro"; memory 1024; }\n')
})

function mayfly(args: string[], env: Record<string, string> = {}, cwd = project) {
  return execa(process.execPath, [built.main, ...args], {
    cwd,
    env: { XDG_DATA_HOME: join(project, 'data'), MAYFLY_CACHE_DIR: join(project, 'cache'), ...env },
    reject: false,
  })
}

/** A machine that is off, as far as its record goes. */
async function made(name: string, vmfile?: string): Promise<void> {
  const directory = join(project, 'data/mayfly/machines', name)
  await mkdir(directory, { recursive: true })
  const record = {
    format: 1,
    name,
    createdAt: new Date().toISOString(),
    guest: defineGuest({ name, image: 'micro' }),
    image: { name: 'micro', digest: 'sha256:0', dir: '/nowhere' },
    cacheDir: join(project, 'cache'),
    machineType: 'q35',
    hostKey: 'ssh-ed25519 A',
    agent: true,
    starts: 0,
    vmfile,
  }
  await writeFile(join(directory, 'machine.json'), JSON.stringify(record))
}

test('machines that are not there are not brought down, and names may be cut short', async () => {
  expect(await mayfly(['down'])).toMatchObject({
    exitCode: 0,
    stderr: '',
    stdout: 'web  is not there\ndb   is not there',
  })
  expect((await mayfly(['down', 'w'])).stdout).toBe('web  is not there')
  expect((await mayfly(['down', '--name', 'db', '--name', 'web'])).stdout).toMatch(/^web .*\ndb /)
  expect(JSON.parse((await mayfly(['down', 'd', '--destroy', '--json'])).stdout)).toEqual([
    { name: 'db', state: null, did: ['is not there'], ms: expect.any(Number) },
  ])
})

test('the VMFile is the nearest one above, or the one that is named', async () => {
  const below = join(project, 'src/deep')
  await mkdir(below, { recursive: true })
  expect((await mayfly(['down', 'web'], {}, below)).stdout).toBe('web  is not there')
  await writeFile(join(below, 'other.kdl'), 'vm "cache" { image "micro"; }')
  expect((await mayfly(['down', '-f', 'src/deep/other.kdl'])).stdout).toBe('cache  is not there')
  const none = await mayfly(['up'], {}, tmpdir())
  expect(none).toMatchObject({ exitCode: 2, stdout: '' })
  expect(none.stderr).toContain('there is no VMFile.kdl here, nor in a directory above')
  expect(none.stderr).toContain('--file')
})

test('a wrong name suggests, and a wrong file says where, before anything is done', async () => {
  const typo = await mayfly(['up', 'wep'])
  expect(typo).toMatchObject({ exitCode: 2, stdout: '' })
  expect(typo.stderr).toContain('VMFile.kdl has no machine "wep"')
  expect(typo.stderr).toContain('Did you mean web?')
  await writeFile(join(project, 'VMFile.kdl'), 'vm "web" { image "micro"; packages "curl"; }')
  const wrong = await mayfly(['reload'])
  expect(wrong.exitCode).toBe(2)
  expect(wrong.stderr).toContain('VMFile.kdl:1:27: error: this version of Mayfly cannot install packages in micro')
})

test('machines of others are left alone', async () => {
  await made('web', '/elsewhere/VMFile.kdl')
  await made('db')
  const { exitCode, stdout, stderr } = await mayfly(['down', '--destroy'])
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: 'web  failed\ndb   failed' })
  expect(stderr).toContain('web: there is another machine web, which was made from /elsewhere/VMFile.kdl')
  expect(stderr).toContain('db: there is another machine db, which was made by mayfly create')
  expect((await mayfly(['reload', 'web'])).exitCode).not.toBe(0)
})

test('of its own, one that is off is said to be so, or destroyed', async () => {
  await made('web', join(project, 'VMFile.kdl'))
  expect((await mayfly(['down', 'web', '--timeout', '5'])).stdout).toBe('web  was stopped already')
  expect(await mayfly(['down', '--timeout', 'soon'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('not a duration'),
  })
  const provisioned = await mayfly(['provision', 'db'])
  expect(provisioned).toMatchObject({ exitCode: 1, stdout: 'db  failed' })
  expect(provisioned.stderr).toContain('db: it has not been made yet')
  expect((await mayfly(['down', '--destroy'])).stdout).toBe('web  destroyed\ndb   is not there')
})

test('a VMFile is the same by whatever path it is called', async () => {
  const link = `${project}-link`
  await symlink(project, link)
  onTestFinished(() => rm(link))
  await made('web', join(link, 'VMFile.kdl'))
  expect((await mayfly(['down', 'web'])).stdout).toBe('web  was stopped already')
  expect((await mayfly(['status'])).stdout).toMatch(/^Name +web$/m)
  expect((await mayfly(['down', '--file', join(link, 'VMFile.kdl'), 'web'])).exitCode).toBe(0)
})

test('nothing is destroyed for the sake of an image that cannot be had', async () => {
  await made('web', join(project, 'VMFile.kdl'))
  const server = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/none.img`
  await writeFile(join(project, 'VMFile.kdl'), `vm "web" { image-url "${url}"; }`)
  const { exitCode, stderr } = await mayfly(['reload'])
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^mayfly: web: could not download [\s\S]*status 404/)
  expect((await mayfly(['down'])).stdout).toBe('web  was stopped already')
})

test('machines for which there is no memory are refused, one by one', async () => {
  await made('db', join(project, 'VMFile.kdl'))
  const { exitCode, stderr } = await mayfly(['up', 'db'], { MAYFLY_MEMORY_BUDGET: '512MiB' })
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/db: it wants 1\.0 GiB of memory, and 512 MiB are left/)
})
