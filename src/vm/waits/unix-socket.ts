import { quote } from '../../ssh/quote.js'
import type { Commands } from '../commands.js'
import { type Awaited, QUICK_PAUSE_MS } from './until.js'

/** A server to listen at a path: a stream socket that accepts connections, or a datagram socket, which needs none. */
export function unixSocketToBeOpen(vm: Commands, path: string): Awaited<void> {
  // The kernel knows a socket by the name that its server gave, such as /var/run/x for /run/x. Flags 00010000 are
  // __SO_ACCEPTCON, type 0002 is a datagram socket.
  const script = `path=${quote(path)}
    [ -e "$path" ] || { echo 'it does not exist'; exit; }
    [ -S "$path" ] || { echo 'there is something else than a socket'; exit; }
    grep -F -e "/\${path##*/}" /proc/net/unix | while read -r number uses protocol flags type state inode name; do
      [ "$name" -ef "$path" ] && case "$flags $type" in 00010000*|*0002) echo open ;; esac
    done | grep -q open && echo open || echo 'there is a socket, and nobody listens'`
  return {
    title: `a server at the socket ${path}`,
    longestPauseMs: QUICK_PAUSE_MS,
    async look(options) {
      const found = (await vm.probe(script, options)).stdout.trim()
      return found === 'open' ? { met: undefined } : { seen: [`last: ${found}`] }
    },
  }
}
