export interface GuestProcess {
  pid: number
  ppid: number
  user: string
  /** The kernel's name of it: at most 15 characters. */
  name: string
  /** `S` sleeping, `R` running, `Z` zombie, ... */
  state: string
  /** Empty for threads of the kernel. */
  args: readonly string[]
}

/** @param heads `head -v` of stat and cmdline files below /proc, with NULs turned into \u0001. @param owners lines `/proc/<pid> <user>`. */
export function parseProcesses(heads: string, owners: string): GuestProcess[] {
  const users = new Map(
    owners.split('\n').map((line): [number, string] => {
      const [path = '', user = ''] = line.split(' ')
      return [Number(path.slice('/proc/'.length)), user]
    }),
  )
  const args = new Map<number, string[]>()
  const stats: Omit<GuestProcess, 'args'>[] = []
  // The text of each file follows its header, and is followed by a newline of head's unless it ends with one.
  const parts = heads.split(/^==> \/proc\/(\d+)\/(stat|cmdline) <==\n/m)
  for (let at = 1; at + 2 < parts.length; at += 3) {
    const [number, file, text = ''] = parts.slice(at, at + 3)
    const pid = Number(number)
    if (file === 'cmdline') args.set(pid, argumentsOf(text))
    const stat = file === 'stat' ? /^\d+ \((.*)\) (\S) (\d+) /s.exec(text) : null
    if (stat) {
      stats.push({ pid, ppid: Number(stat[3]), user: users.get(pid) ?? '', name: stat[1]!, state: stat[2]! })
    }
  }
  return stats.map((stat) => ({ ...stat, args: args.get(stat.pid) ?? [] })).sort((a, b) => a.pid - b.pid)
}

function argumentsOf(text: string): string[] {
  const end = text.lastIndexOf('\u0001')
  // A program that writes its title over its arguments may leave no NUL behind it.
  const whole = end < 0 ? text.trimEnd() : text.slice(0, end)
  const words = whole.split('\u0001')
  while (words.at(-1) === '') words.pop()
  return words
}

/** Without `root` and what descends from it. */
export function withoutDescendants(processes: readonly GuestProcess[], root: number): GuestProcess[] {
  const gone = new Set([root])
  for (let before = 0; before !== gone.size; ) {
    before = gone.size
    for (const { pid, ppid } of processes) if (gone.has(ppid)) gone.add(pid)
  }
  return processes.filter(({ pid }) => !gone.has(pid))
}

/** Whether a name is that of a process: of its program, or what the kernel calls it. */
export function isNamed({ name, args }: GuestProcess, wanted: string): boolean {
  const program = args[0] ?? ''
  if (program === wanted || program.split('/').at(-1) === wanted) return true
  if (name === wanted) return true
  // The kernel has cut the name of a script; its path is among the first arguments.
  const cut = wanted.length > 15 && name === wanted.slice(0, 15)
  return cut && args.slice(0, 3).some((word) => word.split('/').at(-1) === wanted)
}
