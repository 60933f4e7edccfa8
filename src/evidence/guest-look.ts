import { randomBytes } from 'node:crypto'
import { runScript } from '../ssh/script.js'
import { formatBytes, KIB, MIB } from '../units.js'
import type { Vm } from '../vm/vm.js'
import { plainText } from './machine.js'

/** A file of the evidence that the guest itself has to tell, and what it holds, for people. */
export const GUEST_FILES = {
  'kernel.log': "the kernel's own messages (dmesg)",
  'journal.log': "systemd's failed units with their last words, then the end of the journal",
  'guest.txt': 'the guest at the end of the test: processes, disks, listening ports, load, memory',
} as const

export type GuestFile = keyof typeof GUEST_FILES

const MOST_KERNEL_LOG = 256 * KIB
const MOST_JOURNAL = 256 * KIB
const JOURNAL_LINES = 1000
const MOST_UNITS = 3
const MOST_WORDS = 8 * KIB
/** What a failed unit's own program said last: enough for a traceback. */
const WORDS_LINES = 30
const UNIT = 'unit '

/** A unit that has failed, and what its own programs said last, without systemd's messages. */
export interface FailedUnit {
  name: string
  lines: readonly string[]
}
/** All parts together have less. */
const MOST_ANSWER = 4 * MIB

export interface GuestLook {
  files: Map<GuestFile, string>
  failedUnits: readonly FailedUnit[]
  /** Why some of it is not there. */
  missing: string[]
}

/**
 * Asks a guest for everything at once, in one round trip. What has come until `signal` aborts counts; a part that was begun is marked.
 * @param signal the end of everybody's patience: a guest that hangs does not answer.
 */
export async function lookIntoGuest(vm: Vm, signal: AbortSignal): Promise<GuestLook> {
  if (vm.state !== 'running')
    return { files: new Map(), failedUnits: [], missing: [`the guest was not asked: it is ${vm.state}`] }
  const token = `@@${randomBytes(6).toString('hex')}`
  const chunks: Buffer[] = []
  let bytes = 0
  const onStdout = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MOST_ANSWER) throw new Error(`it sent more than ${formatBytes(MOST_ANSWER)}`)
    chunks.push(chunk)
  }
  const asking = vm.life.use('collect evidence', (connection) =>
    runScript(connection, scriptFor(token), { name: 'collect evidence', onStdout }),
  )
  const failure = await Promise.race([
    asking.then(
      () => undefined,
      (error) => `the guest did not answer: ${(error as Error).message.split('\n')[0]}`,
    ),
    aborted(signal).then(() => 'the guest did not answer in time'),
  ])
  return parse(Buffer.concat(chunks).toString(), token, failure)
}

/** @internal Tested by itself. */
export function parse(output: string, token: string, failure: string | undefined): GuestLook {
  const [, ...parts] = output.split(`${token} `)
  const files = new Map<GuestFile, string>()
  const failedUnits: FailedUnit[] = []
  for (const [index, part] of parts.entries()) {
    const [name, ...lines] = part.split('\n')
    if (name === 'end') continue
    if (name!.startsWith(UNIT)) {
      const said = plainText(lines.join('\n')).trimEnd()
      if (said !== '') failedUnits.push({ name: plainText(name!.slice(UNIT.length)), lines: said.split('\n') })
      continue
    }
    const text = lines.join('\n').trim()
    const cut = failure !== undefined && index === parts.length - 1
    if (text !== '') files.set(name as GuestFile, `${text}\n${cut ? '[the guest stopped answering here]\n' : ''}`)
  }
  return { files, failedUnits, missing: failure === undefined ? [] : [failure] }
}

/** For any POSIX shell, with or without systemd. What matters most comes first, for an emulated guest on a busy host may not get to the end; of the kernel, the console tells too. Every part is bounded. */
function scriptFor(token: string): string {
  return `
p() { printf '%s %s\\n' '${token}' "$1"; }
h() { printf '\\n# %s\\n' "$*"; "$@" 2>&1; }
has() { command -v "$1" >/dev/null 2>&1; }
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER= COLUMNS=200
if [ -d /run/systemd/system ]; then
units=$(systemctl --failed --no-legend --plain 2>&1 | cut -d' ' -f1)
for unit in $(echo "$units" | head -n ${MOST_UNITS}); do
p "${UNIT}$unit"
id=$(systemctl show -p InvocationID --value -- "$unit" 2>/dev/null)
[ -n "$id" ] && journalctl -b --no-pager -q -o cat -n ${WORDS_LINES} "_SYSTEMD_INVOCATION_ID=$id" 2>/dev/null | tail -c ${MOST_WORDS}
done
p journal.log
if [ -n "$units" ]; then
printf '# failed units: %s\\n\\n' "$(echo $units)"
systemctl status --no-pager -l -n 30 -- $units 2>&1 | tail -c ${MOST_JOURNAL}
else printf '# no unit has failed\\n'; fi
printf '\\n# the last ${JOURNAL_LINES} lines of the journal\\n\\n'
journalctl -b --no-pager -q -o short-precise -n ${JOURNAL_LINES} 2>&1 | tail -c ${MOST_JOURNAL}
fi
p kernel.log
dmesg 2>&1 | tail -c ${MOST_KERNEL_LOG}
p guest.txt
if [ -d /run/systemd/system ]; then h ps -ewwo pid,ppid,user,stat,pcpu,rss,etime,args; else h ps; fi
h df -h
if has ss; then h ss -tulpn; else h netstat -tuln; fi
h cat /proc/uptime /proc/loadavg /proc/meminfo
p end
`
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
