import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { privateCache } from '../image/testing/private-cache.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'
import { userProject } from './testing/user-project.js'

const GUESTS = `
  import { defineGuest, setup, shell } from 'mayfly'
  const common = [shell('echo one > /root/one'), shell('echo two > /root/two')]
  const guest = (...provision: Parameters<typeof setup>[]) =>
    defineGuest({ name: 'web', image: 'micro', memory: '160MiB', provision: [...common, ...provision.map((each) => setup(...each))] })
  export const web = guest(['v1', (vm) => vm.writeFile('/root/three', 'three')])
  export const db = guest(['v2', (vm) => vm.writeFile('/root/three', 'other')])
`
const FAILING = `
  import { defineGuest, shell } from 'mayfly'
  export const web = defineGuest({ name: 'web', image: 'micro', memory: '160MiB', provision: [shell('echo why it failed; exit 3')] })
`

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
}, 60_000)
afterAll(() => built[Symbol.asyncDispose]())

test('warm shows the graph as it goes, ls --tree at rest, and run takes a guest from a module', async () => {
  const cacheDir = await privateCache()
  await using project = await userProject(built, { 'guests.ts': GUESTS, 'failing.mjs': FAILING })
  const mayfly = (...args: string[]) =>
    execa(process.execPath, [built.main, '--cache-dir', cacheDir, ...args], { cwd: project.directory, reject: false })

  // Two processes at once make each template once, between them.
  const both = await Promise.all([mayfly('warm', './guests.ts', '--json'), mayfly('warm', './guests.ts', '--json')])
  const nodes = both.flatMap(({ stdout }) => JSON.parse(stdout)).flatMap((warmed) => warmed.nodes)
  const made = nodes.filter(({ cached }) => !cached).map(({ key }) => key)
  expect(made).toHaveLength(5)
  expect(new Set(made).size).toBe(5)
  expect(nodes).toHaveLength(16)
  for (const { bytes } of nodes) expect(bytes).toBeGreaterThan(2 ** 20)

  const again = await mayfly('warm', './guests.ts#web')
  expect(again.stdout).toMatch(
    /^guests\.ts#web\n├─ image micro +cached\n├─ boot web +cached\n├─ shell echo one > \/root\/one +cached\n├─ shell .* cached\n├─ setup v1 +cached\n└─ ready, all of it was cached \(\d+ ms\)$/,
  )

  const tree = await mayfly('ls', '--tree')
  expect(tree.stdout.replaceAll(/ {2,}\d.*/g, '')).toContain(
    [
      'image micro',
      '└─ boot web',
      '   └─ shell echo one > /root/one',
      '      └─ shell echo two > /root/two',
      '         ├─ setup v',
    ].join('\n'),
  )
  expect(tree.stdout.match(/setup v[12] +\d+(\.\d)? MiB .* usable/g)).toHaveLength(2)
  const { templates } = JSON.parse((await mayfly('ls', '--json')).stdout)
  const keys = templates.map(({ key }: { key: string }) => key)
  const roots = templates.filter(({ parent }: { parent?: string }) => parent === undefined)
  expect(roots).toMatchObject([{ title: 'boot web' }])
  for (const { parent } of templates) if (parent !== undefined) expect(keys).toContain(parent)

  expect(await mayfly('run', './guests.ts#db', '--', 'cat /root/one /root/three')).toMatchObject({
    exitCode: 0,
    stdout: 'one\nother',
  })

  const failed = await mayfly('warm', './failing.mjs')
  expect(failed.exitCode).toBe(125)
  expect(failed.stdout).toMatch(/├─ boot web +cached\n├─ shell echo why it failed; exit 3 +failed after/)
  expect(failed.stderr).toMatch(/provision step failed \(exit code 3\)[\s\S]*\n {2}why it failed\n/)
  await writeFile(join(project.directory, 'failing.mjs'), FAILING.replace('exit 3', 'exit 0'))
  expect(await mayfly('warm', './failing.mjs')).toMatchObject({ exitCode: 0 })
})
