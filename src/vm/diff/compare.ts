import type { Change } from './machine-diff.js'

/** What is on one side only, or not the same on both, sorted by name. */
export function compare<Facts extends object>(
  before: ReadonlyMap<string, Facts>,
  after: ReadonlyMap<string, Facts>,
  ignored: (name: string) => boolean = () => false,
): Change<Facts>[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].filter((name) => !ignored(name))
  return names.sort(byCodeUnit).flatMap((name) => changeOf(name, before.get(name), after.get(name)))
}

function changeOf<Facts extends object>(name: string, before?: Facts, after?: Facts): Change<Facts>[] {
  if (before === undefined) return [{ change: 'added', name, after: after!, differs: [] }]
  if (after === undefined) return [{ change: 'removed', name, before, differs: [] }]
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Facts)[]
  const differs = keys.filter((key) => before[key] !== after[key])
  return differs.length === 0 ? [] : [{ change: 'changed', name, before, after, differs }]
}

/** The same in every locale. */
export function byCodeUnit(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
