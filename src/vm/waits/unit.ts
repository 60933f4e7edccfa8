import { GuestAssertionError, MayflyError } from '../../errors.js'
import { performance } from '../../node-globals.js'
import { quote } from '../../ssh/quote.js'
import { formatMilliseconds } from '../../units.js'
import type { Commands } from '../commands.js'
import { type Awaited, type LookOptions, QUICK_PAUSE_MS } from './until.js'

const PROPERTIES =
  'Id,LoadState,LoadError,ActiveState,SubState,Result,Job,NRestarts,Type,ExecMainPID,ExecMainCode,ExecMainStatus,TriggeredBy'
const ACTIVE = new Set(['active', 'reloading', 'refreshing'])
/** For what starts a unit to come round to it: a boot's script, another unit's end. */
const GRACE_MS = 3000
/** Of the codes of waitid(2); those above it are ends by a signal. */
const EXITED = 1

/** A systemd unit to be active. What will not become active by itself ends the wait at once, or after some seconds' grace. */
export function unitToBeActive(vm: Commands, unit: string): Awaited<void> {
  if (unit === '' || /[\s*?[\]]/.test(unit)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `not the name of a unit: ${JSON.stringify(unit)}`)
  }
  const graceMs = GRACE_MS * vm.clone.prepared.harness.accelerator.timeoutScale
  let idleSince: number | undefined
  return {
    title: `unit ${unit} to be active`,
    longestPauseMs: QUICK_PAUSE_MS,
    async look(options) {
      const state = await look(vm, unit, options)
      if (ACTIVE.has(state.active)) return { met: undefined }
      const failure = failureOf(state, unit)
      if (failure) throw await failed(vm, unit, { why: failure, state }, options)
      idleSince = state.idle ? (idleSince ?? performance.now()) : undefined
      if (idleSince !== undefined && performance.now() - idleSince >= graceMs) {
        const why = `unit ${unit} is inactive, and nothing is going to start it`
        const idle = `for ${formatMilliseconds(graceMs)} nothing was queued, and nothing triggers it`
        const hint =
          state.of('Type') === 'oneshot'
            ? 'A oneshot service is inactive again when it has run: give it RemainAfterExit=yes, or wait for what it makes.'
            : `Start it: systemctl start ${unit}.`
        throw await failed(vm, unit, { why, state, more: [idle], hint }, options)
      }
      return { seen: [`last: ${describe(state)}`] }
    },
    explain: (options) => evidence(vm, unit, options),
  }
}

interface UnitState {
  of(property: string): string
  active: string
  /** No job is queued for it, and nothing is known that could start it later. */
  idle: boolean
}

async function look(vm: Commands, unit: string, options: LookOptions): Promise<UnitState> {
  const script = `[ -d /run/systemd/system ] || { echo none; exit; }
    show=$(systemctl show -p ${PROPERTIES} -- ${quote(unit)}) || exit
    echo "$show"
    case $show in *ActiveState=inactive*) systemctl show -p NJobs ;; esac`
  const { stdout, stderr } = await vm.probe(script, options)
  if (stdout === 'none\n') {
    throw new MayflyError('MAYFLY_RESOURCE_UNSUPPORTED', `${vm.name} does not run systemd: it has no unit ${unit}`, {
      hint: 'Wait for what the service does: waitForOpenPort, waitForFile, waitUntilSucceeds.',
    })
  }
  const properties = new Map(
    stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  const of = (property: string) => properties.get(property) ?? ''
  const none = (property: string) => of(property) === '' || of(property) === '0'
  return {
    of,
    active: of('ActiveState') || `unknown: ${stderr.trim()}`,
    idle: of('ActiveState') === 'inactive' && none('Job') && none('NJobs') && none('TriggeredBy'),
  }
}

/** Why it will not become active by itself, if that is certain. */
function failureOf({ of, active }: UnitState, unit: string): string | undefined {
  const queued = of('Job') !== '' && of('Job') !== '0'
  if (active === 'failed' && !queued) return `unit ${unit} has failed`
  if (active !== 'inactive') return undefined
  switch (of('LoadState')) {
    case 'not-found':
      return `there is no unit ${unit}`
    case 'masked':
      return `unit ${unit} is masked: it cannot be started`
    case 'bad-setting':
    case 'error':
      return `unit ${unit} cannot be loaded: its file is not right`
    default:
      return undefined
  }
}

function describe({ of, active }: UnitState): string {
  const parts = [['', active].includes(of('SubState')) ? active : `${active} (${of('SubState')})`]
  const result = of('Result')
  if (result !== '' && result !== 'success') parts.push(`result ${result}`)
  const status = Number(of('ExecMainStatus'))
  const code = Number(of('ExecMainCode'))
  if (code === EXITED) parts.push(`its program exited with ${status}`)
  else if (code > EXITED) parts.push(`its program was killed by signal ${status}`)
  const restarts = Number(of('NRestarts'))
  if (restarts > 0) parts.push(`systemd has restarted it ${restarts === 1 ? 'once' : `${restarts} times`}`)
  if (of('LoadError') !== '') parts.push(of('LoadError').replace(/^\S+ "?(.*?)"?$/, '$1'))
  return parts.join(', ')
}

interface Failure {
  why: string
  state: UnitState
  more?: readonly string[]
  hint?: string
}

async function failed(
  vm: Commands,
  unit: string,
  { why, state, more = [], hint }: Failure,
  options: LookOptions,
): Promise<GuestAssertionError> {
  const details = [describe(state), ...more, ...(await evidence(vm, unit, options).catch(() => []))]
  return new GuestAssertionError('MAYFLY_WAIT_TIMEOUT', `${vm.name}: ${why}`, { details, hint })
}

/** What systemd and the journal say of it; or, if there is none, units of like names. */
async function evidence(vm: Commands, unit: string, options: LookOptions): Promise<string[]> {
  const name = quote(unit)
  const stem = quote(`*${unit.replace(/\.[a-z]+$/, '')}*`)
  const script = `status=$(systemctl status --no-pager -l -n 0 -- ${name} 2>/dev/null)
    if [ -n "$status" ]; then
      echo "$status" | sed 's/^/systemctl: /'
      journalctl -q -b -u ${name} -n 15 --no-pager -o short-monotonic | sed 's/^/journal: /'
    else
      systemctl list-unit-files --no-legend --no-pager -- ${stem} | head -n 8 | sed 's/^/there is: /; s/  */ /g'
    fi`
  const { stdout } = await vm.probe(script, options)
  return stdout.split('\n').filter((line) => !/^(\w+:)?\s*$/.test(line))
}
