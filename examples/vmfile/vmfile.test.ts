import { vmfile } from 'mayfly'
import { guestTest } from 'mayfly/vitest'
import { expect } from 'vitest'

const test = guestTest(vmfile<'web' | 'client'>(new URL('VMFile.kdl', import.meta.url)))

test('the machine is what its file says', async ({ web }) => {
  expect(await web.succeed('hostname')).toBe('www.example.org\n')
  await web.waitForOpenPort(80)
  expect(await web.readFile('/srv/site/index.html')).toBe('Hello from a VMFile\n')
})

test('its machines talk through a forwarded port', async ({ web, client }) => {
  const { port } = await web.forwardPort(80)
  expect(await client.succeed(`wget -q -O - http://10.0.2.2:${port}/`)).toBe('Hello from a VMFile\n')
})
