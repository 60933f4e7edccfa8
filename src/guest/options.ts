import { nearest } from '../nearest.js'

const PATH = 'a path'
const TEXT = 'a text'
const FLAG = 'true or false'
const URL = 'a URL that begins with http:// or https://'
const KEY = 'a public key, on one line'
const DOCUMENT = 'the text of a document, or an object'

/** Every option of a guest by its path (`*` is a position in a list), and what it expects: ends the sentence "expected …". */
export const OPTIONS: Readonly<Record<string, string>> = {
  '': 'the name of an image, or an object with an image',
  name: 'a name of 1 to 200 characters',
  image:
    "the name of an image, such as 'debian', or one of { path }, { url, sha256 } and { kernel, initrd, cmdline, disk }",
  'image.name': "'micro' or 'debian'",
  'image.suite': "'bookworm' or 'trixie'",
  'image.mirror': URL,
  'image.path': PATH,
  'image.url': URL,
  'image.sha256': '64 hexadecimal digits',
  'image.kernel': PATH,
  'image.initrd': PATH,
  'image.cmdline': TEXT,
  'image.disk': PATH,
  'image.agent': FLAG,
  cpus: 'a whole number from 1 to 255',
  memory: "a number of MiB, or a size such as '512MiB' or '1GiB'",
  disk: "a number of GiB, or a size such as '20GiB'",
  display: FLAG,
  network: "'user', 'none', 'tap' or { mode: 'tap', bridge: 'br0' }",
  'network.mode': "'tap'",
  'network.bridge': 'the name of a network interface: at most 15 characters, no spaces, slashes or colons',
  'network.leases': PATH,
  arch: "'x86_64' or 'aarch64'",
  firmware: "'bios' or 'uefi'",
  cloudInit: 'false, or an object with userData, networkConfig, hostname or raw',
  'cloudInit.userData': DOCUMENT,
  'cloudInit.networkConfig': DOCUMENT,
  'cloudInit.hostname': 'a host name: letters, digits and -, in parts of at most 63 characters',
  'cloudInit.raw': FLAG,
  ssh: 'an object with user, authorizedKeys, privateKey or hostKey',
  'ssh.user': 'a user name',
  'ssh.authorizedKeys': 'a list of public keys',
  'ssh.authorizedKeys.*': KEY,
  'ssh.privateKey': PATH,
  'ssh.hostKey': KEY,
  provision: 'a list of steps, such as [shell("true")]; or a function, with provisionKey',
  'provision.*': 'a step: what packages(), file(), shell() or setup() returns',
  'provision.*.kind': "'packages', 'file', 'shell' or 'setup'",
  'provision.*.names': 'a list of packages',
  'provision.*.names.*': 'the name of a package',
  'provision.*.source': PATH,
  'provision.*.target': 'an absolute path in the guest',
  'provision.*.mode': 'permission bits, such as 0o644',
  'provision.*.owner': "a text such as 'user' or 'user:group'",
  'provision.*.script': 'a script',
  'provision.*.user': 'a user name',
  'provision.*.key': 'a text that changes whenever the function does',
  'provision.*.run': 'a function',
  provisionKey: 'a text that changes whenever the function does',
}

/** What other tools call an option, and what other places call a value. */
const SYNONYMS: Readonly<Record<string, string>> = {
  architecture: 'arch',
  bootimage: 'image',
  box: 'image',
  cores: 'cpus',
  cpucount: 'cpus',
  diskbytes: 'disk',
  memorybytes: 'memory',
  ram: 'memory',
  screen: 'display',
  setup: 'provision',
  steps: 'provision',
  storage: 'disk',
  vcpus: 'cpus',
  vnc: 'display',
}
const VALUES: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  bridge: 'tap',
  bridged: 'tap',
  efi: 'uefi',
  nat: 'user',
  ovmf: 'uefi',
  slirp: 'user',
  x64: 'x86_64',
}

/** Positions in lists do not matter for what an option is. */
export function patternOf(path: readonly PropertyKey[]): string {
  return path.map((key) => (typeof key === 'number' ? '*' : String(key))).join('.')
}

/** For an option that does not exist at a path: what was meant, or where it belongs. */
export function suggestOption(path: readonly PropertyKey[], typed: string): string {
  const parent = patternOf(path)
  const known = childrenOf(parent)
  const bare = typed.toLowerCase().replaceAll(/[-_ ]/g, '')
  const meant = known.find((name) => name.toLowerCase() === bare) ?? SYNONYMS[bare]
  if (meant !== undefined && known.includes(meant)) return `Did you mean ${meant}?`
  const home = Object.keys(OPTIONS).find(
    (option) => /^(?!provision)\w+\.\w+$/.test(option) && option.endsWith(`.${typed}`),
  )
  if (parent === '' && home !== undefined) return `It belongs into ${home.split('.')[0]}: { ${typed} }.`
  const similar = nearest(typed, known)
  if (similar !== undefined) return `Did you mean ${similar}?`
  if (parent !== '' && childrenOf('').includes(typed))
    return `It belongs beside ${path.map(String).join('.')}, not into it.`
  return `Known here: ${known.join(', ')}.`
}

/** For a text that is none of an option's values. */
export function suggestValue(pattern: string, typed: string): string | undefined {
  const allowed = Array.from((OPTIONS[pattern] ?? '').matchAll(/'(\w+)'/g), ([, value]) => value!)
  const meant = VALUES[typed.toLowerCase()]
  if (meant !== undefined && allowed.includes(meant)) return `Write '${meant}'.`
  const similar = nearest(typed, allowed)
  return similar === undefined || /size/.test(OPTIONS[pattern] ?? '') ? undefined : `Did you mean '${similar}'?`
}

function childrenOf(parent: string): string[] {
  const prefix = parent === '' ? '' : `${parent}.`
  return Object.keys(OPTIONS)
    .filter((option) => option.startsWith(prefix))
    .map((option) => option.slice(prefix.length))
    .filter((name) => name !== '' && name !== '*' && !name.includes('.'))
}
