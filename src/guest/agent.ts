import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { MayflyError } from '../errors.js'
import { performance } from '../node-globals.js'

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
  #buffer = ''
  #nextId = 1
  #present = false

  /** @param present whether it has been heard of already. */
  constructor(line: Duplex, present = false) {
    this.#line = line
    this.#present = present
    this.#ready = new Promise((resolve) => {
      this.#readyNow = resolve
    })
    line.setEncoding('utf8')
    line.on('data', (chunk: string) => this.#read(chunk))
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

  #read(chunk: string): void {
    this.#buffer += chunk
    const lines = this.#buffer.split('\n')
    this.#buffer = lines.pop() ?? ''
    for (const line of lines) this.#receive(line.trim())
  }

  #receive(line: string): void {
    if (line === '') return
    this.#present = true
    const [verb, id = '', ...rest] = line.split(' ')
    if (verb === 'ready') {
      this.#readyNow()
      return
    }
    const request = this.#requests.get(id)
    this.#requests.delete(id)
    if (verb === 'error') {
      request?.reject(new MayflyError('MAYFLY_TEMPLATE_UNUSABLE', `the guest's agent refused: ${rest.join(' ')}`))
    } else request?.resolve()
  }

  #end(): void {
    for (const { reject } of this.#requests.values()) {
      reject(new MayflyError('MAYFLY_QEMU_EXITED', "the line to the guest's agent ended"))
    }
    this.#requests.clear()
  }
}
