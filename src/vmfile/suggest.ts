import { nearest } from '../nearest.js'
import { blockFields, machineShape, nodeName, type Shape } from './shape.js'

/** What other tools call it. */
const SYNONYMS: Record<string, string> = {
  command: 'inline',
  cores: 'vcpus',
  cpu: 'vcpus',
  cpus: 'vcpus',
  dest: 'destination',
  guest: 'vm',
  key: 'private-key',
  machine: 'vm',
  mem: 'memory',
  mount: 'share',
  net: 'network',
  path: 'source',
  provisioner: 'provision',
  ram: 'memory',
  run: 'inline',
  src: 'source',
  storage: 'disk',
  target: 'destination',
  url: 'image-url',
  username: 'user',
  volume: 'share',
}

export interface Suggestion {
  readonly hint: string | undefined
  /** What was most likely meant. */
  readonly name?: string
}

/** Of a name that is unknown where it stands: what was meant, or where it belongs, or what there is. */
export function suggestField(typed: string, parent: string, allowed: ReadonlyMap<string, string>): Suggestion {
  const names = [...allowed.keys()]
  const bare = typed
    .replace(/[:,]+$/, '')
    .toLowerCase()
    .replaceAll('_', '-')
  const synonym = SYNONYMS[bare]
  if (synonym && allowed.has(synonym)) return { hint: `Did you mean ${synonym}?`, name: synonym }
  if (bare !== typed && allowed.has(bare)) return { hint: `Write ${bare}.`, name: bare }
  const home = homeOf(bare, parent)
  if (home) return { hint: `${bare} belongs into ${home}.` }
  const suggestion = nearest(bare, names)
  if (suggestion) return { hint: `Did you mean ${suggestion}?`, name: suggestion }
  return { hint: names.length > 0 ? `Known here: ${names.join(', ')}.` : undefined }
}

export function suggestValue(typed: string, parent: string, allowed: readonly string[]): string {
  if (parent === 'network' && typed === 'vnic')
    return 'Only illumos has "vnic". On other hosts use "user", "tap" or "none".'
  const suggestion = nearest(typed, allowed)
  if (suggestion) return `Did you mean "${suggestion}"?`
  return `Known here: ${allowed.map((value) => `"${value}"`).join(', ')}.`
}

/** The node in whose block a name would be right. */
function homeOf(name: string, parent: string): string | undefined {
  if (parent !== 'vm' && blockFields(machineShape()).has(name))
    return parent ? 'vm, outside of this block' : 'a vm "…" { … }'
  if (parent !== 'vm') return undefined
  const fields = Object.entries(machineShape().properties!)
  const home = fields.find(([field, shape]) => nodeName(field) !== parent && hasField(shape, name))
  return home && `${nodeName(home[0])} { … }`
}

function hasField(shape: Shape, name: string): boolean {
  const within = shape.items ?? shape
  return (within.oneOf ?? [within]).some(
    (one) => one.properties !== undefined && blockFields(one, within.arguments).has(name),
  )
}
