import type { Dispatcher } from 'undici'
import { errnoOf, messageOf } from '../../errors.js'
import { Date, URL } from '../../node-globals.js'
import { Stall } from './stall.js'

/** One request that came to nothing. */
export class HttpFailure extends Error {
  /** Whether another attempt may go better. */
  readonly transient: boolean
  /** How long the server asks to be left alone. */
  readonly afterMs: number | undefined
  /** What to do about it. */
  readonly hint: string

  constructor(message: string, options: HttpFailureOptions) {
    super(message, { cause: options.cause })
    this.transient = options.transient
    this.afterMs = options.afterMs
    this.hint = options.hint ?? (options.transient ? UNREACHED : ANSWERED)
  }
}

export interface HttpFailureOptions {
  transient: boolean
  afterMs?: number | undefined
  hint?: string | undefined
  cause?: unknown
}

const ANSWERED = 'The server was reached: is the address right? mayfly image ls --catalogue has those of publishers.'
const BUSY = 'The server was reached, and could not answer: try again later, or set MAYFLY_IMAGE_MIRRORS.'
const UNREACHED =
  'Where this host reaches the network only through a proxy or a mirror, set https_proxy or MAYFLY_IMAGE_MIRRORS.'
const UNKNOWN_NAME = `This host cannot resolve the server's name: is it spelled right? ${UNREACHED}`
const UNTRUSTED =
  'This host does not trust the certificate. NODE_EXTRA_CA_CERTS names a file with authorities to trust as well.'

export interface HttpReply {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** Ends with an HttpFailure when it does not come to its end. */
  body: AsyncIterable<Buffer> & { dump(): Promise<void> }
}

export interface HttpOptions {
  /** Without an answer, or without a byte of it, for this long, a connection is given up. */
  stallMs: number
  /** Follows redirects from https to http. */
  insecureRedirects: boolean
  signal?: AbortSignal | undefined
}

const REDIRECTS = [301, 302, 303, 307, 308]
const MAXIMUM_REDIRECTS = 10
const TRANSIENT_STATUSES = [408, 425, 429, 500, 502, 503, 504]
/** Of name look-up and of certificates: the same again would come of the same request. */
const LASTING = /^(ENOTFOUND|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|UND_ERR_INVALID_ARG)/

const UNTRUSTED_CODES = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS_CERT)/

/** GET requests through the proxies of the environment (`http_proxy`, `https_proxy`, `no_proxy`), for one download. */
export class HttpClient implements AsyncDisposable {
  readonly #options: HttpOptions
  readonly #dispatcher: Dispatcher
  readonly #request: (url: URL, options: object) => Promise<Dispatcher.ResponseData>

