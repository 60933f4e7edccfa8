import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { file, type Step, shell } from '../guest/steps.js'
import { findProcessesByEnvironment } from '../host/process-table.js'
import { contentOf } from '../image/file-content.js'
import { openStore } from '../image/store.js'
import { privateCache } from '../image/testing/private-cache.js'
import { writeSealed } from '../sealed-json.js'
import { closeSession, currentSession } from '../session/session.js'
import { SESSION_VARIABLE } from '../session/watchdog.js'
import { defineGuest } from '../vm/define-guest.js'
import { setup } from '../vm/setup.js'
import { collect } from './collect.js'
import { FILES } from './machine.js'
import { prepare } from './prepare.js'
import { inClone, leftovers, report, warm, web } from './testing/graph.js'

/** A step that adds a line to what a clone can show of its past. */
const step = (text: string): Step => shell(`echo ${text} >> /root/steps`)
const steps = (...texts: string[]) => web(...texts.map(step))
const past = 'cat /root/steps'

const templates = (cacheDir: string) => readdir(join(cacheDir, 'templates'))

test('what is before a changed step is not done again', async () => {
  const cacheDir = await privateCache()
  const first = await warm(steps('one', 'two', 'three', 'four', 'five'), cacheDir)
  expect(first.made).toHaveLength(6)
  expect(await inClone(first.prepared, past)).toBe('one\ntwo\nthree\nfour\nfive\n')

  const again = await warm(steps('one', 'two', 'three', 'four', 'five'), cacheDir)
  expect(again).toMatchObject({ made: [], cached: ['image micro', ...first.made] })

  const last = await warm(steps('one', 'two', 'three', 'four', 'other'), cacheDir)
  expect(last.made).toEqual(['shell echo other >> /root/steps'])
  expect(last.cached).toEqual(again.cached.slice(0, -1))
  expect(await inClone(last.prepared, past)).toBe('one\ntwo\nthree\nfour\nother\n')

  const middle = await warm(steps('one', 'two', 'other', 'four', 'five'), cacheDir)
  expect(middle.made.map((title) => title.split(' ')[2])).toEqual(['other', 'four', 'five'])
  expect(await inClone(middle.prepared, past)).toBe('one\ntwo\nother\nfour\nfive\n')
  // The others are not disturbed by what grew beside them.
  expect(await inClone(first.prepared, past)).toBe('one\ntwo\nthree\nfour\nfive\n')
  expect(await leftovers(cacheDir)).toEqual([])
})

test('a failing step shows its output, leaves no template, and keeps those before it', async () => {
  const cacheDir = await privateCache()
  const broken = web(step('one'), shell('echo to stdout; echo to stderr >&2; exit 3'), step('three'))
  const reported = report()
  await expect(prepare(broken, { cacheDir, progress: reported.progress })).rejects.toMatchObject({
    code: 'MAYFLY_COMMAND_FAILED',
    shortMessage: expect.stringContaining('exit code 3'),
    details: expect.arrayContaining(['to stdout', 'to stderr']),
  })
  expect(reported.made).toEqual(['boot web', 'shell echo one >> /root/steps'])
  expect(await templates(cacheDir)).toHaveLength(2)
  expect(await leftovers(cacheDir)).toEqual([])
  const mended = await warm(steps('one', 'two', 'three'), cacheDir)
  expect(mended.made.map((title) => title.split(' ')[2])).toEqual(['two', 'three'])
  expect(await inClone(mended.prepared, past)).toBe('one\ntwo\nthree\n')
})

test('a step is done again when a file that it copies changes, in a directory too', async () => {
  const cacheDir = await privateCache()
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-site-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  await mkdir(join(directory, 'site'))
  await writeFile(join(directory, 'conf'), 'port 80')
  await writeFile(join(directory, 'site/index'), 'hello')
  const guest = web(step('one'), file(join(directory, 'conf'), '/etc/conf'), file(join(directory, 'site'), '/srv'))
  const show = 'cat /etc/conf /srv/index'
  const first = await warm(guest, cacheDir)
  expect(await inClone(first.prepared, show)).toBe('port 80hello')
  await writeFile(join(directory, 'site/index'), 'bye')
  const second = await warm(guest, cacheDir)
  expect(second.made).toEqual(['file /srv'])
  expect(await inClone(second.prepared, show)).toBe('port 80bye')
  await writeFile(join(directory, 'conf'), 'port 8080')
  expect((await warm(guest, cacheDir)).made).toEqual(['file /etc/conf', 'file /srv'])
})

test('code sets up a machine that can be used, not stopped; its key decides whether it runs again', async () => {
  const cacheDir = await privateCache()
  const runs: string[] = []
  const guest = (provisionKey: string) =>
    defineGuest({
      name: 'web',
      image: 'micro',
      memory: '160MiB',
      provisionKey,
      provision: async (vm) => {
        runs.push(provisionKey)
        await vm.writeFile('/root/key', provisionKey)
        await vm.waitForFile('/root/key')
        for (const refused of [
          () => vm.reboot(),
          () => vm.shutdown(),
          () => vm.crash(),
          () => vm.suspend(),
          () => vm.checkpoint(),
          () => vm.fork(),
        ]) {
          await expect(refused()).rejects.toMatchObject({ code: 'MAYFLY_VM_STATE', message: /is being provisioned/ })
        }
      },
    })
  const first = await warm(guest('v1'), cacheDir)
  expect(await inClone(first.prepared, 'cat /root/key')).toBe('v1')
  expect((await warm(guest('v1'), cacheDir)).made).toEqual([])
  expect((await warm(guest('v2'), cacheDir)).made).toEqual(['setup v2'])
  expect(runs).toEqual(['v1', 'v2'])
})

