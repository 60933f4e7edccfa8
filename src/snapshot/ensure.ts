import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MayflyError, messageOf } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import { type Progress, warn } from '../host/progress.js'
import type { Image } from '../image/image.js'
import { publish, withLock } from '../image/store.js'
import type { Harness } from '../session/harness.js'
import { hold } from '../session/uses.js'
import { type Ingredients, templateKey } from './cache-key.js'
import { type ChainNode, chainOf } from './chain.js'
import { readManifest } from './manifest.js'
import { seal } from './seal.js'
import { countSharedSteps, findSibling, sharedKey } from './shared-steps.js'
import { findTemplate, neededDirectories, type Template } from './template.js'

export interface EnsureOptions {
  harness: Harness
  guest: Guest
  image: Image
  ingredients: Ingredients
  progress: Progress
  bootTimeout?: number | undefined
  signal?: AbortSignal | undefined
}

/**
 * The template of a guest, kept for as long as the session lives. If none can be used it is made now, from the last
 * provision step on whose template is there. Any number of processes may ask; one makes each.
 */
export async function ensureTemplate(options: EnsureOptions): Promise<Template> {
  const { progress } = options
  const told = new Set<string>()
  // What is wrong with one template is often wrong with the whole chain.
  const once: Progress = {
    step: (title, work) => progress.step(title, work),
    cached: (title) => progress.cached(title),
    note: (line) => progress.note(line),
    warn: (line) => {
      if (!told.has(line)) warn(progress, line)
      told.add(line)
    },
  }
  return await ensureLast(chainOf(options.guest, options.ingredients), { ...options, progress: once })
}

/** The template of the last of `nodes`. */
async function ensureLast(nodes: readonly ChainNode[], options: EnsureOptions): Promise<Template> {
  const { harness, image, progress } = options
  const node = nodes.at(-1)!
  const before = nodes.slice(0, -1)
  const find = async () => {
    const { template, reason } = await findTemplate(harness.store, node.ingredients, image)
    if (template) {
      for (const { title } of nodes) progress.cached(title)
      return template
    }
    if (reason) warn(progress, `no usable template of ${describe(node)}: ${reason}`)
    if (before.length > 0 && before.length === countSharedSteps(options.guest)) return await makeShared(nodes, options)
    return await makeAfter(nodes, options)
  }
  return await hold(harness, find, neededDirectories)
}

/** The template of the last of `nodes`, from the disk of a guest that has taken the same steps; otherwise it takes them itself. One guest does at a time. */
async function makeShared(nodes: readonly ChainNode[], options: EnsureOptions): Promise<Template> {
  const { harness, image, progress, signal } = options
  const node = nodes.at(-1)!
  const onWait = () => progress.note(`another guest takes the steps of ${describe(node)}; waiting for it`)
  return await withLock(harness.store, `steps-${sharedKey(node.ingredients)}`, { onWait, signal }, async () => {
    const find = () => findSibling(harness.store, node.ingredients, image)
    const sibling = await hold(harness, find, (found) => (found ? neededDirectories(found) : []))
    if (!sibling) return await makeAfter(nodes, options)
    for (const { title } of nodes.slice(1)) progress.cached(title)
    const title = `boot ${node.guest.name} from the disk of ${sibling.manifest.name}`
    try {
      return await make({ ...node, step: undefined, title }, sibling, options)
    } catch (error) {
      if (signal?.aborted) throw error
      warn(progress, `${title}: ${messageOf(error).split('\n')[0]}; its steps are taken again`)
      return await makeAfter(nodes, options)
    }
  })
}

/** The template of the last of `nodes`, from the one before it. */
async function makeAfter(nodes: readonly ChainNode[], options: EnsureOptions): Promise<Template> {
  const { progress } = options
  const node = nodes.at(-1)!
  const before = nodes.slice(0, -1)
  const parent = before.length > 0 ? await ensureLast(before, options) : undefined
  try {
    return await make(node, parent, options)
  } catch (error) {
    if (!parent || !(error instanceof MayflyError) || error.code !== 'MAYFLY_TEMPLATE_UNUSABLE') throw error
    // Damage that only QEMU can see: once more, and if that does not load either, it is not damage.
    warn(progress, `the template before ${describe(node)} did not load and is made again: ${error.message}`)
    await discardTemplate(options, parent)
    return await make(node, await ensureLast(before, options), options)
  }
}

async function make(node: ChainNode, parent: Template | undefined, options: EnsureOptions): Promise<Template> {
  const { harness, image, progress, signal } = options
  const key = templateKey(node.ingredients)
  const onWait = () => progress.note(`another process is sealing ${describe(node)}; waiting for it`)
  return await withLock(harness.store, `template-${key}`, { onWait, signal }, async () => {
    const { template } = await findTemplate(harness.store, node.ingredients, image)
    if (template) {
      progress.cached(node.title)
      return template
    }
    if (!node.step) explainEmulation(options)
    const target = join(harness.store.templates, key)
    await publish(harness.store, harness.session.directory, target, (staging) =>
      seal({ ...options, ...node, parent, staging, target }),
    )
    const sealed = await findTemplate(harness.store, node.ingredients, image)
    if (sealed.template) return sealed.template
    throw new MayflyError(
      'MAYFLY_CACHE_UNUSABLE',
      `the template of ${describe(node)} cannot be used just after it was sealed`,
      { details: [sealed.reason ?? 'it is gone'] },
    )
  })
}

/** Removes a template that did not load, unless another process has replaced it since. */
export async function discardTemplate({ harness, signal }: EnsureOptions, template: Template): Promise<void> {
  const { directory, manifest } = template
  await withLock(harness.store, `template-${basename(directory)}`, { signal }, async () => {
    const now = await readManifest(directory)
    if (typeof now === 'object' && now.seal !== manifest.seal) return
    await rm(directory, { recursive: true, force: true })
  })
}

/** Why guests are emulated, as far as it has been told in this process. */
const told = new Set<string>()

function explainEmulation({ harness, progress }: EnsureOptions): void {
  const { kind, reason, timeoutScale } = harness.accelerator
  if (kind !== 'tcg' || told.has(reason)) return
  told.add(reason)
  progress.note(`software emulation, for ${reason}; default timeouts are ${timeoutScale} times as long`)
}

function describe({ guest, step, title }: ChainNode): string {
  return step ? `${guest.name} after ${title}` : guest.name
}
