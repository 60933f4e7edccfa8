import { URL } from '../../node-globals.js'
import type { PortFacts } from './machine-diff.js'

const PROTOCOLS = ['tcp', 'tcp6', 'udp', 'udp6'] as const
/** States of a socket in /proc/net: TCP's LISTEN, and what UDP has for a socket that is bound and not connected. */
const LISTENING = { tcp: '0A', udp: '07' } as const
/** A UDP socket that answers nobody in particular. */
const NOBODY = /^0+:0000$/

/**
 * Who listens where, by `tcp 0.0.0.0:80`.
 * @param sections of an inventory: proc(5)'s tables of sockets, `ls -l` of all processes' descriptors, and their names.
 */
export function listeners(sections: ReadonlyMap<string, string>): Map<string, PortFacts> {
  const names = processesBySocket(sections.get('descriptors') ?? '', sections.get('processes') ?? '')
  const processes = new Map<string, Set<string>>()
  for (const table of PROTOCOLS) {
    const protocol = table.startsWith('tcp') ? 'tcp' : 'udp'
    for (const row of (sections.get(table) ?? '').split('\n').slice(1)) {
      const [, local, remote, state, , , , , , inode] = row.trim().split(/\s+/)
      if (local === undefined || state !== LISTENING[protocol] || !NOBODY.test(remote!)) continue
      const name = `${protocol} ${addressOf(local)}`
      const known = processes.get(name) ?? new Set()
      for (const process of names.get(inode!) ?? []) known.add(process)
      processes.set(name, known)
    }
  }
  return new Map([...processes].map(([name, known]) => [name, { process: [...known].sort().join(',') }]))
}

function processesBySocket(descriptors: string, processes: string): Map<string, Set<string>> {
  const names = new Map(
    processes.split('\n').flatMap((line) => {
      const [, pid, name] = /^\/proc\/(\d+)\/comm:(.*)$/.exec(line) ?? []
      return pid === undefined ? [] : [[pid, name!] as const]
    }),
  )
  const bySocket = new Map<string, Set<string>>()
  let process: string | undefined
  for (const line of descriptors.split('\n')) {
    const pid = /^\/proc\/(\d+)\/fd:$/.exec(line)?.[1]
    if (pid !== undefined) process = names.get(pid)
    const inode = /-> socket:\[(\d+)\]$/.exec(line)?.[1]
    if (inode === undefined || process === undefined) continue
    bySocket.set(inode, (bySocket.get(inode) ?? new Set()).add(process))
  }
  return bySocket
}

/** `0100007F:1F90`, words in the byte order of the processor, as `127.0.0.1:8080`; an IPv6 address in brackets. */
function addressOf(text: string): string {
  const [hex = '', port = ''] = text.split(':')
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex').reverse()])
  const number = Number.parseInt(port, 16)
  if (bytes.length === 4) return `${bytes.join('.')}:${number}`
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index]! * 256 + bytes[2 * index + 1]!).toString(16))
  // The URL parser knows how an IPv6 address is shortened.
  return `${new URL(`http://[${groups.join(':')}]`).hostname}:${number}`
}
