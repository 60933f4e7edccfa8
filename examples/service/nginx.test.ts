import { fileURLToPath } from 'node:url'
import { defineGuest, file, packages, shell } from 'mayfly'
import { guestTest } from 'mayfly/vitest'
import { expect } from 'vitest'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

// Installed once, sealed, and resumed for every test.
const web = defineGuest({
  name: 'web',
  image: 'debian',
  provision: [
    packages('nginx-light'),
    file(here('site.conf'), '/etc/nginx/sites-enabled/default'),
    shell('systemctl restart nginx'),
  ],
})

const test = guestTest(web)

test('serves its page', async ({ vm }) => {
  await vm.waitForUnit('nginx')
  await vm.waitForOpenPort(80)
  const { host, port } = await vm.forwardPort(80)
  const response = await fetch(`http://${host}:${port}/`)
  expect(await response.text()).toBe('served by web\n')
})

test('refuses a broken configuration, and goes on serving', async ({ vm }) => {
  await vm.writeFile('/etc/nginx/sites-enabled/broken', 'server { listen nowhere; }')
  const { stderr } = await vm.fail('nginx -t')
  expect(stderr).toContain('nowhere')
  await vm.fail('systemctl reload nginx')
  await vm.waitForUnit('nginx')
})

test('comes back after a crash of the process', async ({ vm }) => {
  await vm.succeed('mkdir -p /etc/systemd/system/nginx.service.d')
  await vm.writeFile('/etc/systemd/system/nginx.service.d/restart.conf', '[Service]\nRestart=on-failure\n')
  await vm.succeed('systemctl daemon-reload && kill -KILL "$(cat /run/nginx.pid)"')
  await vm.waitForUnit('nginx')
  await vm.waitForOpenPort(80)
})
