import { MayflyError } from '../../errors.js'
import type { Commands } from '../commands.js'
import { type GuestProcess, isNamed, parseProcesses, withoutDescendants } from './process-table.js'
import { ask, type LookOptions, someOf } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface ProcessState {
  /** The same as `running`. */
  exists: boolean
  /** Zombies do not count. */
  running: boolean
  /** All with that name, oldest first by pid. */
  processes: readonly GuestProcess[]
}

/** The processes that run a program, by its name or path. */
export class ProcessResource extends NamedResource<ProcessState> {
  readonly kind = 'process'

  constructor(vm: Commands, name: string) {
    super(vm, name)
    if (name === '') throw new MayflyError('MAYFLY_OPTION_INVALID', 'a process has a name')
  }

  async isRunning(): Promise<boolean> {
    return (await this.state()).running
  }

  async count(): Promise<number> {
    return (await this.state()).processes.length
  }

  async pids(): Promise<readonly number[]> {
    return (await this.state()).processes.map(({ pid }) => pid)
  }

  /** Of the one with the lowest pid. */
  async user(): Promise<string> {
    return (await this.existing()).processes[0]!.user
  }

  /** Argument vector of the one with the lowest pid. */
  async args(): Promise<readonly string[]> {
    return (await this.existing()).processes[0]!.args
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<ProcessState>> {
    const records = await ask(this.vm, this.title, SCRIPT, options)
    const everyone = parseProcesses(records.exact('heads') ?? '', records.text('owners'))
    const all = withoutDescendants(everyone, Number(records.text('self')))
    const named = all.filter((process) => isNamed(process, this.name))
    const processes = named.filter(({ state }) => state !== 'Z')
    const zombies = named.length - processes.length
    const running = processes.length > 0
    return { state: { exists: running, running, processes }, evidence: running ? [] : evidenceOf(all, zombies) }
  }

  /** @internal */
  describe({ processes }: ProcessState): string {
    if (processes.length === 0) return 'is not running'
    const pids = processes.map(({ pid }) => pid)
    return `is running with pid${pids.length === 1 ? '' : 's'} ${pids.join(', ')}`
  }
}

/** One process for all files: a thing for each is what makes this slow on an emulated machine. */
const SCRIPT = `say self $$
  heads() { head -v -c 4096 /proc/[0-9]*/stat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\000' '\\001'; }
  out heads heads
  owners() { stat -c '%n %U' /proc/[0-9]* 2>/dev/null; }
  out owners owners`

function evidenceOf(all: readonly GuestProcess[], zombies: number): string[] {
  const programs = new Set(all.filter(({ args }) => args.length > 0).map(({ name }) => name))
  return [
    ...(zombies === 0 ? [] : [`there ${zombies === 1 ? 'is one zombie' : `are ${zombies} zombies`} of that name`]),
    `what runs: ${someOf([...programs].sort())}`,
  ]
}
