import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { MayflyError } from '../errors.js'
import { LineReader } from '../line-reader.js'
import { performance } from '../node-globals.js'

/** Answers have a few words. More than this is something else that writes to the port. */
const LONGEST_LINE = 4096
/** What an answer begins with, besides `ready` and `error`. */
const ANSWERS: ReadonlySet<string | undefined> = new Set(['pong', 'ok', 'quiet', 'listening'])

interface Request {
  resolve: () => void
  reject: (error: unknown) => void
}

/**
 * The line to the fix-up agent inside an embedded guest (fixtures/guests/agent.pl), over the second serial port.
 * It needs no network, no login and no new process in the guest, so it works before SSH does.
 */
export class Agent {
  readonly #line: Duplex
  readonly #requests = new Map<string, Request>()
  readonly #ready: Promise<void>
  #readyNow!: () => void
  #nextId = 1
  #present = false

  /** @param present whether it has been heard of already. */
  constructor(line: Duplex, present = false) {
    this.#line = line
    this.#present = present
    this.#ready = new Promise((resolve) => {
      this.#readyNow = resolve
    })
    const lines = new LineReader({
      longestLine: LONGEST_LINE,
      onLine: (text) => this.#receive(text.trim()),
      onTooLong: () => this.#rejectAll(tooLong()),
    })
    line.on('data', (chunk: Buffer) => lines.add(chunk))
    line.on('close', () => this.#end())
  }

  /** Whether the agent has ever spoken: guests that are not ours have none. */
  get present(): boolean {
    return this.#present
  }

  /** Resolves when the agent has started. */
  ready(): Promise<void> {
    return this.#ready
  }

  /** Resolves when the agent has answered. It answers one request after the other. */
  ping(): Promise<void> {
    return this.#request('ping')
  }

  /** Sets the wall clock to the host's, and reseeds the kernel's random numbers: a clone starts with its template's of both. */
  fixup(): Promise<void> {
    const now = performance.timeOrigin + performance.now()
    const time = `${Math.floor(now / 1000)}.${Math.floor((now % 1000) * 1e6)
      .toString()
      .padStart(9, '0')}`
    return this.#request(`fixup`, `${time} ${randomBytes(32).toString('hex')}`)
  }

  /** Gives the guest's network card another MAC address, and takes its IP address away. */
  takeMacAddress(mac: string): Promise<void> {
    return this.#request('mac', mac)
  }

  /** Resolves when the guest has begun to ask for an IP address by DHCP, not when it has one. */
  askForAddress(): Promise<void> {
    return this.#request('dhcp')
  }

  /** Resolves when something in the guest listens on a TCP port. */
  listening(port: number): Promise<void> {
    return this.#request('listen', `${port}`)
  }

  /** Resolves when no SSH session is left in the guest, nothing is being started, and its disks are synced. */
  quiesce(): Promise<void> {
    return this.#request('quiesce')
  }

  #request(verb: string, rest = ''): Promise<void> {
    const id = `${this.#nextId++}`
    return new Promise((resolve, reject) => {
      this.#requests.set(id, { resolve, reject })
      this.#line.write(`${verb} ${id} ${rest}`.trimEnd().concat('\n'))
    })
  }

  #receive(line: string): void {
    const [verb, id = '', ...rest] = line.split(' ')
    if (verb === 'ready') {
      this.#present = true
      this.#readyNow()
      return
    }
    const request = this.#requests.get(id)
    if (!request || (verb !== 'error' && !ANSWERS.has(verb))) return
    this.#present = true
    this.#requests.delete(id)
    if (verb === 'error') {
      request.reject(new MayflyError('MAYFLY_TEMPLATE_UNUSABLE', `the guest's agent refused: ${rest.join(' ')}`))
    } else request.resolve()
  }

  #end(): void {
    this.#rejectAll(new MayflyError('MAYFLY_QEMU_EXITED', "the line to the guest's agent ended"))
  }

  #rejectAll(error: MayflyError): void {
    for (const { reject } of this.#requests.values()) reject(error)
    this.#requests.clear()
  }
}

function tooLong(): MayflyError {
  return new MayflyError(
    'MAYFLY_OUTPUT_TOO_LARGE',
    `the port of the guest's agent brought a line of more than ${LONGEST_LINE} bytes`,
    { hint: 'Only the agent may write to the second serial port; find what else does.' },
  )
}
