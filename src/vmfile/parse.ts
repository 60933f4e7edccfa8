import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { Decoder } from './decode.js'
import { type Diagnostic, type Diagnostics, errorsIn, vmFileError } from './diagnostic.js'
import type { KdlNode } from './kdl.js'
import { type Machine, machineOf } from './machine.js'
import { type Path, Places } from './places.js'
import { read } from './read.js'
import { checkRules } from './rules.js'
import { machineSchema } from './schema.js'
import { machineShape, nodeName, type Shape } from './shape.js'
import { Source } from './source.js'
import { suggestField } from './suggest.js'

/** A VMFile that was read, with what is wrong with it. Its machines are those that are right. */
export interface VmFile {
  readonly source: Source
  readonly machines: readonly Machine[]
  readonly diagnostics: readonly Diagnostic[]
}

/**
 * The machines of a VMFile.
 * @param options.path as it is to be named in messages; paths in the file go from its directory.
 * @throws MayflyError MAYFLY_VMFILE_INVALID with everything that is wrong, each with its place and what to do.
 */
export function parseVmFile(text: string, options: { path: string }): readonly Machine[] {
  const { source, machines, diagnostics } = inspectVmFile(text, options)
  if (errorsIn(diagnostics).length > 0) throw vmFileError(source, diagnostics)
  return machines
}

/** The same for those who want what is wrong rather than an error, and warnings. */
export function inspectVmFile(text: string, { path }: { path: string }): VmFile {
  const source = new Source(path, text)
  const { nodes, diagnostics: found } = read(text)
  const directory = dirname(resolve(path))
  const names = new Map<string, KdlNode>()
  const machines = nodes.flatMap((node) => {
    if (node.name === 'vm') return machineIn(node, { source, found, directory, names }) ?? []
    const { hint, name } = suggestField(node.name, '', TOP)
    found.error(node.nameSpan, `${node.name} is unknown outside of a vm`, { hint })
    if (name) machineIn(node, { source, found, directory, names })
    return []
  })
  if (nodes.length === 0 && errorsIn(found.sorted).length === 0) {
    found.error({ start: 0, end: 1 }, 'there is no machine in this file', {
      hint: 'As in vm "web" { image "debian"; }',
    })
  }
  return { source, machines, diagnostics: found.sorted }
}

const TOP: ReadonlyMap<string, string> = new Map([['vm', 'machines']])

interface Context {
  source: Source
  found: Diagnostics
  directory: string
  names: Map<string, KdlNode>
}

function machineIn(node: KdlNode, { source, found, directory, names }: Context): Machine | undefined {
  const places = new Places(source)
  const raw = new Decoder(found, places, directory).block(node, machineShape(), [])
  if (!raw) return undefined
  const before = names.get(raw.name as string)
  if (before) {
    const related = { span: before.values[0]!.span, message: 'the first one is here' }
    found.error(places.at(['name']), `two machines are called ${JSON.stringify(raw.name)}`, { related })
  } else if (places.has(['name'])) names.set(raw.name as string, node)
  checkRules(raw, places, found)
  const parsed = machineSchema().safeParse(raw)
  if (parsed.success) return machineOf(parsed.data, places, directory)
  for (const issue of parsed.error.issues) report(issue, places, found)
  return undefined
}

/** Of what zod finds, its words are not those of a VMFile's writer. */
function report(issue: z.core.$ZodIssue, places: Places, found: Diagnostics): void {
  const path = issue.path as Path
  if (places.isBroken(path) || !places.has(path)) return
  const [shape, label] = shapeAt(path)
  const span = places.at(path)
  const written = places.source.text.slice(span.start, span.end)
  const shown = written.length > 60 || written.includes('\n') ? `${written.split('\n')[0]!.slice(0, 57)}…` : written
  const number = /^"(\d+)"$/.exec(written)
  const unquoted =
    number && /whole number|port/.test(shape.expects ?? '') && `Write it without quotes: ${label} ${number[1]}`
  found.error(span, `${label} expects ${shape.expects ?? 'something else'}, not ${shown}`, {
    hint: unquoted || shape.hint,
  })
}

/** The shape of a field, and what its writer calls it. */
function shapeAt(path: Path): [Shape, string] {
  let shape: Shape = machineShape()
  let [parent, label] = ['vm', 'vm']
  for (const step of path) {
    if (typeof step === 'number') {
      // An item of a list of values is described by the list.
      if (shape.items && (shape.items.properties || shape.items.oneOf))
        shape = { ...shape.items, arguments: shape.items.arguments! }
      continue
    }
    const owners: Shape[] = shape.oneOf ?? [shape]
    const positional = shape.arguments?.includes(step)
    parent = label
    label = positional ? `the ${nodeName(step)} of ${parent}` : nodeName(step)
    shape = owners.map(({ properties }) => properties?.[step]).find((found) => found !== undefined) ?? {}
  }
  return [shape, label]
}
