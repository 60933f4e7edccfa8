import { guestTest } from 'mayfly/vitest'
import { expect } from 'vitest'

/** The host, as every guest sees it. */
const HOST = '10.0.2.2'

const test = guestTest({ server: 'micro', client: 'micro' })

test('one machine serves, another one asks', async ({ server, client }) => {
  await server.succeed('echo "from the server" > /srv/index.html && httpd -p 8080 -h /srv')
  await server.waitForOpenPort(8080)
  const { port } = await server.forwardPort(8080)
  expect(await client.succeed(`wget -q -O - http://${HOST}:${port}/`)).toBe('from the server\n')
})

test('the client is told when the server is gone', async ({ server, client }) => {
  const { port } = await server.forwardPort(8080)
  await server.crash()
  await client.fail(`wget -q -O - http://${HOST}:${port}/`)
})

test('a test that names one machine starts one', async ({ client }) => {
  expect(await client.succeed('hostname')).toBe('micro\n')
})
