import { existsSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { nearest } from '../nearest.js'
import type { Diagnostics } from './diagnostic.js'
import { imageNames } from './image-name.js'
import type { Machine } from './machine.js'
import type { Path } from './places.js'
import { unfitScript } from './script-file.js'
import { alternativeOf, machineShape, nodeName, type Shape } from './shape.js'

/** Reports every path of a machine at which the host has nothing. */
export function checkHostFiles(machine: Machine, found: Diagnostics): void {
  const { image } = machine
  checkScripts(machine, found)
  if (image && 'path' in image && !existsSync(image.path)) {
    const suggestion = nearest(basename(image.path), imageNames())
    found.error(machine.places.at(['image']), `image: there is no file ${image.path}`, {
      hint: suggestion
        ? `Did you mean the image ${suggestion}?`
        : 'Paths go from the directory of the file that they stand in.',
    })
  }
  for (const [path, field] of pathsIn(machine, machineShape(), [])) {
    if (existsSync(field)) continue
    const name = nodeName(String(path.at(-1)))
    found.error(machine.places.at(path), `${name}: there is no file ${field}`, {
      hint: 'Paths go from the directory of the file that they stand in.',
    })
  }
}

/** A script that is there, and that no guest could run. */
function checkScripts({ provision, places }: Machine, found: Diagnostics): void {
  for (const [at, step] of provision.entries()) {
    if (
      step.kind !== 'shell' ||
      step.script === undefined ||
      !statSync(step.script, { throwIfNoEntry: false })?.isFile()
    )
      continue
    const unfit = unfitScript(step.script)
    if (unfit) found.error(places.at(['provision', at, 'script']), unfit.message, { hint: unfit.hint })
  }
}

function* pathsIn(value: unknown, shape: Shape, path: Path): Generator<[Path, string]> {
  if (shape.path && typeof value === 'string') yield [path, value]
  else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) yield* pathsIn(item, shape.items ?? {}, [...path, at])
  } else if (typeof value === 'object' && value !== null) {
    const record = value as Record<string, unknown>
    const { properties = {} } = alternativeOf(record, shape)
    for (const [name, field] of Object.entries(properties)) yield* pathsIn(record[name], field, [...path, name])
  }
}
