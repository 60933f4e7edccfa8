import { types } from 'node:util'
import { MayflyError } from '../errors.js'
import type { Commands } from '../vm/commands.js'
import type { CommandResource } from '../vm/resources/command.js'
import type { FileResource } from '../vm/resources/file.js'
import type { GroupResource } from '../vm/resources/group.js'
import type { InterfaceResource } from '../vm/resources/interface.js'
import type { MountResource } from '../vm/resources/mount.js'
import type { PackageResource } from '../vm/resources/package.js'
import type { PortResource } from '../vm/resources/port.js'
import type { ProcessResource } from '../vm/resources/process.js'
import { Resource } from '../vm/resources/resource.js'
import type { ServiceResource } from '../vm/resources/service.js'
import type { SysctlResource } from '../vm/resources/sysctl.js'
import type { UserResource } from '../vm/resources/user.js'
import { FinishedCommand, isResult } from './finished-command.js'

export interface Subjects {
  service: ServiceResource
  file: FileResource
  port: PortResource
  package: PackageResource
  user: UserResource
  group: GroupResource
  process: ProcessResource
  mount: MountResource
  sysctl: SysctlResource
  interface: InterfaceResource
  command: CommandResource | FinishedCommand
}

export type Kind = keyof Subjects

export interface Origin {
  kind: string
  /** `service nginx` */
  title: string
  /** Its machine; undefined for the result of a command, which belongs to none any more. */
  vm: Commands | undefined
}

export interface Subject<K extends Kind> extends Origin {
  resource: Subjects[K]
}

/**
 * What `expect` was given, if the matcher is for that.
 * @throws MayflyError MAYFLY_OPTION_INVALID
 */
export function subjectOf<K extends Kind>(matcher: string, kinds: readonly K[], received: unknown): Subject<K> {
  const commands: readonly Kind[] = ['command']
  if (isResult(received) && kinds.some((kind) => commands.includes(kind))) {
    const resource = new FinishedCommand(received) as Subjects[K]
    return { resource, kind: resource.kind, title: 'the command', vm: undefined }
  }
  if (received instanceof Resource && (kinds as readonly string[]).includes(received.kind)) {
    const { title, kind, vm } = received
    return { resource: received as unknown as Subjects[K], kind, title, vm }
  }
  throw new MayflyError('MAYFLY_OPTION_INVALID', `${matcher} is for ${plurals(kinds)}; got ${whatIs(received)}`, {
    hint: types.isPromise(received) ? 'Await the value before you give it to expect.' : exampleOf(matcher, kinds[0]!),
  })
}

function plurals(kinds: readonly string[]): string {
  const names = kinds.map((kind) => (kind.endsWith('s') ? `${kind}es` : `${kind}s`))
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function exampleOf(matcher: string, kind: Kind): string {
  return `For example: await expect(vm.${kind}(...)).${matcher}(...)`
}

function whatIs(received: unknown): string {
  if (received instanceof Resource) return `a ${received.kind} resource (${received.title})`
  if (types.isPromise(received)) return 'a promise'
  if (isResult(received)) return 'the result of a command'
  if (typeof received === 'object' && received !== null) return `an object of class ${received.constructor?.name}`
  return received === undefined || received === null ? String(received) : `a ${typeof received}: ${brief(received)}`
}

function brief(received: unknown): string {
  const text = typeof received === 'string' ? JSON.stringify(received) : String(received)
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`
}