  private constructor(undici: typeof import('undici'), options: HttpOptions) {
    this.#options = options
    this.#request = undici.request
    this.#dispatcher = new undici.EnvHttpProxyAgent({
      // Mayfly limits each request itself.
      connect: { timeout: 0 },
      proxyTls: { timeout: 0 },
      requestTls: { timeout: 0 },
      // As curl does it: many proxies refuse a tunnel to port 80.
      proxyTunnel: false,
    })
  }

  static async open(options: HttpOptions): Promise<HttpClient> {
    // Loaded when something is downloaded: it costs 100 ms.
    return new HttpClient(await import('undici'), options)
  }

  /**
   * Answers with status 200, or one of `wanted`.
   * @throws HttpFailure.
   */
  async get(url: string, headers: Record<string, string>, wanted: readonly number[] = []): Promise<HttpReply> {
    let at = parse(url)
    for (let hops = 0; ; hops++) {
      const reply = await this.#send(at, headers)
      const { status } = reply
      if (REDIRECTS.includes(status)) {
        await reply.body.dump()
        if (hops === MAXIMUM_REDIRECTS)
          throw lasting(`${shown(url)} was redirected more than ${MAXIMUM_REDIRECTS} times`)
        at = this.#follow(at, reply.headers.location)
      } else if (status === 200 || wanted.includes(status)) return reply
      else {
        await reply.body.dump()
        throw new HttpFailure(`${shown(at.href)} answered with status ${status}`, {
          transient: TRANSIENT_STATUSES.includes(status),
          hint: TRANSIENT_STATUSES.includes(status) ? BUSY : ANSWERED,
          afterMs: retryAfter(reply.headers['retry-after']),
        })
      }
    }
  }

  async #send(url: URL, headers: Record<string, string>): Promise<HttpReply> {
    const { signal, stallMs } = this.#options
    const { username, password } = url
    const login = Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString('base64')
    const bare = new URL(url)
    bare.username = bare.password = ''
    const stall = new Stall(stallMs, () => stalled(url.href), signal)
    stall.start()
    try {
      const {
        statusCode,
        headers: answered,
        body,
      } = await this.#request(bare, {
        dispatcher: this.#dispatcher,
        signal: stall.signal,
        // Of each request: an agent for a proxy does not pass its own on.
        headersTimeout: 0,
        bodyTimeout: 0,
        headers: { 'user-agent': 'mayfly', ...headers, ...(username && { authorization: `Basic ${login}` }) },
      })
      const arriving = { [Symbol.asyncIterator]: () => bytesOf(body, url.href, stall), dump: () => dump(body, stall) }
      return { status: statusCode, headers: answered, body: arriving }
    } catch (error) {
      throw networkFailure(error, url.href)
    } finally {
      stall.stop()
    }
  }

  #follow(from: URL, location: string | string[] | undefined): URL {
    if (typeof location !== 'string') throw lasting(`${shown(from.href)} redirects to nowhere`)
    const to = parse(location, from)
    if (from.protocol === 'https:' && to.protocol === 'http:' && !this.#options.insecureRedirects) {
      throw lasting(
        `${shown(from.href)} redirects to ${shown(to.href)}, which is not encrypted`,
        'Give the address that it redirects to, or allow it: mayfly image pull --allow-http.',
      )
    }
    // To the same server it goes with the same login, however the address is written.
    if (to.origin === from.origin && to.username === '') [to.username, to.password] = [from.username, from.password]
    return to
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy()
  }
}

/** Whoever reads it may fail for other reasons, which are no business of the network. */
async function* bytesOf(body: AsyncIterable<Buffer>, url: string, stall: Stall): AsyncGenerator<Buffer> {
  stall.start()
  try {
    for await (const chunk of body) {
      // The reader may take its time.
      stall.stop()
      yield chunk
      stall.start()
    }
  } catch (error) {
    throw networkFailure(error, url)
  } finally {
    stall.stop()
  }
}

async function dump(body: { dump(): Promise<void> }, stall: Stall): Promise<void> {
  stall.start()
  await body.dump().finally(() => stall.stop())
}

function stalled(url: string): HttpFailure {
  return new HttpFailure(`${shown(url)}: nothing comes any more`, { transient: true })
}

/** What went wrong while a body was read, or before it came. */
function networkFailure(error: unknown, url: string): HttpFailure {
  if (error instanceof HttpFailure) return error
  const code = errnoOf(error) ?? errnoOf((error as Error).cause) ?? ''
  const hint = /^(ENOTFOUND|EAI_)/.test(code) ? UNKNOWN_NAME : UNTRUSTED_CODES.test(code) ? UNTRUSTED : UNREACHED
  return new HttpFailure(`${shown(url)}: ${messageOf(error) || code}`, {
    transient: !LASTING.test(code),
    hint,
    cause: error,
  })
}

/** An address for people, without a password in it. */
export function shown(url: string): string {
  return url.replace(/^(\w+:\/\/)[^/?#]*@/, '$1')
}

/** A part of an address without its escapes. What only looks like one, a URL keeps as it is. */
export function unescaped(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function parse(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw lasting(`not an http or https address: ${shown(text)}`)
}

function lasting(message: string, hint?: string): HttpFailure {
  return new HttpFailure(message, { transient: false, hint })
}

/** The encoding that a body has although none was asked for, undefined if it has none. Several headers are as good as one. */
export function encodingOf({ headers }: Pick<HttpReply, 'headers'>): string | undefined {
  const names = [headers['content-encoding'] ?? []].flat().flatMap((value) => value.split(','))
  const encodings = names.map((name) => name.trim().toLowerCase()).filter((name) => name !== '' && name !== 'identity')
  return encodings.length > 0 ? encodings.join(', ') : undefined
}

/** RFC 9110: seconds, or a date. */
function retryAfter(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string') return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}
