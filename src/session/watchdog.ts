import { type ChildProcess, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { STAGING } from './staging.js'

/** Marks every process that belongs to a session, in its environment, from before its first instruction. */
export const SESSION_VARIABLE = 'MAYFLY_SESSION'

/**
 * Reads its standard input, a pipe that only the owner holds, to the end: that comes when the owner closes it or dies.
 * The owner's parent, if one is given, is looked at every second: it holds no pipe, and may die without the owner noticing.
 * Then it kills what the session still runs and removes the session's directory. It is shell, not Node, to cost 1 MB and 2 ms.
 * The lock it holds tells sweepers, in any pid namespace, that this session is being looked after.
 */
const SCRIPT = `
trap '' HUP INT TERM
id=$1 dir=$2 scratch=$3 parent=$4
exec 9>"$dir/alive"
command -v flock >/dev/null && flock -n 9
if [ -z "$parent" ]; then
  cat >/dev/null
else
  until timeout 1 cat >/dev/null || ! kill -0 "$parent" 2>/dev/null; do :; done
fi
survivors() {
  if [ -d /proc/self ]; then
    grep -lszxF "${SESSION_VARIABLE}=$id" /proc/[0-9]*/environ | cut -d/ -f3
  else
    ps -axEww -o pid=,command= | grep -F "${SESSION_VARIABLE}=$id" | awk '{ print $1 }'
  fi
}
tries=0
while pids=$(survivors) && [ -n "$pids" ] && [ $tries -lt 200 ]; do
  kill -KILL $pids 2>/dev/null
  tries=$((tries + 1))
  sleep 0.02
done
for link in "$dir/${STAGING}"/*; do
  [ -L "$link" ] && rm -rf -- "$(readlink "$link")"
done
rm -rf "$dir" "$scratch/mayfly-$id".*
`

export interface Watchdog {
  process: ChildProcess
  /** Closing it, or dying, releases the session. */
  lifeline: Writable
}

/**
 * Starts the watchdog of a session. It is there when this returns: what is started afterwards cannot outlive the owner.
 * @param parent a process without which the session has no purpose either.
 */
export function startWatchdog(id: string, directory: string, parent?: number): Watchdog {
  const { [SESSION_VARIABLE]: _own, ...env } = process.env
  const child = spawn(
    '/bin/sh',
    ['-c', SCRIPT, 'mayfly-watchdog', id, directory, resolve(tmpdir()), `${parent ?? ''}`],
    {
      // Its own process group: Ctrl-C is for the owner.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
      env,
    },
  )
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  child.unref()
  // Typed as a plain stream, but it is a socket, and must not keep the owner's event loop alive.
  ;(child.stdin as unknown as { unref(): void }).unref()
  return { process: child, lifeline: child.stdin }
}
