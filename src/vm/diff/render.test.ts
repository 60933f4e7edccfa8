import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { MachineDiff } from './machine-diff.js'

const none = { files: [], packages: [], units: [], ports: [], users: [], groups: [] }
const after = { type: 'file' as const, mode: '644', owner: 'root:root' }

test('nothing', () => {
  const diff = new MachineDiff(none)
  expect(diff.empty).toBe(true)
  expect(`${diff}`).toBe('no changes')
  expect(diff.toJSON()).toEqual({})
})

test('a snapshot holds lines, by kind', () => {
  const diff = new MachineDiff({
    files: [
      { change: 'added', name: '/etc/new', after, differs: [] },
      {
        change: 'changed',
        name: '/etc/passwd',
        before: { ...after, content: 'a' },
        after: { ...after, content: 'b', mode: '600' },
        differs: ['content', 'mode'],
        lines: ['-a', '+b'],
      },
      { change: 'removed', name: '/etc/gone', before: after, differs: [] },
    ],
    packages: [
      { change: 'changed', name: 'tiny', before: { version: '1' }, after: { version: '2' }, differs: ['version'] },
    ],
    units: [{ change: 'removed', name: 'a.service', before: { enabled: '', state: 'active (running)' }, differs: [] }],
    ports: [
      { change: 'added', name: 'tcp [::]:80', after: { process: 'nginx' }, differs: [] },
      {
        change: 'changed',
        name: 'udp 0.0.0.0:53',
        before: { process: '' },
        after: { process: 'named' },
        differs: ['process'],
      },
    ],
    users: [
      {
        change: 'added',
        name: 'web',
        after: { uid: 7, group: 'web', comment: '', home: '/', shell: '/bin/sh' },
        differs: [],
      },
    ],
    groups: [{ change: 'added', name: 'web', after: { gid: 7, members: 'a,b' }, differs: [] }],
  })
  expect(diff.summary).toBe('9 changes')
  expect(diff).toMatchInlineSnapshot(`
    {
      "files": [
        "+ /etc/new",
        "~ /etc/passwd (content, mode 644 -> 600)",
        "    -a",
        "    +b",
        "- /etc/gone",
      ],
      "groups": [
        "+ web (gid 7, members a,b)",
      ],
      "packages": [
        "~ tiny 1 -> 2",
      ],
      "ports": [
        "+ tcp [::]:80 (nginx)",
        "~ udp 0.0.0.0:53 (process none -> named)",
      ],
      "units": [
        "- a.service",
      ],
      "users": [
        "+ web (uid 7, group web, home /, shell /bin/sh)",
      ],
    }
  `)
})

test('a diff, a list of it and an entry are lines in a text, and plain data in an assertion', () => {
  const user = { change: 'removed' as const, name: 'shop', before: {} as never, differs: [] }
  const files = [
    { change: 'added' as const, name: '/etc/new', after, differs: [] },
    { change: 'removed' as const, name: '/etc/gone', before: after, differs: [] },
  ]
  const diff = new MachineDiff({ ...none, files, users: [user] })
  expect(`${diff.files[0]}`).toBe('+ /etc/new')
  expect(`${diff.files}`).toBe('+ /etc/new\n- /etc/gone')
  expect(`${diff.users}`).toBe('- shop')
  expect(`${diff.groups}`).toBe('')
  expect(inspect(diff)).toBe(`${diff}`)
  expect(inspect(diff)).toBe('files\n  + /etc/new\n  - /etc/gone\nusers\n  - shop')
  expect(diff.files).toStrictEqual(files)
  expect(JSON.parse(JSON.stringify(diff.files))).toEqual(files)
})
