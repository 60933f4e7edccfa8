const PROGRESS = /^mayfly: .*\n/gm
/** The journal writes to the console when it comes to it. */
const LATE = /^the console of \S+ said \(failed-unit\): .*\n/gm
const RUN_TIMES = /^ *(Start at|Duration) .*\n/gm
/** Words are kept, and what differs from run to run is not: durations, counts of attempts, ids, process ids, addresses. */
const VOLATILE: [RegExp, string][] = [
  [/(?<!')\b\d+(\.\d+)? ?(?:ms|s|min)\b/g, 'N ms'],
  [/\b\d+ (attempts?)\b/g, 'N attempts'],
  [/\[ *\d+\.\d{6}\]/g, '[T]'],
  [/\b(micro|debian|server|shop|vm)-[0-9a-f]{8}\b/g, '$1-ID'],
  [/\b(pid|PID|process|Process:|Main PID:) \d+\b/g, '$1 N'],
  [/\b(total-vm|anon-rss|file-rss|shmem-rss|pgtables):\d+kB/g, '$1:N'],
  [/\b(?:\d+ times|once)\b/g, 'N times'],
  [/\brestart counter is at \d+/g, 'restart counter is at N'],
  [/\b(Memory|Tasks): \d.*/g, '$1: N'],
  [/([├└]─)\d+ /g, '$1N '],
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, 'TIME'],
  [/\b[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d\b/g, 'TIME'],
  [/\b(Sun|Mon|Tue|Wed|Thu|Fri|Sat) TIME/g, 'TIME'],
  [/\b([a-z-]+)\[\d+\]/g, '$1[N]'],
]

/** What a run prints, without what is different each time, so that it can be compared with the last. */
export function steady(output: string, root: string): string {
  const kept = output.replaceAll(root, '<root>/').replace(PROGRESS, '').replace(RUN_TIMES, '').replace(LATE, '')
  const text = VOLATILE.reduce((so, [pattern, by]) => so.replace(pattern, by), kept)
  return `${text.replace(JOURNAL, inOrder).trim()}\n`
}

/** What a program and systemd say at the same time comes in any order, and as often as there was time for. */
const JOURNAL = /(^ *journal: .*\n)+/gm

function inOrder(lines: string): string {
  return `${[...new Set(lines.trimEnd().split('\n'))].sort().join('\n')}\n`
}
