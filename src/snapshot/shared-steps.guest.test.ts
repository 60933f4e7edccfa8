import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { packages } from '../guest/steps.js'
import { defineGuest } from '../vm/define-guest.js'
import { prepare } from './prepare.js'
import { inClone } from './testing/graph.js'

// The same steps as in examples/service, whose templates are made here.
const provision = [packages('nginx-light')]

test('packages are installed once for guests that differ in name, cpus and memory', { timeout: 900_000 }, async () => {
  const web = await prepare(defineGuest({ name: 'web', image: 'debian', provision }))
  const twin = await prepare(defineGuest({ name: 'web-twin', image: 'debian', cpus: 2, memory: '640MiB', provision }))
  const { manifest, layers } = twin.template
  expect(manifest).toMatchObject({
    name: 'web-twin',
    title: 'boot web-twin from the disk of web',
    parent: { key: basename(web.template.directory), stacked: true },
  })
  expect(layers.slice(1)).toEqual(web.template.layers)
  expect(manifest.hostKey).not.toBe(web.template.manifest.hostKey)
  const seen = await inClone(
    twin,
    "hostname; nproc; free -m | awk '/^Mem/ { print ($2 > 550) }'; systemctl is-active nginx; getent hosts web || echo none; getent hosts web-twin",
  )
  expect(seen.split('\n').map((line) => line.replaceAll(/\s+/g, ' '))).toEqual([
    'web-twin',
    '2',
    '1',
    'active',
    'none',
    '127.0.1.1 web-twin',
    '',
  ])
})
