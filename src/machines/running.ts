import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { Duplex, PassThrough } from 'node:stream'
import { MayflyError } from '../errors.js'
import { Agent } from '../guest/agent.js'
import { isAlive, killAndWait } from '../host/process-table.js'
import { AbortController, AbortSignal } from '../node-globals.js'
import { type Exit, QemuProcess } from '../qemu/process.js'
import { FILES } from '../snapshot/machine.js'
import type { Running } from '../snapshot/running.js'
import { followFile } from './follow-file.js'
import { EXIT_FILE, processesOf, QEMU_LOG } from './look.js'
import { openSocket } from './monitor.js'
import type { MachineRun } from './record.js'

/** The lines to a machine that was just started, until they are let go of; the machine goes on. */
export interface Attached extends Running, AsyncDisposable {}

/**
 * The QEMU below `shell` as those who boot guests know one.
 * @param from how long its console log was before it: what comes then is its own.
 * @throws MayflyError MAYFLY_QEMU_SPAWN_FAILED with QEMU's own words when it ends before it listens, MAYFLY_ABORTED.
 */
export async function attach(
  directory: string,
  run: Pick<MachineRun, 'sockets'>,
  shell: ChildProcess,
  from: number,
  signal?: AbortSignal,
): Promise<Attached> {
  const ended = new AbortController()
  const exited = (shell.exitCode === null ? once(shell, 'exit') : Promise.resolve()).then(() => exitOf(directory))
  void exited.then(() => ended.abort())
  const gone = AbortSignal.any([ended.signal, ...(signal ? [signal] : [])])
  const open = (name: 'qmp' | 'agent') =>
    openSocket(run, name, gone).catch(async (error) => {
      throw ended.signal.aborted ? await exitedWhileStarting(directory) : error
    })
  const qmp = await open('qmp')
  const agent = await open('agent').catch((error) => {
    qmp.destroy()
    throw error
  })
  const done = new AbortController()
  const log = followFile(join(directory, FILES.console), { from, signal: done.signal })
  // Read-only: whoever wants to type has the console's socket.
  const console = Duplex.from({ readable: log, writable: new PassThrough().resume() })
  const stderr = new PassThrough()
  void exited.then(async () => stderr.end(await readFile(join(directory, QEMU_LOG)).catch(() => '')))
  const qemu = new QemuProcess({
    pid: shell.pid!,
    command: shell.spawnargs,
    channels: { qmp, console, agent, stderr },
    exited,
    isAlive: () => isAlive(shell.pid!),
    kill: () => void processesOf(directory).then((pids) => killAndWait(pids, 10_000)),
  })
  return {
    qemu,
    agent: new Agent(agent),
    async [Symbol.asyncDispose]() {
      done.abort()
      for (const socket of [qmp, agent]) socket.destroy()
    },
  }
}

async function exitedWhileStarting(directory: string): Promise<MayflyError> {
  const { code, signal } = await exitOf(directory)
  const words = await readFile(join(directory, QEMU_LOG), 'utf8').catch(() => '')
  return new MayflyError(
    'MAYFLY_QEMU_SPAWN_FAILED',
    `QEMU exited while starting (${signal ? `killed by ${signal}` : `exit code ${code}`})`,
    {
      details: words
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => `qemu: ${line}`),
    },
  )
}

/** As the shell has written it down. */
async function exitOf(directory: string): Promise<Exit> {
  const status = Number(
    await readFile(join(directory, EXIT_FILE), 'utf8').catch(() => `${128 + constants.signals.SIGKILL}`),
  )
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0]
  return signal ? { code: null, signal: signal as NodeJS.Signals } : { code: status, signal: null }
}
