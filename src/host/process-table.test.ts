import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  findProcessesByEnvironment,
  findProcessesByEnvironmentSync,
  isAlive,
  killAndWait,
  processStartTime,
} from './process-table.js'

const children: ChildProcess[] = []
// It comes with mmdebstrap; no other tool of the host can end a main thread alone.
const hasPython = spawnSync('python3', ['-V']).status === 0
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

interface Started {
  pid: number
  line: string
  child: ChildProcess
}

// Resolves with the first line that the script prints, after which it is known to run.
async function start(script: string, env: NodeJS.ProcessEnv = {}, uid = process.getuid?.()): Promise<Started> {
  const child = spawn('sh', ['-c', script], {
    env: { PATH: process.env.PATH, ...env },
    ...(uid === undefined ? {} : { uid }),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return { pid: child.pid!, line, child }
}

// `exec` so that there is one process, which ends with its stdin.
const idle = (env?: NodeJS.ProcessEnv) => start('echo ready; exec cat', env)

// The parent becomes a program that never reaps, so the child stays a zombie as long as stdin is open.
async function zombie(): Promise<number> {
  const { line } = await start('sleep 0.05 & echo $!; exec cat')
  await vi.waitUntil(() => readFileSync(`/proc/${line}/stat`, 'latin1').includes(') Z '), { interval: 5 })
  return Number(line)
}

describe.runIf(process.platform === 'linux')('the process table', () => {
  test('a process keeps its start time, and a later one has a later time', async () => {
    const { pid } = await idle()
    const time = processStartTime(pid)
    expect(time).toBeGreaterThan(processStartTime(1)!)
    expect(processStartTime(pid)).toBe(time)
    expect(time).toBeGreaterThanOrEqual(processStartTime(process.pid)!)
  })

  test('a process is alive until it ends', async () => {
    const { pid, child } = await idle()
    const time = processStartTime(pid)!
    expect(isAlive(pid, time)).toBe(true)
    child.stdin!.end()
    await once(child, 'exit')
    expect(isAlive(pid, time)).toBe(false)
    expect(processStartTime(pid)).toBeUndefined()
  })

  test('a pid that now belongs to another process is not alive', async () => {
    const { pid } = await idle()
    expect(isAlive(pid)).toBe(true)
    expect(isAlive(pid, processStartTime(pid)! - 1)).toBe(false)
  })

  test('a zombie is dead, although it has a start time', async () => {
    const pid = await zombie()
    expect(processStartTime(pid)).toBeGreaterThan(0)
    expect(isAlive(pid, processStartTime(pid))).toBe(false)
  })

  test.runIf(hasPython)('a leader whose other threads still run is alive, although it shows as a zombie', async () => {
    const script = `
import ctypes, os, threading, time
def tell():
    while open(f'/proc/{os.getpid()}/stat').read().split(') ')[1][0] != 'Z': pass
    print('ready', flush=True)
    input()
threading.Thread(target=tell).start()
ctypes.CDLL(None).pthread_exit(None)`
    const { pid } = await start(`exec python3 -c "$SCRIPT"`, { SCRIPT: script })
    expect(isAlive(pid)).toBe(true)
    expect(await killAndWait([pid], 3000)).toEqual([])
  })

  test('a name with spaces and parentheses does not confuse', async () => {
    const { pid } = await start(`printf 'a) Z 1 (b' > /proc/$$/comm; echo ready; read -r _`)
    expect(isAlive(pid, processStartTime(pid))).toBe(true)
    expect(processStartTime(pid)).toBeGreaterThanOrEqual(processStartTime(process.pid)!)
  })

  test('finds exactly the processes that were started with NAME=value', async () => {
    const value = randomUUID()
    const first = await idle({ MAYFLY_TEST_SESSION: value })
    const second = await idle({ A: 'x', MAYFLY_TEST_SESSION: value, Z: 'y' })
    await idle({ MAYFLY_TEST_SESSION: `${value}0` })
    await idle({ NOT_MAYFLY_TEST_SESSION: value })
    await idle({ OTHER: `MAYFLY_TEST_SESSION=${value}` })
    const expected = new Set([first.pid, second.pid])
    expect(new Set(await findProcessesByEnvironment('MAYFLY_TEST_SESSION', value))).toEqual(expected)
    expect(new Set(findProcessesByEnvironmentSync('MAYFLY_TEST_SESSION', value))).toEqual(expected)
  })

  test('finds grandchildren that were left behind', async () => {
    const value = randomUUID()
    const { line, child } = await start('sleep 60 >/dev/null & echo $!', { MAYFLY_TEST_SESSION: value })
    await once(child, 'close')
    expect(await findProcessesByEnvironment('MAYFLY_TEST_SESSION', value)).toEqual([Number(line)])
    expect(await killAndWait([Number(line)], 3000)).toEqual([])
    expect(findProcessesByEnvironmentSync('MAYFLY_TEST_SESSION', value)).toEqual([])
  })

  test('killAndWait resolves when all are dead, ignores the dead, and spares a reused pid', async () => {
    const [one, two, other] = [await idle(), await start('trap "" TERM INT; echo ready; read -r _'), await idle()]
    const reused = { pid: other.pid, startTime: processStartTime(other.pid)! - 1 }
    expect(await killAndWait([one.pid, two.pid, await zombie(), 2 ** 30, reused], 3000)).toEqual([])
    expect([one.pid, two.pid, other.pid].map((pid) => isAlive(pid))).toEqual([false, false, true])
  })

  test('killAndWait never touches the calling process or a process group', async () => {
    const { pid } = await idle()
    expect(await killAndWait([process.pid, 0, -pid, Number.NaN], 100)).toEqual([])
    expect(isAlive(pid)).toBe(true)
  })

  test.runIf(process.getuid?.() === 0)('killAndWait reports at its deadline what it may not kill', async () => {
    const { pid } = await start('echo ready; exec cat', {}, 1)
    // Kill permission looks at the real user too, so the target belongs to a third one.
    process.seteuid?.(65534)
    try {
      expect(await killAndWait([pid], 30)).toEqual([pid])
    } finally {
      process.seteuid?.(0)
    }
  })
})
