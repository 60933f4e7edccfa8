import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Machine } from './machine.js'
import { inspectVmFile, parseVmFile } from './parse.js'

const FIXTURES = fileURLToPath(new URL('../../fixtures/vmfiles/', import.meta.url))
const read = (name: string) => readFileSync(`${FIXTURES}${name}`, 'utf8')
const parse = (text: string) => parseVmFile(text, { path: '/project/VMFile.kdl' })

/** Without where it was found, and with ~ instead of somebody's home. */
function plain(machines: readonly Machine[]): unknown {
  const text = JSON.stringify(machines, (key, value: unknown) => (key === 'places' ? undefined : value), 2)
  return text.replaceAll(`${homedir()}/`, '~/')
}

const names = ['good', 'vmctl'].flatMap((directory) =>
  readdirSync(`${FIXTURES}${directory}`).flatMap((name) =>
    name.endsWith('.kdl') ? [`${directory}/${name.slice(0, -4)}`] : [],
  ),
)

test.each(names)('%s is read', async (name) => {
  await expect(`${plain(parse(read(`${name}.kdl`)))}\n`).toMatchFileSnapshot(`${FIXTURES}${name}.json`)
})

test('defaults are those of vmctl', () => {
  const [machine] = parse('vm "minimal" { image "a.qcow2"; ssh; }')
  expect(machine).toMatchObject({
    image: { path: '/project/a.qcow2' },
    vcpus: 1,
    memory: 1024,
    network: { mode: 'user' },
    ssh: { user: 'vm' },
    provision: [],
  })
  expect(machine!.disk).toBeUndefined()
  expect(parse('vm "tap" { image "a.qcow2"; network "tap"; }')[0]!.network).toEqual({ mode: 'tap', bridge: 'br0' })
})

test('what may be a path or a name is a name if Mayfly knows it', () => {
  const image = (value: string) => parse(`vm "a" { image "${value}"; }`)[0]!.image
  expect(image('debian')).toEqual({ name: 'debian' })
  expect(image('debian:trixie')).toEqual({ name: 'debian:trixie' })
  expect(image('./debian')).toEqual({ path: '/project/debian' })
  expect(image('debian.qcow2')).toEqual({ path: '/project/debian.qcow2' })
  expect(image('~/debian')).toEqual({ path: `${homedir()}/debian` })
  expect(image('~other/x')).toEqual({ path: '/project/~other/x' })
})

test('fields of one value may be properties too', () => {
  const written = parse('vm "a" { image "debian"; vcpus 2; share "s" "/s" { readonly #true; }; }')
  expect(plain(parse('vm "a" image="debian" vcpus=2 { share "s" "/s" readonly=#true; }'))).toEqual(plain(written))
})

test('a place is known for everything that is written down, and the nearest for the rest', () => {
  const text = 'vm "a" {\n  image "debian"\n  provision "shell" { inline "true"; }\n}\n'
  const [{ places }] = parse(text) as [Machine]
  const at = (...path: (string | number)[]) => places.source.place(places.at(path))
  expect(at('image')).toBe('/project/VMFile.kdl:2:9')
  expect(at('provision', 0, 'inline')).toBe('/project/VMFile.kdl:3:30')
  expect(at('provision', 0, 'script')).toBe('/project/VMFile.kdl:3:3')
  expect(at('vcpus')).toBe('/project/VMFile.kdl:1:1')
})

test('the machines of a file with mistakes are those that have none', () => {
  const { machines, diagnostics } = inspectVmFile('vm "a" { image "debian"; }\nvm "b" { imag "debian"; vcpus 0; }\n', {
    path: 'f',
  })
  expect(machines.map(({ name }) => name)).toEqual(['a'])
  expect(diagnostics.map(({ message }) => message)).toEqual([
    'imag is unknown in vm',
    expect.stringMatching(/^vcpus expects/),
  ])
})

test('one hundred machines are read in no time', () => {
  const text = Array.from({ length: 100 }, (_, at) =>
    read('vmctl/webserver.kdl').replace('"webserver" {', `"web-${at}" {`),
  ).join('\n')
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now()
    expect(parse(text)).toHaveLength(100)
    return performance.now() - started
  })
  // The bench says how long it takes; here it is only to be of that order, on a busy machine too.
  expect(Math.min(...times)).toBeLessThan(300)
})
