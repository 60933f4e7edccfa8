import { MayflyError } from '../../errors.js'
import { quote } from '../../ssh/quote.js'
import { ask, type LookOptions, type Records } from './records.js'
import { NamedResource, type Sight } from './resource.js'

export interface ServiceState {
  manager: 'systemd' | 'openrc'
  /** Whether the manager knows of it. */
  exists: boolean
  /** Started and not stopped, such as a one-shot unit that has done its work and remains. */
  active: boolean
  /** Active, and something runs or listens for it. */
  running: boolean
  /** Started at boot, or by what needs it: as `systemctl is-enabled` sees it. */
  enabled: boolean
  /** systemd's ActiveState (`active`, `failed`, ...), or what OpenRC says (`started`, `crashed`, ...). */
  activeState: string
  /** systemd's SubState: `running`, `exited`, `dead`, `auto-restart`, ... */
  subState: string
  /** systemd's UnitFileState: `enabled`, `static`, `masked`, ...; for OpenRC the runlevels. */
  enablement: string
  /** How it ended: `exit-code`, `signal`, `timeout`, `start-limit-hit`, ...; `success` otherwise. */
  result: string
  /** Status of its main process, once that has ended. */
  exitStatus: number | undefined
  /** Of its main process. */
  pid: number | undefined
  /** How often systemd has restarted it by itself. */
  restarts: number
}

const PROPERTIES =
  'Id,LoadState,ActiveState,SubState,UnitFileState,Result,MainPID,ExecMainStatus,ExecMainCode,NRestarts,LoadError'
/** Those for which `systemctl is-enabled` exits 0. */
const ENABLED = ['enabled', 'enabled-runtime', 'static', 'alias', 'indirect', 'generated', 'transient']

/** A unit of systemd (`nginx`, `nginx.socket`, `backup.timer`), or a service of OpenRC. */
export class ServiceResource extends NamedResource<ServiceState> {
  readonly kind = 'service'

  async isRunning(): Promise<boolean> {
    return (await this.state()).running
  }

  async isActive(): Promise<boolean> {
    return (await this.state()).active
  }

  async isEnabled(): Promise<boolean> {
    return (await this.state()).enabled
  }

  /** Of its main process; undefined if it has none. */
  async pid(): Promise<number | undefined> {
    return (await this.existing()).pid
  }

  /** @internal */
  async look(options: LookOptions = {}): Promise<Sight<ServiceState>> {
    // systemctl would take it as a pattern, and answer for any unit.
    if (/[*?[\]\n]/.test(this.name) || this.name === '') {
      throw new MayflyError('MAYFLY_OPTION_INVALID', `not a service's name: ${JSON.stringify(this.name)}`)
    }
    const records = await ask(this.vm, this.title, script(this.name, options.evidence === true), options)
    const manager = records.text('manager')
    if (manager !== 'systemd' && manager !== 'openrc') {
      const message = `${this.vm.name} has no service manager that Mayfly knows (systemd, OpenRC)`
      throw new MayflyError('MAYFLY_RESOURCE_UNSUPPORTED', message, {
        hint: `vm.process(${JSON.stringify(this.name)}) tells whether a program runs.`,
      })
    }
    const state = manager === 'systemd' ? systemdState(records) : openrcState(records)
    return { state, evidence: evidenceOf(records, this.name) }
  }

  /** @internal */
  describe(state: ServiceState): string {
    const { exists, activeState, subState, enablement, result, exitStatus, pid, restarts, manager } = state
    if (!exists) return `is unknown to ${manager === 'systemd' ? 'systemd' : 'OpenRC'}`
    const parts = [`is ${activeState}${['', activeState].includes(subState) ? '' : ` (${subState})`}`]
    if (result !== '' && result !== 'success') parts.push(`result ${result}`)
    if (pid !== undefined) parts.push(`pid ${pid}`)
    if (exitStatus) parts.push(`exit status ${exitStatus}`)
    if (restarts > 0) parts.push(`restarted ${restarts === 1 ? 'once' : `${restarts} times`}`)
    parts.push(enablement === '' ? 'not enabled' : enablement)
    return parts.join(', ')
  }
}

function script(name: string, evidence: boolean): string {
  const word = quote(name)
  const journal = `case $show in
      *LoadState=not-found*) out alike systemctl list-unit-files --no-legend --no-pager -- ${quote(`*${name}*`)} ;;
      *ActiveState=active*) ;;
      *) out journal journalctl --no-pager -q -o cat -n 10 -u ${word} ;;
    esac`
  return `if [ -d /run/systemd/system ]; then
    say manager systemd
    show=$(systemctl show --no-pager -p ${PROPERTIES} -- ${word} 2>&1)
    say show "$show"
    ${evidence ? journal : ''}
  elif [ -d /run/openrc ]; then
    say manager openrc
    rc-service -e ${word} && say exists yes
    out status rc-service -- ${word} status
    for link in /etc/runlevels/*/${word}; do
      [ -e "$link" ] && { level=\${link%/*}; levels="$levels \${level##*/}"; }
    done
    say enablement "$levels"
  fi`
}

function systemdState(records: Records): ServiceState {
  const properties = parseProperties(records.text('show'))
  const of = (name: string) => properties.get(name) ?? ''
  const exists = of('LoadState') !== 'not-found' && of('LoadState') !== ''
  const active = ['active', 'reloading', 'refreshing'].includes(of('ActiveState'))
  const pid = Number(of('MainPID'))
  const ended = Number(of('ExecMainCode')) > 0
  return {
    manager: 'systemd',
    exists,
    active,
    running: active && !['exited', 'dead', 'elapsed'].includes(of('SubState')),
    enabled: ENABLED.includes(of('UnitFileState')),
    activeState: of('ActiveState'),
    subState: of('SubState'),
    enablement: of('LoadState') === 'masked' ? 'masked' : of('UnitFileState'),
    result: of('Result'),
    exitStatus: ended ? Number(of('ExecMainStatus')) : undefined,
    pid: pid > 0 ? pid : undefined,
    restarts: Number(of('NRestarts') || 0),
  }
}

/** `name=value` lines of `systemctl show`. */
export function parseProperties(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const equals = line.indexOf('=')
      return equals < 0 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]]
    }),
  )
}

function openrcState(records: Records): ServiceState {
  const status = /status:\s*(\S+)/.exec(records.text('status'))?.[1] ?? 'stopped'
  const enablement = records.text('enablement')
  return {
    manager: 'openrc',
    exists: records.has('exists'),
    active: status === 'started',
    running: status === 'started',
    enabled: enablement !== '',
    activeState: status,
    subState: '',
    enablement,
    result: status === 'crashed' ? 'crashed' : '',
    exitStatus: undefined,
    pid: undefined,
    restarts: 0,
  }
}

function evidenceOf(records: Records, name: string): string[] {
  const journal = records.lines('journal')
  const alike = records.lines('alike').map((line) => line.split(/\s+/).slice(0, 2).join(' '))
  if (journal.length > 0) return [`journal of ${name}:`, ...journal.map((line) => `  ${line}`)]
  if (alike.length > 0) return ['units with that in their names:', ...alike.slice(0, 10).map((line) => `  ${line}`)]
  return records.has('journal') ? [`the journal has nothing of ${name}`] : []
}
