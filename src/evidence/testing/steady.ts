const PROGRESS = /^mayfly: .*\n/gm
const RUN_TIMES = /^ *(Start at|Duration) .*\n/gm
/** Words are kept, and what differs from run to run is not: durations, counts of attempts, ids, process ids, addresses. */
const VOLATILE: [RegExp, string][] = [
  [/(?<!')\b\d+(\.\d+)? ?(?:ms|s|min)\b/g, 'N ms'],
  [/\b\d+ (attempts?)\b/g, 'N attempts'],
  [/\[ *\d+\.\d{6}\]/g, '[T]'],
  [/\b(micro|debian|server|shop|vm)-[0-9a-f]{8}\b/g, '$1-ID'],
  [/\b(pid|PID) \d+\b/g, '$1 N'],
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, 'TIME'],
  [/\b[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d\b/g, 'TIME'],
  [/\b([a-z-]+)\[\d+\]/g, '$1[N]'],
]

/** What a run prints, without what is different each time, so that it can be compared with the last. */
export function steady(output: string, root: string): string {
  const kept = output.replaceAll(root, '<root>/').replace(PROGRESS, '').replace(RUN_TIMES, '')
  return `${VOLATILE.reduce((text, [pattern, by]) => text.replace(pattern, by), kept).trim()}\n`
}
