import type { StoredImage } from '../image/stored.js'
import type { StoredTemplate } from '../snapshot/stored.js'
import { style } from './style.js'

/** A template as `mayfly ls` shows it. */
export type ListedTemplate = Omit<StoredTemplate, 'host' | 'damage'> & { usable: boolean; reason?: string }
export type ListedImage = StoredImage & { usable: boolean }

/** `usable`, or why it is not. */
export function state(usable: boolean, reason = ''): string {
  return usable ? style('green', 'usable') : style('yellow', reason)
}
