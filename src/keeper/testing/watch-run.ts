import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BuiltPackage } from '../../cli/testing/built-package.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A project in which vitest watches its files, with Mayfly installed as it would be: in `node_modules`, where vitest does not look into it. */
export interface WatchRun extends AsyncDisposable {
  main: ChildProcess
  directory: string
  /** Writes a file and waits until vitest has run what depends on it. Gives what it printed meanwhile. */
  save(name: string, text: string): Promise<string>
  /** The next run's output. */
  nextRun(): Promise<string>
  /** What a test has written to `result.json`. */
  result<T>(): T
}

/** Starts `vitest --watch`, and waits for its first run. */
export async function startWatch(built: BuiltPackage, files: Record<string, string>): Promise<WatchRun> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-watch-'))
  await mkdir(join(directory, 'node_modules/mayfly'), { recursive: true })
  for (const part of ['package.json', 'dist', 'fixtures']) {
    await cp(join(built.directory, part), join(directory, 'node_modules/mayfly', part), { recursive: true })
  }
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules/mayfly/node_modules'))
  await symlink(join(ROOT, 'node_modules/vitest'), join(directory, 'node_modules/vitest'))
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }')
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  const main = spawn(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), '--watch'], {
    cwd: directory,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...withoutVitest(), NO_COLOR: '1', WATCH_DIRECTORY: directory },
  })
  let output = ''
  let waiting: (() => void) | undefined
  for (const stream of [main.stdout!, main.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      waiting?.()
    })
  }
  const ended = once(main, 'close')
  const nextRun = async () => {
    const done = new Promise<string>((resolve) => {
      waiting = () => {
        const end = /(Waiting|Watching) for file changes[^\n]*\n/.exec(output)
        if (!end) return
        const text = output.slice(0, end.index)
        output = output.slice(end.index + end[0].length)
        waiting = undefined
        resolve(text)
      }
      waiting()
    })
    return await Promise.race([done, ended.then(() => Promise.reject(new Error(`vitest ended:\n${output}`)))])
  }
  const run: WatchRun = {
    main,
    directory,
    nextRun,
    save: async (name, text) => {
      await writeFile(join(directory, name), text)
      return await nextRun()
    },
    result: () => JSON.parse(readFileSync(join(directory, 'result.json'), 'utf8')),
    async [Symbol.asyncDispose]() {
      if (main.exitCode === null && main.signalCode === null) main.kill('SIGKILL')
      await ended.catch(() => {})
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  try {
    const first = await nextRun()
    if (!existsSync(join(directory, 'result.json'))) throw new Error(`no result of the first run:\n${first}`)
    return run
  } catch (error) {
    await run[Symbol.asyncDispose]()
    throw error
  }
}

/** The run under test is a stranger to the one that tests it. */
function withoutVitest(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST') && name !== 'TEST' && name !== 'CI'),
  )
}
