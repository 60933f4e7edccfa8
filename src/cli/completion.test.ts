import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createMachine } from '../machines/create.js'
import { haltingGuest } from '../machines/testing/halting-guest.js'
import { type PrivateData, privateData } from '../machines/testing/private-data.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'
import { onTerminal } from './testing/terminal.js'

let built: BuiltPackage
beforeAll(async () => {
  built = await buildPackage()
}, 60_000)
afterAll(() => built[Symbol.asyncDispose]())

let place: PrivateData
beforeEach(async () => {
  place = await privateData()
})
afterEach(() => place[Symbol.asyncDispose]())

const mayfly = (args: readonly string[], { env, root } = place) =>
  execa(process.execPath, [built.main, ...args], { env, reject: false, cwd: root })
const make = async (name: string) => createMachine(await haltingGuest(place.root), name, place)

test('a shell is told commands, options, machines and snapshots', async () => {
  await make('web-1')
  await make('db')
  const complete = async (...words: string[]) => (await mayfly(['__complete', '--', ...words])).stdout.split('\n')
  expect(await complete('sta')).toEqual(['start', 'status'])
  expect(await complete('start', '')).toEqual(['db', 'web-1'])
  expect(await complete('start', 'db', 'w')).toEqual(['web-1'])
  expect(await complete('--cache-dir', '/x', 'stop', '--time')).toEqual(['--timeout'])
  expect(await complete('create', 'mi')).toEqual(['micro', ':files'])
  expect(await complete('cp', 'w')).toEqual(['web-1:', ':files'])
  expect(await complete('exec', 'db', '--', 'l')).toEqual([':files'])
  await mayfly(['snapshot', 'create', 'db', 'clean'])
  expect(await complete('snapshot', 'restore', 'db', '')).toEqual(['clean'])
})

/** A `mayfly` that completes as it does, and otherwise only says what it was called with. */
const shim = () => `#!/bin/sh
case $1 in __complete | completion) exec ${process.execPath} ${built.main} "$@" ;; esac
echo "called with: $*."
`

test.each([
  ['bash', 'bash --norc -i', 'source <(mayfly completion bash)'],
  ['zsh', 'zsh -f -i', 'autoload -Uz compinit; compinit -D; source <(mayfly completion zsh)'],
  ['fish', 'fish --no-config', 'mayfly completion fish | source'],
])('%s completes what is typed', async (_shell, command, setUp) => {
  await make('web-1')
  await writeFile(join(place.root, 'mayfly'), shim(), { mode: 0o755 })
  const env = { ...place.env, HOME: place.root, PATH: `${place.root}:${process.env.PATH}`, TERM: 'xterm' }
  using terminal = onTerminal(command, { env, cwd: place.root })
  terminal.type(`${setUp}; echo set up | tr a-z A-Z\n`)
  await terminal.seen(/SET UP/)
  terminal.type('mayfly susp\tw\t\n')
  await terminal.seen(/called with: suspend web-1\./)
  terminal.type('mayfly create --image ha\t\n')
  await terminal.seen(/called with: create --image halt\./)
  terminal.type('exit\n')
  expect(await terminal.exited).toBe(0)
})
