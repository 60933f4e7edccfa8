// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Where the command lines under test expect QMP and device state. */
const FD = { qmp: 3, state: 6 }

/**
 * QEMU and its monitor with nothing around them: what a script by hand would do.
 * @typedef {object} BareQemu
 * @property {number} pid
 * @property {(command: string, args?: object) => Promise<any>} qmp sent at once; QEMU answers in order
 * @property {(line: string) => Promise<string>} hmp
 * @property {(status: string) => Promise<void>} migration resolves at that MIGRATION event
 * @property {() => Promise<void>} greeted
 * @property {() => Promise<void>} kill
 * @property {() => Promise<void>} quit closes its images properly
 */

/**
 * @param {string} binary
 * @param {readonly string[]} argv
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, stateFd?: number }} [options]
 * @returns {BareQemu}
 */
export function startQemu(binary, argv, { env, cwd, stateFd } = {}) {
  const child = spawn(binary, argv, {
    env,
    cwd,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe', 'pipe', stateFd ?? 'ignore'],
  })
  const exited = once(child, 'exit')
  // A pipe beyond the third is a socket pair, whatever its type says.
  const [, , , monitor, console, agent] = /** @type {import('node:net').Socket[]} */ (
    /** @type {unknown} */ (child.stdio)
  )
  for (const unread of [console, agent]) unread?.on('error', () => {}).resume()
  if (!monitor) throw new Error('no monitor')
  /** @type {{ resolve: (value: any) => void, reject: (error: Error) => void }[]} */
  const answers = []
  /** @type {{ status: string, resolve: () => void }[]} */
  const migrations = []
  /** @type {() => void} */
  let greet = () => {}
  const greeting = new Promise((resolve) => {
    greet = () => resolve(undefined)
  })
  let buffer = ''
  monitor.setEncoding('utf8').on('error', () => {})
  monitor.on('close', () => {
    for (const { reject } of answers.splice(0)) reject(new Error('QEMU is gone'))
  })
  monitor.on('data', (chunk) => {
    const lines = (buffer + chunk).split('\n')
    buffer = lines.pop() ?? ''
    for (const line of lines) {
      const message = JSON.parse(line)
      if (message.QMP) greet()
      else if (message.event === 'MIGRATION') {
        for (const waiter of migrations) if (waiter.status === message.data.status) waiter.resolve()
      } else if (message.error) answers.shift()?.reject(new Error(message.error.desc))
      else if ('return' in message) answers.shift()?.resolve(message.return)
    }
  })
  /** @type {BareQemu['qmp']} */
  const qmp = (command, args) => {
    monitor.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
    return new Promise((resolve, reject) => answers.push({ resolve, reject }))
  }
  return {
    pid: child.pid ?? 0,
    qmp,
    hmp: (line) => qmp('human-monitor-command', { 'command-line': line }),
    migration: (status) => new Promise((resolve) => migrations.push({ status, resolve })),
    greeted: async () => void (await greeting),
    kill: async () => {
      child.kill('SIGKILL')
      await exited
    },
    quit: async () => {
      qmp('quit').catch(() => {})
      await exited
    },
  }
}

/** @param {BareQemu} qemu */
export async function sshPort(qemu) {
  const table = await qemu.hmp('info usernet')
  const port = /HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)/.exec(table)?.[1]
  if (!port) throw new Error(`no forwarded port: ${table}`)
  return Number(port)
}

export const LOAD_URI = `fd:${FD.state}`
