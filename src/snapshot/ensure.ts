import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MayflyError } from '../errors.js'
import type { Guest } from '../guest/spec.js'
import type { Progress } from '../host/progress.js'
import type { Image } from '../image/image.js'
import { assertSpace, publish, withLock } from '../image/store.js'
import type { Harness } from '../session/harness.js'
import { MIB } from '../units.js'
import { type Ingredients, templateKey } from './cache-key.js'
import { seal } from './seal.js'
import { findTemplate, type Template } from './template.js'

export interface EnsureOptions {
  harness: Harness
  guest: Guest
  image: Image
  ingredients: Ingredients
  progress: Progress
  bootTimeout?: number | undefined
  signal?: AbortSignal | undefined
}

/** The template of a guest, sealed now if there is none that can be used. Any number of processes may ask; one seals. */
export async function ensureTemplate(options: EnsureOptions): Promise<Template> {
  const { harness, guest, image, ingredients, progress, signal } = options
  const found = await findTemplate(harness.store, ingredients, image)
  if (found.template) return found.template
  const key = templateKey(ingredients)
  const onWait = () => progress.note(`another process is sealing ${guest.name}; waiting for it`)
  return await withLock(harness.store, `template-${key}`, { onWait, signal }, async () => {
    const { template, reason } = await findTemplate(harness.store, ingredients, image)
    if (template) return template
    if (reason) progress.note(`no usable template of ${guest.name}: ${reason}`)
    const { kind, reason: because, timeoutScale } = harness.accelerator
    if (kind === 'tcg') {
      progress.note(`software emulation, for ${because}; default timeouts are ${timeoutScale} times as long`)
    }
    await assertSpace(harness.store, guest.memoryBytes + MIB, `the memory of ${guest.name}`)
    const target = join(harness.store.templates, key)
    const { directory: workshop } = harness.session
    await publish(harness.store, workshop, target, (staging) => seal({ ...options, staging, target }))
    const sealed = await findTemplate(harness.store, ingredients, image)
    if (sealed.template) return sealed.template
    throw new MayflyError(
      'MAYFLY_TEMPLATE_UNUSABLE',
      `the template of ${guest.name} cannot be used just after it was sealed`,
      {
        details: [sealed.reason ?? 'it is gone'],
      },
    )
  })
}

/** Removes a template that did not load, unless another process has replaced it since. */
export async function discardTemplate(
  { harness, image, ingredients, signal }: EnsureOptions,
  template: Template,
): Promise<void> {
  await withLock(harness.store, `template-${templateKey(ingredients)}`, { signal }, async () => {
    const now = await findTemplate(harness.store, ingredients, image)
    if (now.template && now.template.manifest.createdAt !== template.manifest.createdAt) return
    await rm(template.directory, { recursive: true, force: true })
  })
}
