import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { MayflyError } from '../errors.js'
import { unpacked } from '../guest/cloud-init/unpacked.js'
import { defineGuest, type GuestSpec } from '../guest/spec.js'
import { packages, type Step, shell } from '../guest/steps.js'
import { publicKeysIn } from '../ssh/public-keys.js'
import { quote } from '../ssh/quote.js'
import type { Diagnostics } from './diagnostic.js'
import { isEmbeddedName } from './image-name.js'
import type { Machine } from './machine.js'
import type { Path } from './places.js'
import { scriptCommand } from './script-file.js'

export interface Use {
  /** Not for a test: it is made once, and boots by itself each time that it is started. */
  stays?: boolean
}

/** The guest that a machine of a VMFile is; undefined, and a report, if this version of Mayfly has no such guest. */
export function toGuestSpec(machine: Machine, found: Diagnostics, use: Use = {}): GuestSpec | undefined {
  const before = found.size
  checkSupport(machine, found, use)
  // What is broken has been reported, and no guest comes of it.
  return found.size === before && !machine.places.anyBroken ? specOf(machine, found) : undefined
}

/** What a machine may have, and GuestSpec has not, as it is today. */
function checkSupport(machine: Machine, found: Diagnostics, { stays = false }: Use): void {
  const { image, kernel, cloudInit, ssh } = machine
  const named = image && 'name' in image ? image.name : undefined
  const embedded = named !== undefined && isEmbeddedName(named) && !kernel
  const isMicro = embedded && named.startsWith('micro')
  const alone = embedded || (kernel && !cloudInit)
  const user = machine.places.has(['ssh', 'user']) ? ssh?.user : undefined
  const limits: [applies: unknown, path: Path, what: string, hint?: string][] = [
    [kernel && named, ['image'], `give a kernel the disk of the image ${named}`, 'Name a file.'],
    [machine.sha256 && (named || kernel), ['sha256'], 'check the digest of this image', 'It does so for disk images.'],
    [embedded && cloudInit?.sshKey, ['cloudInit', 'sshKey'], 'let a key of yours into this guest', OWN_KEY],
    [embedded && cloudInit?.userData, ['cloudInit', 'userData'], 'run cloud-init in this guest', NO_CLOUD_INIT],
    [alone && user && user !== 'root', ['ssh', 'user'], `log in to this guest as ${user}`, 'It has root: user "root"'],
    [alone && ssh?.privateKey, ['ssh', 'privateKey'], 'log in to this guest with a key of yours', OWN_KEY],
    [isMicro && machine.rootPassword, ['rootPassword'], 'set the password of this guest', 'It has no login.'],
    [isMicro && machine.packages, ['packages'], 'install packages in micro', 'The image debian has apt.'],
    ...machine.manipulation.map((block, at): [unknown, Path, string, string] => [
      isMicro && block.packages,
      ['manipulation', at, 'packages'],
      'install packages in micro',
      'The image debian has apt.',
    ]),
    [!machine.snapshot && !stays, ['snapshot'], 'boot a machine for each test', RESUMES],
  ]
  for (const [applies, path, what, hint] of limits) {
    if (applies) found.error(machine.places.at(path), `this version of Mayfly cannot ${what}`, { hint })
  }
}

const RESUMES = 'Leave it out: machines of tests resume from a template. Those of mayfly up boot.'
const OWN_KEY = 'Leave it out: Mayfly makes a key, and uses it.'
const NO_CLOUD_INIT = 'It has none: use packages, share and provision, or a disk image.'

function specOf(machine: Machine, found: Diagnostics): GuestSpec | undefined {
  const { name, vcpus, memory, disk, network, vnc, firmware, arch } = machine
  try {
    const access = accessOf(machine)
    const spec: GuestSpec = {
      name,
      image: imageOf(machine),
      cpus: vcpus,
      memory,
      ...(disk === undefined ? {} : { disk }),
      display: vnc !== undefined,
      firmware,
      arch,
      network: network.mode === 'tap' ? network : network.mode,
      ...access,
      provision: [...stepsOf(machine, access.ssh?.user)],
    }
    defineGuest(spec)
    return spec
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error
    refuse(error, machine, found)
    return undefined
  }
}

