import { MayflyError } from '../../errors.js'
import { type FileRecord, parseFileRecords } from './file-records.js'
import { listeners } from './listeners.js'
import type { GroupFacts, PackageFacts, PortFacts, UnitFacts, UserFacts } from './machine-diff.js'
import { unitsOf } from './units.js'

/** One side of a comparison. */
export interface Inventory {
  /** By path, of one byte per character. */
  files: Map<string, FileRecord>
  /** Names by number. */
  owners: { users: Map<number, string>; groups: Map<number, string> }
  packages: Map<string, PackageFacts>
  units: Map<string, UnitFacts>
  ports: Map<string, PortFacts>
  users: Map<string, UserFacts>
  groups: Map<string, GroupFacts>
}

/**
 * @param output of the inventory's script.
 * @throws MayflyError MAYFLY_COMMAND_FAILED if it did not come to its end.
 */
export function parseInventory(mark: string, output: Buffer, stderr: string): Inventory {
  const sections = split(mark, output.toString('latin1'))
  if (!sections.has('end') || sections.has('failed')) {
    throw new MayflyError('MAYFLY_COMMAND_FAILED', 'the guest could not be looked at', {
      details: [whatFailed(sections), ...stderr.trim().split('\n').slice(-10)],
      hint: 'A comparison needs a POSIX shell, and find, stat, grep, ls and xargs of GNU or of busybox.',
    })
  }
  // Names are UTF-8; only files may have others.
  const text = (name: string) => Buffer.from(sections.get(name) ?? '', 'latin1').toString()
  const groupRows = rows(text('group'), ':')
  const groupNames = new Map(groupRows.map(([name, , gid]) => [Number(gid), name!]))
  const userRows = rows(text('passwd'), ':')
  return {
    files: parseFileRecords(sections.get('files') ?? ''),
    owners: { users: new Map(userRows.map(([name, , uid]) => [Number(uid), name!])), groups: groupNames },
    packages: packagesOf(text('packages')),
    units: unitsOf({ files: text('unit-files'), installable: text('installable'), loaded: text('units') }),
    ports: listeners(new Map([...sections.keys()].map((name) => [name, text(name)]))),
    users: new Map(
      userRows.map(([name, , uid, gid, comment = '', home = '', shell = '']) => {
        const group = groupNames.get(Number(gid)) ?? gid!
        return [name!, { uid: Number(uid), group, comment, home, shell }]
      }),
    ),
    groups: new Map(
      groupRows.map(([name, , gid, members = '']) => {
        return [name!, { gid: Number(gid), members: members.split(',').sort().join(',') }]
      }),
    ),
  }
}

function split(mark: string, output: string): Map<string, string> {
  const sections = new Map<string, string>()
  for (const section of output.split(`\n${mark} `).slice(1)) {
    const end = section.indexOf('\n')
    const name = section.slice(0, end)
    sections.set(name, (sections.get(name) ?? '') + section.slice(end + 1))
  }
  return sections
}

/** Lines split into fields, without those that are none, such as comments and NIS's. */
function rows(text: string, separator: string | RegExp): string[][] {
  return text.split('\n').flatMap((line) => (/^[^\s#+-]/.test(line) ? [line.split(separator)] : []))
}

function packagesOf(text: string): Map<string, PackageFacts> {
  const gone = ['not-installed', 'config-files']
  return new Map(
    rows(text, '\t').flatMap(([name, version = '', status = '']) => {
      const state = status === 'installed' ? '' : ` (${status})`
      return gone.includes(status) ? [] : [[name!, { version: `${version}${state}` }]]
    }),
  )
}

function whatFailed(sections: ReadonlyMap<string, string>): string {
  const command = sections.get('failed')?.trim()
  return command === undefined ? `its last section: ${[...sections.keys()].at(-1) ?? 'none'}` : `${command} failed`
}
