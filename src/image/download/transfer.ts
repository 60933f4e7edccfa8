import { URL } from '../../node-globals.js'
import { formatBytes } from '../../units.js'
import { MAGIC_BYTES } from '../decompress.js'
import { encodingOf, type HttpClient, HttpFailure, type HttpReply, shown } from './http.js'
import type { Intake } from './intake.js'
import type { Validator } from './partial.js'

export interface TransferOptions {
  /** Where the bytes come from. */
  from: string
  /** What was asked for. */
  url: string
  /** Whether the checksum tells in the end what has been put together; otherwise only the server can say what fits. */
  willBeChecked: boolean
  /** What is there already: if the server still has the same, nothing is transferred. */
  unless?: Validator | undefined
  /** Told before the first byte how many there will be, if the server says so. */
  onSize: (totalBytes: number | undefined) => Promise<void>
  /** Told after every piece. */
  onBytes: (bytes: number, totalBytes: number | undefined) => Promise<void>
}

const PARTIAL = 206
const UNCHANGED = 304
const BEYOND_THE_END = 416

/**
 * One attempt: goes on after what `intake` has, if it is still part of the same file, and begins anew if not.
 * @returns whether the server still has what `unless` is of.
 * @throws HttpFailure.
 */
export async function transfer(
  client: HttpClient,
  intake: Intake,
  options: TransferOptions,
): Promise<{ unchanged: boolean }> {
  const { from, url, onSize, onBytes } = options
  const condition = await continuation(intake, options)
  if (condition === undefined && intake.offset > 0) await intake.restart()
  const unless = condition === undefined ? unlessHeaders(options.unless) : {}
  const headers = { 'accept-encoding': 'identity', ...condition, ...unless }
  const reply = await client.get(from, headers, [PARTIAL, UNCHANGED, BEYOND_THE_END])
  if (reply.status === UNCHANGED && Object.keys(unless).length > 0) {
    await reply.body.dump()
    return { unchanged: true }
  }
  const strange = whatIsStrange(reply, options, condition !== undefined)
  if (strange !== undefined) {
    await reply.body.dump()
    throw new HttpFailure(`${shown(from)} ${strange}`, { transient: false })
  }
  const answer = assess(reply, intake, from)
  if (answer === 'complete') {
    await reply.body.dump()
    return { unchanged: false }
  }
  if (answer === 'other') {
    await reply.body.dump()
    await intake.restart()
    // Without a new byte, so that a server which does it again and again is given up.
    throw new HttpFailure(`${shown(from)} has another file now`, { transient: true })
  }
  if (intake.offset > 0 && reply.status !== PARTIAL) await intake.restart()
  if (!options.willBeChecked && `${reply.headers['content-type']}`.startsWith('text/html')) {
    await reply.body.dump()
    throw new HttpFailure(`${shown(from)} is a web page, not an image`, { transient: false })
  }
  const { totalBytes } = answer
  await onSize(totalBytes)
  await intake.partial.begin({ url: shown(url), from: shown(from), totalBytes, ...validatorOf(reply) })
  try {
    for await (const chunk of reply.body) {
      await intake.write(chunk)
      await onBytes(intake.offset, totalBytes)
    }
  } finally {
    await intake.flush()
  }
  if (totalBytes === undefined || intake.offset === totalBytes) return { unchanged: false }
  const sizes = `${formatBytes(intake.offset)} of ${formatBytes(totalBytes)}`
  if (intake.offset > totalBytes) await intake.restart()
  throw new HttpFailure(`${shown(from)}: ${sizes} came`, { transient: true })
}

/** An answer to what was not asked, of which nothing can be made. */
function whatIsStrange(reply: HttpReply, { from }: TransferOptions, askedForRest: boolean): string | undefined {
  const { status } = reply
  if (status === UNCHANGED)
    return `answered with status ${UNCHANGED}, "not modified", although nothing is known of it here`
  if (!askedForRest && status !== 200) return `answered with status ${status} although all of it was asked for`
  const encoding = encodingOf(reply)
  // What is compressed on the server's disk is often announced so, and is sent as it is.
  if (encoding === undefined || /\.(?:t?gz|xz|zstd?|bz2|Z)$/.test(new URL(from).pathname)) return undefined
  return `is sent with Content-Encoding ${encoding}, which was not asked for`
}

/** Headers that ask for the rest, or undefined when it must begin anew. */
async function continuation(
  { offset, partial }: Intake,
  options: TransferOptions,
): Promise<Record<string, string> | undefined> {
  // Of less nobody has seen yet whether it is compressed.
  if (offset < MAGIC_BYTES) return undefined
  const { origin } = partial
  const known = origin?.from === shown(options.from) ? strong(origin) : undefined
  if (known === undefined && !options.willBeChecked) return undefined
  return { range: `bytes=${offset}-`, ...(known && { 'if-range': known }) }
}

/** RFC 9110: a weak tag says that files mean the same, not that they are the same. */
function strong({ etag, lastModified }: Validator): string | undefined {
  return etag !== undefined && !etag.startsWith('W/') ? etag : lastModified
}

function unlessHeaders({ etag, lastModified }: Validator = {}): Record<string, string> {
  if (etag !== undefined) return { 'if-none-match': etag }
  return lastModified === undefined ? {} : { 'if-modified-since': lastModified }
}

function assess(
  reply: HttpReply,
  { offset, partial }: Intake,
  from: string,
): { totalBytes: number | undefined } | 'complete' | 'other' {
  const { status, headers } = reply
  const total = (text: string | undefined) => (text === undefined || text === '*' ? undefined : Number(text))
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(`${headers['content-range'] ?? ''}`)
  const rangeTotal = total(range?.[2])
  if (status === BEYOND_THE_END) return offset > 0 && rangeTotal === offset ? 'complete' : 'other'
  if (status !== PARTIAL) return { totalBytes: total([headers['content-length']].flat()[0]) }
  const { etag, totalBytes } = partial.origin ?? {}
  const { etag: now } = validatorOf(reply)
  // Each server has tags of its own.
  const sameTag = etag === undefined || now === undefined || etag === now || partial.origin?.from !== shown(from)
  const sameSize = totalBytes === undefined || rangeTotal === undefined || totalBytes === rangeTotal
  return Number(range?.[1]) === offset && sameSize && sameTag ? { totalBytes: rangeTotal ?? totalBytes } : 'other'
}

/** What the answer says by which the same file can be known again. */
function validatorOf({ headers }: HttpReply): Validator {
  const text = (value: string | string[] | undefined) => (typeof value === 'string' ? value : undefined)
  return { etag: text(headers.etag), lastModified: text(headers['last-modified']) }
}
