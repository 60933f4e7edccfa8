import { shownJson } from '../../shown-text.js'
import type { Change, FileChange, GroupFacts, PackageFacts, PortFacts, UnitFacts, UserFacts } from './machine-diff.js'

const SIGNS = { added: '+', removed: '-', changed: '~' } as const

/** `~ /etc/passwd (content, mode 644 -> 600)`, and its lines below. */
export function renderFile(file: FileChange): string[] {
  const { change, before, after, lines = [] } = file
  const { type, target } = (after ?? before)!
  const suffix = type === 'directory' ? '/' : ''
  const link = change !== 'changed' && target !== undefined ? ` -> ${printable(target)}` : ''
  const notes = type === 'file' || type === 'directory' || type === 'symlink' || change === 'changed' ? [] : [type]
  const head = line(file, [...notes, ...differences(file, ['content'])], `${suffix}${link}`)
  return [head, ...lines.map((text) => `    ${text}`)]
}

/** `~ nginx 1.22.1-9 -> 1.22.1-10`. */
export function renderPackage({ change, name, before, after }: Change<PackageFacts>): string {
  const versions = [before?.version, after?.version].filter((version) => version !== undefined)
  return `${SIGNS[change]} ${name} ${versions.join(' -> ')}`
}

export function renderUnit(unit: Change<UnitFacts>): string {
  const { enabled, state } = (unit.after ?? unit.before)!
  return line(unit, unit.change === 'added' ? [enabled, state].filter(Boolean) : differences(unit))
}

export function renderPort(port: Change<PortFacts>): string {
  const { process } = (port.after ?? port.before)!
  return line(port, port.change === 'changed' ? differences(port) : [process].filter(Boolean))
}

export function renderUser(user: Change<UserFacts>): string {
  if (user.change !== 'added') return line(user, differences(user))
  const { uid, group, home, shell } = user.after!
  return line(user, [`uid ${uid}`, `group ${group}`, `home ${home}`, `shell ${shell}`])
}

export function renderGroup(group: Change<GroupFacts>): string {
  if (group.change !== 'added') return line(group, differences(group))
  const { gid, members } = group.after!
  return line(group, [`gid ${gid}`, ...(members === '' ? [] : [`members ${members}`])])
}

function line<Facts>({ change, name }: Change<Facts>, notes: readonly string[], suffix = ''): string {
  return `${SIGNS[change]} ${printable(name)}${suffix}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`
}

/** `mode 644 -> 600` for each fact that differs, only its name for those that nobody could read. */
function differences<Facts extends object>(
  { before, after, differs }: Change<Facts>,
  opaque: readonly string[] = [],
): string[] {
  return differs.map((key) => {
    const name = String(key)
    if (opaque.includes(name)) return name
    const [from, to] = [before![key], after![key]].map((value) => printable(String(value ?? '') || 'none'))
    return `${name} ${from} -> ${to}`
  })
}

/** In quotes, with escapes, if it would break the line or look like something else. */
function printable(text: string): string {
  return /[\p{C}\p{Zl}\p{Zp}"\\]|^\s|\s$/u.test(text) ? shownJson(text) : text
}
