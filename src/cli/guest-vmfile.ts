import { defineGuest } from '../guest/spec.js'
import { guestsOfVmFile } from '../vmfile/vmfile.js'
import type { NamedGuest } from './guest-module.js'

/** The machines of a VMFile as guests: `VMFile.kdl`, or one of them, `VMFile.kdl#web`. */
export function guestsOfVmFileArgument(text: string): NamedGuest[] {
  const [path, wanted] = text.split('#') as [string, string?]
  const guests = guestsOfVmFile(path, wanted ? [wanted] : undefined)
  return Array.from(guests, ([name, spec]) => ({ name: `${path}#${name}`, guest: defineGuest(spec) }))
}