/** What no guest can be, at the places in the file of the options that are named. */
function refuse({ shortMessage, details, hint }: MayflyError, { places }: Machine, found: Diagnostics): void {
  const named = details.map((detail) => /^([\w.]+): (.*)$/s.exec(detail) ?? ['', '', detail])
  if (named.length > 0) {
    for (const [, option, why] of named) found.error(places.at(placeOf(option!)), why!, { hint })
  } else {
    const field = ['memory', 'disk', 'network'].find((known) => shortMessage.includes(known))
    found.error(places.at(field ? [field] : []), shortMessage, { hint })
  }
}

function placeOf(option: string): Path {
  return option.startsWith('ssh.authorizedKeys') ? ['cloudInit', 'sshKey'] : option.split('.')
}

function imageOf({ image, imageUrl, sha256, kernel, initrd, cmdline }: Machine): GuestSpec['image'] {
  const path = image && 'path' in image ? image.path : undefined
  if (kernel) return { kernel, initrd, cmdline, disk: path }
  if (imageUrl) return { url: imageUrl, sha256 }
  return path === undefined ? (image as { name: string }).name : { path, sha256 }
}

/**
 * What cloud-init is told, and who logs in. Mayfly lets a key of its own in beside the user's; but user-data with a
 * `private-key` is passed through as it is, as vmctl has it.
 */
function accessOf({ cloudInit, ssh, kernel, image }: Machine): Pick<GuestSpec, 'cloudInit' | 'ssh'> {
  const alone = (kernel && !cloudInit) || (image && 'name' in image && isEmbeddedName(image.name))
  const userData = textOf(cloudInit?.userData)
  const raw = userData !== undefined && ssh?.privateKey !== undefined
  const authorizedKeys = raw ? undefined : publicKeysIn(textOf(cloudInit?.sshKey) ?? '')
  return {
    ...(cloudInit ? { cloudInit: { hostname: cloudInit.hostname, userData, raw } } : {}),
    ...(alone || !(ssh || cloudInit)
      ? {}
      : { ssh: { user: ssh?.user ?? 'vm', authorizedKeys, privateKey: raw ? ssh.privateKey : undefined } }),
  }
}

/** Undefined also for a file that is not there, which `checkHostFiles` reports. */
function textOf(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(path) ? unpacked(readFileSync(path)) : undefined
}

/** What prepares the machine, root does; the steps of `provision` are those of whoever logs in. */
function* stepsOf(machine: Machine, user = 'root'): Generator<Step> {
  const { packages: own = [], share, manipulation, provision, rootPassword } = machine
  const names = new Set([...own, ...manipulation.flatMap((block) => block.packages ?? [])])
  if (names.size > 0) yield packages(...names)
  if (rootPassword) yield shell(`# root's password\nprintf 'root:%s\\n' ${quote(rootPassword)} | chpasswd`)
  const as = user === 'root' ? {} : { user }
  // With the group of their login.
  const owned = user === 'root' ? {} : { owner: `${user}:` }
  for (const { source, target } of share) yield { kind: 'file', source, target, ...owned }
  for (const { script } of manipulation) if (script) yield shell(script)
  for (const [at, step] of provision.entries()) {
    if (step.kind === 'file') yield { kind: 'file', source: step.source, target: step.destination, ...owned }
    else if (step.inline !== undefined) yield shell(asCommandLine(step.inline), as)
    else {
      const target = `/tmp/mayfly-provision-${at + 1}`
      yield { kind: 'file', source: step.script!, target, mode: 0o755, ...owned }
      // A script that is not there is reported by `checkHostFiles`.
      const command = statSync(step.script!, { throwIfNoEntry: false })?.isFile()
        ? scriptCommand(step.script!, target)
        : target
      yield shell(`# ${basename(step.script!)}\n${command}`, as)
    }
  }
}

/** As if it were typed: only its last command decides. The first line is what is shown of the step. */
function asCommandLine(inline: string): string {
  const [first = '', ...more] = inline.trim().split('\n')
  return `# ${first}${more.length > 0 ? ' …' : ''}\nset +eu\n${inline}`
}
