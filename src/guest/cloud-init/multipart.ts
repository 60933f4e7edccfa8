/** One part of user-data; of what kind it is, its first line says as well as its type. */
export interface Part {
  type: string
  text: string
  /** How cloud-init puts it together with the parts before it. Default: its keys replace theirs. */
  mergeType?: string
}

/** Several as one: cloud-init reads MIME (RFC 2046). Base64, so that no line of theirs can be a boundary. */
export function multipart(parts: readonly Part[]): string {
  const boundary = boundaryFor(parts)
  const encoded = parts.map((part) => [`--${boundary}`, part.type === MIME ? part.text : encode(part), ''].join('\n'))
  return [
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    'MIME-Version: 1.0',
    '',
    ...encoded,
    `--${boundary}--`,
    '',
  ].join('\n')
}

function encode({ type, text, mergeType }: Part): string {
  return [
    `Content-Type: ${type}; charset="utf-8"`,
    'MIME-Version: 1.0',
    'Content-Transfer-Encoding: base64',
    ...(mergeType === undefined ? [] : [`Merge-Type: ${mergeType}`]),
    '',
    ...(Buffer.from(text)
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
  ].join('\n')
}

/** Parts that are MIME themselves stand there as they are. */
function boundaryFor(parts: readonly Part[]): string {
  let boundary = '=_mayfly'
  while (parts.some(({ type, text }) => type === MIME && text.includes(boundary))) boundary += '_'
  return boundary
}

/** A message with parts of its own, such as `cloud-init devel make-mime` writes. */
export const MIME = 'multipart/mixed'
export const CLOUD_CONFIG = 'text/cloud-config'

/** Kinds of user-data by how they begin: docs.cloud-init.io, "User-data formats". The longest that fits is meant. */
const TYPES: readonly [beginning: string, type: string][] = [
  ['#cloud-config-archive', 'text/cloud-config-archive'],
  ['#cloud-config-jsonp', 'text/cloud-config-jsonp'],
  ['## template: jinja', 'text/jinja2'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#include-once', 'text/x-include-once-url'],
  ['#part-handler', 'text/part-handler'],
  ['#cloud-config', CLOUD_CONFIG],
  ['#include', 'text/x-include-url'],
  ['#!', 'text/x-shellscript'],
]
/** How far cloud-init looks for a header of MIME. */
const MIME_HEADER_CHARACTERS = 4096

/** User-data without what an editor or a template literal has put before its first line. */
export function fromFirstLine(text: string): string {
  return text.replace(/^[\uFEFF\s]+/, '')
}

/** What kind of user-data a text is; undefined for what cloud-init would not know. It takes upper case for lower. */
export function typeOf(text: string): string | undefined {
  const beginning = fromFirstLine(text).slice(0, MIME_HEADER_CHARACTERS).toLowerCase()
  if (/^[\w-]+:/.test(beginning) && beginning.includes('mime-version:')) return MIME
  return TYPES.find(([start]) => beginning.startsWith(start))?.[1]
}
