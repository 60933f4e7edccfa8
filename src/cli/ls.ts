import type { Arch } from '../host/host-arch.js'
import { openStore } from '../image/store.js'
import { listImages } from '../image/stored.js'
import { Date } from '../node-globals.js'
import { findEmulator } from '../session/harness.js'
import { type ListedSession, listSessionsAndVms } from '../session/list.js'
import { differences, hostIngredients, type Ingredients } from '../snapshot/cache-key.js'
import { FORMAT } from '../snapshot/format.js'
import { listTemplates } from '../snapshot/stored.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { ago } from './ago.js'
import { type ListedImage, type ListedTemplate, state } from './listed.js'
import { print, printJson } from './streams.js'
import { style } from './style.js'
import { table } from './table.js'
import { templateTree } from './template-tree.js'

export interface LsOptions {
  tree?: boolean
  json?: boolean
}

/** `mayfly ls` */
export async function ls({ cacheDir }: ActionContext, { tree, json }: LsOptions): Promise<number> {
  const store = await openStore(cacheDir)
  const [stored, storedImages, sessions] = await Promise.all([
    listTemplates(store).then(byNameAndUse),
    listImages(store).then(byNameAndUse),
    listSessionsAndVms(store),
  ])
  const here = { x64: await thisHost(cacheDir, 'x64'), arm64: await thisHost(cacheDir, 'arm64') }
  const templates = stored.map(({ host, damage, ...template }): ListedTemplate => {
    const reason =
      damage ??
      (template.format === FORMAT ? undefined : 'another version of Mayfly made it') ??
      unlike(host, here[template.arch])
    return reason ? { ...template, usable: false, reason } : { ...template, usable: true }
  })
  const images = storedImages.map((image) => ({ ...image, usable: image.damage === undefined }))
  if (json) await printJson({ cacheDir, images, templates, sessions })
  else if (tree) await print(`Cache: ${cacheDir}\n\n${templateTree(images, templates)}`)
  else await print(render(cacheDir, images, templates, sessions))
  return 0
}

/** By name, and what was used last first. */
function byNameAndUse<T extends { name: string; lastUsedAt: Date }>(entries: T[]): T[] {
  return entries.sort((a, b) => compare(a.name, b.name) || compare(b.lastUsedAt, a.lastUsedAt))
}

function compare<T extends string | Date>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** What a template must have been made with; without it, why none can be used. */
async function thisHost(cacheDir: string, arch: Arch): Promise<ReturnType<typeof hostIngredients> | string> {
  try {
    return hostIngredients(await findEmulator(cacheDir, arch))
  } catch {
    return `no QEMU for ${arch} can be used on this host; see mayfly doctor`
  }
}

function unlike(made: Ingredients['host'] | undefined, here: Awaited<ReturnType<typeof thisHost>>): string | undefined {
  return typeof here === 'string' ? here : made && differences(made, here).join('; ')
}

function render(
  cacheDir: string,
  images: ListedImage[],
  templates: ListedTemplate[],
  sessions: ListedSession[],
): string {
  const imageRows = images.map((image) => [
    image.name,
    short(image.key),
    ago(image.lastUsedAt),
    formatBytes(image.bytes),
    state(image.usable, image.damage),
  ])
  const templateRows = templates.map(({ name, title, key, createdAt, lastUsedAt, bytes, usable, reason }) => [
    name,
    title ?? '?',
    short(key),
    createdAt ? ago(createdAt) : '?',
    ago(lastUsedAt),
    formatBytes(bytes),
    state(usable, reason),
  ])
  const vmRows = sessions.flatMap(({ id, pid, alive, vms }) => {
    const owner = `${pid}${alive ? '' : style('red', ' dead')}`
    if (vms.length === 0) return [[id, owner, '-', '-', '-']]
    return vms.map((vm) => [
      id,
      owner,
      vm.id,
      vm.damage === undefined
        ? `${vm.pid}${vm.alive ? '' : style('red', ' dead')}`
        : style('red', 'its record is damaged'),
      ago(new Date(vm.startedAt)),
    ])
  })
  return [
    `Cache: ${cacheDir}`,
    section('Images', ['NAME', 'KEY', 'LAST USED', 'SIZE', 'STATE'], imageRows),
    section('Templates', ['NAME', 'AFTER', 'KEY', 'CREATED', 'LAST USED', 'SIZE', 'STATE'], templateRows),
    section('Sessions', ['SESSION', 'OWNER', 'VM', 'QEMU', 'STARTED'], vmRows),
  ].join('\n\n')
}

function section(title: string, header: string[], rows: string[][]): string {
  return `${style('bold', title)}\n${rows.length === 0 ? 'none' : table([header, ...rows])}`
}

function short(key: string): string {
  return key.length > 24 && !key.includes('-') ? key.slice(0, 12) : key
}
