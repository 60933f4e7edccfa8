import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { silent } from '../host/progress.js'
import { embeddedImage } from '../image/reference.js'
import { resolveImage } from '../image/resolve.js'
import { openHarness } from '../session/harness.js'
import { guestTest } from '../vitest/index.js'
import { launch } from '../vm/launch.js'
import { vmfile } from './vmfile.js'

const test = guestTest(
  vmfile<'web' | 'db1' | 'deb'>(new URL('../../fixtures/vmfiles/guests/VMFile.kdl', import.meta.url)),
)

test('every machine of a VMFile is a fixture, set up as it says', async ({ web, db1 }) => {
  expect(await web.succeed('cat /root/order')).toBe('manipulated\nscript welcome\ninline')
  expect(await web.succeed('hostname; nproc; cat /srv/site/index.html')).toBe('www.example.org\n2\nHello from a VMFile')
  const memory = async (vm: typeof web) =>
    Number(await vm.succeed("awk '/MemTotal/ { print $2 }' /proc/meminfo")) / 1024
  expect(await memory(web)).toBeGreaterThan(192)
  expect(await memory(db1)).toBeLessThan(192)
  expect(await db1.succeed('hostname')).toBe('db-1')
  expect((await db1.screenshot()).length).toBeGreaterThan(0)
})

test('root has the password', async ({ deb }) => {
  const check = `perl -e '$hash = (getpwnam "root")[1]; print crypt($ARGV[0], $hash) eq $hash ? "right" : "wrong"'`
  expect(await deb.succeed(`${check} "it's s3cret"; ${check} other`)).toBe('rightwrong')
})

test('a kernel of the host boots with its initrd and command line', async () => {
  const { store, session } = await openHarness()
  const { kernel, initrd } = await resolveImage(embeddedImage('micro'), { store, workshop: session, progress: silent })
  const project = await mkdtemp(join(tmpdir(), 'mayfly-vmfile-'))
  onTestFinished(() => rm(project, { recursive: true }))
  const path = join(project, 'VMFile.kdl')
  writeFileSync(path, `vm "own" { kernel "${kernel}"; initrd "${initrd}"; cmdline "own=1"; memory 256; }`)
  await using vm = await launch(vmfile(path).own!)
  expect(await vm.succeed('hostname; cat /proc/cmdline')).toMatch(/^own\n.* own=1$/)
})