test('code that fails, or ends its machine, says which step it was and leaves nothing', async () => {
  const cacheDir = await privateCache()
  await warm(web(), cacheDir)
  const failing = web(setup('v1', (vm) => vm.succeed('echo no such luck >&2; exit 5')))
  await expect(warm(failing, cacheDir)).rejects.toMatchObject({
    code: 'MAYFLY_COMMAND_FAILED',
    shortMessage: 'provision step failed: setup v1',
    details: expect.arrayContaining([expect.stringContaining('no such luck')]),
  })
  const rebooting = web(setup('v2', (vm) => vm.exec('reboot -f; sleep 60')))
  await expect(warm(rebooting, cacheDir)).rejects.toMatchObject({
    code: 'MAYFLY_QEMU_EXITED',
    details: expect.arrayContaining([expect.stringContaining('what is sealed must run on')]),
  })
  expect(await templates(cacheDir)).toHaveLength(1)
  expect(await leftovers(cacheDir)).toEqual([])
  const store = await openStore(cacheDir)
  expect((await currentSession(store)).owned).toEqual([])
})

test('QEMU killed in the middle of a step: told at once, and the next run goes on from there', async () => {
  const cacheDir = await privateCache()
  const slow = web(step('one'), shell('echo begun; sleep 300'))
  const { id } = await currentSession(await openStore(cacheDir))
  const kill = async () => {
    for (const pid of await findProcessesByEnvironment(SESSION_VARIABLE, id)) {
      if ((await readFile(`/proc/${pid}/comm`, 'utf8')).startsWith('qemu')) process.kill(pid, 'SIGKILL')
    }
  }
  const { progress } = report((line) => line === 'begun' && void kill())
  await expect(prepare(slow, { cacheDir, progress })).rejects.toMatchObject({ code: 'MAYFLY_QEMU_EXITED' })
  expect(await templates(cacheDir)).toHaveLength(2)
  expect(await leftovers(cacheDir)).toEqual([])
  expect((await warm(steps('one', 'two'), cacheDir)).made).toEqual(['shell echo two >> /root/steps'])
})

test('on a damaged template nothing is built: it is made again, and so is what stood on it', async () => {
  const cacheDir = await privateCache()
  const first = await warm(steps('one', 'two', 'three'), cacheDir)
  await truncate(first.prepared.template.layers[1]!.path, 1000)
  const again = await warm(steps('one', 'two', 'three'), cacheDir)
  expect(again.made.map((title) => title.split(' ')[2])).toEqual(['two', 'three'])
  expect(again.notes.join('\n')).toMatch(/stacked on is damaged: its file disk\.qcow2 has 1000 bytes/)
  expect(await inClone(again.prepared, past)).toBe('one\ntwo\nthree\n')
})

test('a template that only QEMU can see is damaged is made again when a step goes on from it', async () => {
  const cacheDir = await privateCache()
  const { prepared } = await warm(steps('one', 'two'), cacheDir)
  const { directory } = prepared.template
  const state = Buffer.alloc(100_000, 7)
  await writeFile(join(directory, FILES.state), state)
  const { manifest } = prepared.template
  const files = { ...manifest.files, [FILES.state]: await contentOf(join(directory, FILES.state)) }
  await writeSealed(join(directory, FILES.manifest), { ...manifest, files })
  const next = await warm(steps('one', 'two', 'three'), cacheDir)
  expect(next.made.map((title) => title.split(' ')[2])).toEqual(['two', 'three'])
  expect(next.notes.join('\n')).toContain('did not load and is made again')
  expect(await inClone(next.prepared, past)).toBe('one\ntwo\nthree\n')
})

test('a chain that grows deep is flattened: its last clone sees all of it, and needs none of the first templates', async () => {
  const cacheDir = await privateCache()
  // micro runs from memory; its disk is blank.
  const texts = Array.from({ length: 12 }, (_, index) => `step-${index}`)
  const onDisk = texts.map((text, index) =>
    shell(`echo ${text} >> /root/steps; printf ${text} | dd of=/dev/vda bs=1M seek=${index} conv=notrunc,fsync`),
  )
  const { prepared } = await warm(web(...onDisk), cacheDir)
  const { layers } = prepared.template
  expect(layers.length).toBeLessThan(8)
  const used = new Set(layers.map(({ path }) => path.split('/').at(-2)))
  for (const key of await templates(cacheDir)) {
    if (!used.has(key)) await rm(join(cacheDir, 'templates', key), { recursive: true })
  }
  const readBack = texts.map((_, index) => `dd if=/dev/vda bs=1M skip=${index} count=1 | head -c 7 | tr -d '\\0'; echo`)
  const seen = await inClone(prepared, `${past}; ${readBack.join('; ')}`)
  const shown = texts.map((text) => text.slice(0, 7))
  expect(seen.split('\n').filter(Boolean)).toEqual([...texts, ...shown])
  expect((await warm(web(...onDisk), cacheDir)).made).toEqual([])
})

test('a collector takes a chain from its end, and never what a live session stands on', async () => {
  const cacheDir = await privateCache()
  const used = await warm(steps('one', 'two'), cacheDir)
  const store = await openStore(cacheDir)
  expect((await collect(store, { all: true })).removed).toEqual([])
  // Another process's chain, which shares the boot and the first step.
  await closeSession(cacheDir)
  await warm(steps('one', 'other'), cacheDir)
  const { removed } = await collect(store, { all: true })
  expect(removed.map(({ directory }) => directory)).toEqual([used.prepared.template.directory])
  await closeSession(cacheDir)
  const { removed: rest } = await collect(store, { all: true })
  expect(rest.map(({ kind }) => kind)).toEqual(['template', 'template', 'template', 'image'])
  expect(await templates(cacheDir)).toEqual([])
})
