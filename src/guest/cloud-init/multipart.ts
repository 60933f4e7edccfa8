/** One part of user-data; of what kind it is, its first line says as well as its type. */
export interface Part {
  type: string
  text: string
}

/** Several as one: cloud-init reads MIME (RFC 2046). Base64, so that no line of theirs can be a boundary. */
export function multipart(parts: readonly Part[]): string {
  const boundary = '=_mayfly'
  const encoded = parts.map(({ type, text }) =>
    [
      `--${boundary}`,
      `Content-Type: ${type}; charset="utf-8"`,
      'MIME-Version: 1.0',
      'Content-Transfer-Encoding: base64',
      '',
      ...(Buffer.from(text)
        .toString('base64')
        .match(/.{1,76}/g) ?? []),
      '',
    ].join('\n'),
  )
  return [
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    'MIME-Version: 1.0',
    '',
    ...encoded,
    `--${boundary}--`,
    '',
  ].join('\n')
}

/** Kinds of user-data by how they begin: docs.cloud-init.io, "User-data formats". */
const TYPES: readonly [beginning: string, type: string][] = [
  ['#!', 'text/x-shellscript'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#include-once', 'text/x-include-once-url'],
  ['#include', 'text/x-include-url'],
  ['#cloud-config-archive', 'text/cloud-config-archive'],
  ['#cloud-config-jsonp', 'text/cloud-config-jsonp'],
  ['## template: jinja', 'text/jinja2'],
  ['#part-handler', 'text/part-handler'],
]

/** What kind of user-data a text is that is not a cloud-config; undefined for what cloud-init would not know. */
export function typeOf(text: string): string | undefined {
  return TYPES.find(([beginning]) => text.startsWith(beginning))?.[1]
}
