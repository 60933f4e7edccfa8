import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isKept } from '../snapshot/kept-manifest.js'
import { KEPT } from './collect-evidence.js'

/** A machine that can be opened again. */
export interface KeptMachine {
  name: string
  /** Its checkpoint's. */
  directory: string
}

/** The machines that are kept in a bundle; `path` is that of the bundle, of a file in it, or of one of its machines. */
export async function machinesIn(path: string): Promise<KeptMachine[]> {
  const isFile = await stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )
  const directory = isFile ? dirname(path) : path
  for (const own of [directory, join(directory, KEPT)]) {
    if (await isKept(own)) return [{ name: basename(dirname(own)), directory: own }]
  }
  const names = await readdir(directory).catch(() => [])
  const machines: KeptMachine[] = []
  for (const name of names.toSorted((a, b) => a.localeCompare(b))) {
    const kept = join(directory, name, KEPT)
    if (await isKept(kept)) machines.push({ name, directory: kept })
  }
  return machines
}

/** Folders below `directory` that hold a machine, newest first. */
export async function bundlesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const machines = entries
    .filter((entry) => entry.isDirectory() && entry.name === KEPT)
    .map(({ parentPath }) => parentPath)
  const bundles = [...new Set(machines.filter((path) => !path.includes('.partial-')).map((path) => dirname(path)))]
  const times = await Promise.all(bundles.map(async (path) => (await stat(path)).mtimeMs))
  return bundles.sort((a, b) => times[bundles.indexOf(b)]! - times[bundles.indexOf(a)]!)
}
