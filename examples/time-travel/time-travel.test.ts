import { fileURLToPath } from 'node:url'
import { type Checkpoint, defineGuest, file, packages, shell, type Vm } from 'mayfly'
import { guestTest } from 'mayfly/vitest'
import { expect } from 'vitest'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

// The first step is that of examples/service, whose template this one goes on from.
const web = defineGuest({
  name: 'web',
  image: 'debian',
  provision: [
    packages('nginx-light'),
    file(here('site.conf'), '/etc/nginx/sites-enabled/default'),
    file(here('site'), '/srv/site'),
    shell('ln -s 1.0 /srv/site/current && systemctl restart nginx'),
  ],
})

// One machine for the file; every test begins with the same moment of it.
const test = guestTest(web, { scope: 'file' })
let ready: Checkpoint | undefined

test.beforeEach(async ({ vm }) => {
  ready ??= await setUp(vm)
  await vm.restore(ready)
})

async function setUp(vm: Vm): Promise<Checkpoint> {
  await vm.waitForUnit('nginx')
  await vm.waitForOpenPort(80)
  await vm.writeFile('/run/ready', 'only in memory\n')
  return await vm.checkpoint('nginx serves')
}

async function page(vm: Vm): Promise<string> {
  const { host, port } = await vm.forwardPort(80)
  const response = await fetch(`http://${host}:${port}/`)
  return response.ok ? await response.text() : `${response.status}`
}

test('without its files the service has nothing to serve', async ({ vm }) => {
  await vm.succeed('rm -r /srv/site')
  expect(await page(vm)).toBe('404')
})

test('without its process it does not serve', async ({ vm }) => {
  await vm.succeed('kill -KILL "$(cat /run/nginx.pid)"')
  await vm.waitForClosedPort(80)
  await expect(page(vm)).rejects.toThrow('fetch failed')
})

test('its files and its process are back, and what lay in memory', async ({ vm }) => {
  expect(await page(vm)).toBe('version 1.0\n')
  await vm.waitForUnit('nginx')
  expect(await vm.readFile('/run/ready')).toBe('only in memory\n')
})

test('a fork is upgraded while its parent serves on', async ({ vm }) => {
  const [trial] = await vm.fork()
  await trial.succeed('ln -sfn 2.0 /srv/site/current && systemctl reload nginx')
  expect(await page(trial)).toBe('version 2.0\n')
  expect(await page(vm)).toBe('version 1.0\n')
})
