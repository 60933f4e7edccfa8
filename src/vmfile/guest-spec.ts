import { MayflyError } from '../errors.js'
import { defineGuest, type GuestSpec } from '../guest/spec.js'
import { packages, type Step, shell } from '../guest/steps.js'
import { quote } from '../ssh/quote.js'
import type { Diagnostics } from './diagnostic.js'
import { isEmbeddedName } from './image-name.js'
import type { Machine } from './machine.js'
import type { Path } from './places.js'

/** The guest that a machine of a VMFile is; undefined, and a report, if this version of Mayfly has no such guest. */
export function toGuestSpec(machine: Machine, found: Diagnostics): GuestSpec | undefined {
  const before = found.size
  checkSupport(machine, found)
  return found.size === before ? specOf(machine, found) : undefined
}

/** What a machine may have, and GuestSpec has not, as it is today. */
function checkSupport(machine: Machine, found: Diagnostics): void {
  const { image, imageUrl, kernel, network, cloudInit, ssh } = machine
  const named = image && 'name' in image ? image.name : undefined
  const isMicro = named?.startsWith('micro')
  const user = machine.places.has(['ssh', 'user']) ? ssh?.user : undefined
  const boots = kernel || (named !== undefined && isEmbeddedName(named))
  const limits: [applies: unknown, path: Path, what: string, hint?: string][] = [
    [imageUrl, ['imageUrl'], 'boot an image from a URL', BOOTS],
    [image && !boots, ['image'], named ? `boot the image ${named}` : 'boot a disk image by itself', BOOTS],
    [kernel && !machine.initrd, ['kernel'], 'boot a kernel without an initrd', 'Guests find their keys in it.'],
    [kernel && named, ['image'], `give a kernel the disk of the image ${named}`, 'Name a file.'],
    [machine.sha256, ['sha256'], 'check the digest of this image'],
    [network.mode !== 'user', ['network', 'mode'], `give a guest the network "${network.mode}"`],
    [cloudInit?.sshKey, ['cloudInit', 'sshKey'], 'let a key of yours in', OWN_KEY],
    [cloudInit?.userData, ['cloudInit', 'userData'], 'run cloud-init'],
    [user && user !== 'root', ['ssh', 'user'], `log in as ${user}`, 'Its guests have root: user "root"'],
    [ssh?.privateKey, ['ssh', 'privateKey'], 'log in with a key of yours', OWN_KEY],
    [machine.rootPassword && !named?.startsWith('debian'), ['rootPassword'], 'set the password of this guest'],
    [isMicro && machine.packages, ['packages'], 'install packages in micro', 'The image debian has apt.'],
    ...machine.manipulation.map((block, at): [unknown, Path, string, string] => [
      isMicro && block.packages,
      ['manipulation', at, 'packages'],
      'install packages in micro',
      'The image debian has apt.',
    ]),
    [machine.vnc?.port, ['vnc', 'port'], 'serve a screen on a TCP port', SOCKET],
    [machine.vnc?.password, ['vnc', 'password'], 'take a password for the screen from here', SOCKET],
    [!machine.snapshot, ['snapshot'], 'boot a machine each time', 'Leave it out: machines resume from a template.'],
  ]
  for (const [applies, path, what, hint] of limits) {
    if (applies) found.error(machine.places.at(path), `this version of Mayfly cannot ${what}`, { hint })
  }
}

const BOOTS = 'It boots image "debian", image "micro", and kernel with initrd, with or without a disk in image.'
const SOCKET = 'Leave it out: vm.vnc({ password }) serves it at a unix socket.'
const OWN_KEY = 'Leave it out: Mayfly makes a key, and uses it.'

function specOf(machine: Machine, found: Diagnostics): GuestSpec | undefined {
  const { name, image, kernel, initrd, cmdline, vcpus, memory, disk, cloudInit } = machine
  const path = image && 'path' in image ? image.path : undefined
  const spec: GuestSpec = {
    // What a guest is called is its host name too.
    name: cloudInit?.hostname ?? name,
    image: kernel ? { kernel, initrd: initrd!, cmdline, disk: path } : (image as { name: string }).name,
    cpus: vcpus,
    memory,
    ...(disk === undefined ? {} : { disk }),
    display: machine.vnc !== undefined,
    provision: [...stepsOf(machine)],
  }
  try {
    defineGuest(spec)
    return spec
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error
    const { shortMessage, details, hint } = error
    const field = shortMessage.startsWith('memory') ? ['memory'] : []
    found.error(machine.places.at(field), [shortMessage, ...details].join('; '), { hint })
    return undefined
  }
}

function* stepsOf({ packages: own = [], share, manipulation, provision, rootPassword }: Machine): Generator<Step> {
  const names = new Set([...own, ...manipulation.flatMap((block) => block.packages ?? [])])
  if (names.size > 0) yield packages(...names)
  if (rootPassword) yield shell(`# root's password\nprintf 'root:%s\\n' ${quote(rootPassword)} | chpasswd`)
  for (const { source, target } of share) yield { kind: 'file', source, target }
  for (const { script } of manipulation) if (script) yield shell(script)
  for (const [at, step] of provision.entries()) {
    if (step.kind === 'file') yield { kind: 'file', source: step.source, target: step.destination }
    else if (step.inline !== undefined) yield shell(asCommandLine(step.inline))
    else {
      const target = `/tmp/mayfly-provision-${at + 1}`
      yield { kind: 'file', source: step.script!, target, mode: 0o755 }
      yield shell(target)
    }
  }
}

/** As if it were typed: only its last command decides. The first line is what is shown of the step. */
function asCommandLine(inline: string): string {
  const [first = ''] = inline.trim().split('\n')
  return `# ${first}\nset +eu\n${inline}`
}
