import { once } from 'node:events'
import { join } from 'node:path'
import { isAlive } from '../host/process-table.js'
import { type MachineConsole, openConsole } from '../machines/console.js'
import { followFile } from '../machines/follow-file.js'
import { lastLines } from '../machines/last-lines.js'
import type { Machine } from '../machines/record.js'
import { AbortController, AbortSignal, clearInterval, setInterval } from '../node-globals.js'
import type { ListedVm } from '../session/list.js'
import { FILES } from '../snapshot/machine.js'
import type { ActionContext } from './action.js'
import { writerOf } from './streams.js'
import { targetNamed } from './target.js'
import { rawTerminal } from './terminal.js'

/** Ctrl-], as telnet has it. */
const ESCAPE = 0x1d
/** What is shown of the past, so that a prompt is seen that was printed before. */
const PAST_LINES = 10
const LOOK_MS = 500

/** `mayfly console` */
export async function console({ cacheDir, signal }: ActionContext, _: object, [name]: string[]): Promise<number> {
  const target = await targetNamed(name, cacheDir)
  if (target.machine) await atConsole(target.machine, signal)
  else await watchConsole(target.vm, signal)
  return 0
}

async function atConsole(machine: Machine, signal: AbortSignal): Promise<void> {
  await using opened = await openConsole(machine)
  const { stream } = opened
  const write = writerOf(process.stdout)
  await write((await lastLines(join(machine.directory, FILES.console), PAST_LINES)).trimEnd())
  if (process.stdin.isTTY) await interactive(machine.name, opened, signal)
  else await shown(stream, signal)
}

/** Keys go to the guest, until one is the escape key or the machine ends. */
async function interactive(name: string, { stream }: MachineConsole, signal: AbortSignal): Promise<void> {
  process.stderr.write(`\nmayfly: the console of ${name}; Ctrl-] leaves it\n`)
  using _raw = await rawTerminal()
  const left = new AbortController()
  const typed = (keys: Buffer) => {
    const at = keys.indexOf(ESCAPE)
    stream.write(at < 0 ? keys : keys.subarray(0, at))
    if (at >= 0) left.abort()
  }
  process.stdin.on('data', typed)
  try {
    await shown(stream, AbortSignal.any([left.signal, signal]))
  } finally {
    process.stdin.off('data', typed)
    process.stdin.pause()
  }
  process.stderr.write(
    `\r\nmayfly: ${left.signal.aborted ? `left the console of ${name}, which goes on` : `${name} has ended`}\r\n`,
  )
}

async function shown(stream: MachineConsole['stream'], signal: AbortSignal): Promise<void> {
  const write = writerOf(process.stdout)
  stream.on('data', (chunk: Buffer) => {
    const pending = write(chunk)
    if (!pending) return
    stream.pause()
    pending.then(() => stream.resume()).catch(() => stream.destroy())
  })
  stream.on('error', () => {})
  await once(stream, 'close', { signal }).catch(() => {})
}

/** The keyboard of a test's machine is the test's. */
async function watchConsole({ id, directory, pid }: ListedVm, signal: AbortSignal): Promise<void> {
  if (process.stdin.isTTY) {
    process.stderr.write(
      `mayfly: ${id} is a test's: its console can be seen, and not typed at; mayfly ssh ${id} logs in. Ctrl-C ends this.\n`,
    )
  }
  const gone = new AbortController()
  // Nobody tells of the end of somebody else's process.
  const looking = setInterval(() => {
    if (!isAlive(pid)) gone.abort()
  }, LOOK_MS)
  const write = writerOf(process.stdout)
  try {
    const ended = AbortSignal.any([signal, gone.signal])
    for await (const chunk of followFile(join(directory, FILES.console), { signal: ended }))
      await write(chunk as Buffer)
  } finally {
    clearInterval(looking)
  }
}
