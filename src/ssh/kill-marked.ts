import { within } from '../deadline.js'
import { messageOf } from '../errors.js'
import { clearTimeout, setTimeout } from '../node-globals.js'
import { scriptLine } from './any-shell.js'
import { type OpenChannel, openExecChannel } from './channel.js'
import type { SshConnection } from './connection.js'
import { quote } from './quote.js'
import { abandon } from './ssh2-internals.js'

/** How long a guest may be silent before the caller, whose own time is over, stops waiting for the end of the processes. */
const PATIENCE_MS = 300
/** How long they are being killed. */
const KILL_DEADLINE_MS = 5_000

/**
 * Kills every process of the guest whose environment or command line holds `marker`, and all their descendants, and
 * closes the command's own channel. Never rejects. If the guest is silent, killing goes on while the caller is told, and the
 * next command waits for it.
 * @returns why the processes may still be there, or undefined if they are gone.
 */
export async function killMarked(
  connection: SshConnection,
  marker: string,
  opening: Promise<OpenChannel>,
): Promise<string | undefined> {
  return await new Promise((resolve) => {
    let timer: NodeJS.Timeout
    const onProgress = () => {
      clearTimeout(timer)
      timer = setTimeout(() => resolve(stillThere(new Error('the guest does not answer'))), PATIENCE_MS)
    }
    onProgress()
    const killing = killInTime(connection, marker, opening, onProgress)
    connection.untilKilled(killing)
    void killing.then((doubt) => {
      onProgress()
      clearTimeout(timer)
      resolve(doubt)
    })
  })
}

async function killInTime(
  connection: SshConnection,
  marker: string,
  opening: Promise<OpenChannel>,
  onProgress: () => void,
): Promise<string | undefined> {
  try {
    return await within(
      kill(connection, marker, opening, onProgress),
      KILL_DEADLINE_MS,
      () => new Error('the guest did not answer'),
    )
  } catch (error) {
    return stillThere(error)
  } finally {
    opening.then(
      ({ channel }) => abandon(channel),
      () => {},
    )
  }
}

function stillThere(error: unknown): string {
  return `its processes may still run: ${messageOf(error)}`
}

async function kill(
  connection: SshConnection,
  marker: string,
  opening: Promise<OpenChannel>,
  onProgress: () => void,
): Promise<undefined> {
  const { channel } = await opening
  onProgress()
  const gone = new Promise<boolean>((resolve) => channel.once('close', () => resolve(true)))
  // Whatever it still says is not wanted, and a paused channel never closes.
  for (const stream of [channel, channel.stderr]) stream.removeAllListeners('data').resume()
  // The shell may not have got as far as its marker when the first scan ran.
  for (let attempt = 0; attempt < 5; attempt++) {
    await runKillScript(connection, marker, onProgress)
    onProgress()
    const wait = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 100 * 2 ** attempt).unref())
    if (await Promise.race([gone, wait])) return undefined
  }
  throw new Error('the channel stays open')
}

async function runKillScript(connection: SshConnection, marker: string, onProgress: () => void): Promise<void> {
  const what = `kill ${marker}`
  // All sessions may be taken, perhaps by what is to be killed.
  const killer = await openExecChannel(connection, killScript(marker), what, true).opened
  onProgress()
  await killer.connection.during(what, () => {
    return new Promise<void>((resolve) => {
      killer.channel.on('data', onProgress).once('close', () => resolve())
      killer.channel.resume()
      killer.channel.stderr.resume()
      killer.channel.end()
    })
  })
}

/**
 * Stops the marked processes and their descendants until a scan finds no new one, so that none forks away between the
 * scan and the kill. The pattern does not match itself, or the script and its grep would be found too.
 */
function killScript(marker: string): string {
  const script = `
found=' '
add() { case $found in *" $1 "*) ;; *) found="$found$1 "; kill -STOP "$1" 2>/dev/null; new=1;; esac; }
new=1
while [ "$new" ]; do
  echo
  new=
  for file in $(grep -ls '[${marker[0]}]${marker.slice(1)}' /proc/[0-9]*/environ /proc/[0-9]*/cmdline); do
    file=\${file#/proc/}
    add "\${file%%/*}"
  done
  parents=$(grep -s '^PPid:' /proc/[0-9]*/status)
  more=1
  while [ "$more" ]; do
    more=
    while read -r path parent; do
      case $found in
        *" $parent "*) pid=\${path#/proc/}; pid=\${pid%%/*}
          case $found in *" $pid "*) ;; *) add "$pid"; more=1;; esac;;
      esac
    done <<END
$parents
END
  done
done
[ "$found" = ' ' ] || kill -KILL $found 2>/dev/null
`
  return scriptLine(`[ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null && exec sudo -n sh -c ${quote(script)}\n${script}`)
}
