import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { generateIdentity } from '../../ssh/identity.js'
import { defineGuest, type GuestSpec } from '../spec.js'
import { hostKeyIn, type Seeded, seedFiles } from './seed.js'

const identity = generateIdentity('mayfly test')

function guest(spec: Omit<GuestSpec, 'image'>): Seeded {
  return defineGuest({ image: { path: 'disk.qcow2' }, name: 'web-1', ...spec }) as Seeded
}

/** What cloud-init would make of the user-data: it reads YAML 1.1. */
async function config(spec: Omit<GuestSpec, 'image'>): Promise<Record<string, unknown>> {
  const { 'user-data': text = '' } = await seedFiles(guest(spec), identity)
  expect(text).toMatch(/^#cloud-config\n/)
  return parse(text, { version: '1.1' }) as Record<string, unknown>
}

describe('merged user-data', () => {
  test('root logs in without any of the user, with the keys that Mayfly has made', async () => {
    expect(await config({})).toEqual({
      manage_etc_hosts: 'localhost',
      disable_root: false,
      ssh_authorized_keys: [identity.client.publicKey],
      ssh_keys: { ed25519_private: identity.host.privateKey, ed25519_public: identity.host.publicKey },
    })
  })

  test('another user is made beside the default one, with sudo and bash', async () => {
    const { users, disable_root: disabled } = await config({ ssh: { user: 'vm', authorizedKeys: ['ssh-rsa AAAA me'] } })
    expect(disabled).toBeUndefined()
    expect(users).toEqual([
      'default',
      {
        name: 'vm',
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
        shell: '/bin/bash',
        lock_passwd: true,
        ssh_authorized_keys: [identity.client.publicKey, 'ssh-rsa AAAA me'],
      },
    ])
  })

  test("the user's own cloud-config stays as it is, and what is said twice is added to", async () => {
    const userData = `#cloud-config
# comments go
packages: [nginx]
manage_etc_hosts: false
write_files:
  - { path: /etc/motd, permissions: 0644, content: "on: yes\\n" }
users:
  - name: other
  - { name: vm, shell: /bin/zsh, ssh_authorized_keys: [ssh-ed25519 THEIRS] }
ssh_keys: { rsa_private: theirs }
`
    expect(await config({ cloudInit: { userData }, ssh: { user: 'vm' } })).toEqual({
      packages: ['nginx'],
      manage_etc_hosts: false,
      // Octal, as cloud-init reads it.
      write_files: [{ path: '/etc/motd', permissions: 0o644, content: 'on: yes\n' }],
      users: [
        { name: 'other' },
        {
          name: 'vm',
          sudo: 'ALL=(ALL) NOPASSWD:ALL',
          shell: '/bin/zsh',
          lock_passwd: true,
          ssh_authorized_keys: ['ssh-ed25519 THEIRS', identity.client.publicKey],
        },
      ],
      ssh_keys: {
        ed25519_private: identity.host.privateKey,
        ed25519_public: identity.host.publicKey,
        rsa_private: 'theirs',
      },
    })
  })

  test.each([
    ['a list', '[default, { name: vm, uid: 7 }]'],
    ['names by commas', 'default, vm'],
    ['a mapping', '{ default: true, other: no, vm: { uid: 7 } }'],
  ])('users may be %s', async (_, written) => {
    const { users } = await config({
      cloudInit: { userData: `#cloud-config\nusers: ${written}\n` },
      ssh: { user: 'vm' },
    })
    const shell = '/bin/bash'
    const own = written.includes('uid') ? { uid: 7 } : {}
    expect(users).toEqual(['default', expect.objectContaining({ name: 'vm', shell, ...own })])
  })

  test('what only a looser YAML takes for more than a string stays one', async () => {
    const values = { mac: '00:11:22:33:44:55', password: '0912345', id: '12e45', answer: 'y', at: '08:30', path: '.' }
    const lines = Object.entries(values).map(([key, value]) => `${key}: ${value}`)
    const userData = ['#cloud-config', ...lines, 'fingerprint: 12345678901234567890'].join('\n')
    const { 'user-data': text } = await seedFiles(guest({ cloudInit: { userData } }), identity)
    for (const value of Object.values(values)) expect(text).toMatch(new RegExp(`: "${value}"$`, 'm'))
    expect(text).toMatch(/^fingerprint: 12345678901234567890$/m)
  })

  test('an object will do; words that YAML 1.1 takes for more stay words', async () => {
    const userData = { runcmd: [['echo', 'yes', '0644', 'no']], ssh_authorized_keys: ['ssh-ed25519 THEIRS'] }
    expect(await config({ cloudInit: { userData } })).toMatchObject({
      runcmd: [['echo', 'yes', '0644', 'no']],
      ssh_authorized_keys: ['ssh-ed25519 THEIRS', identity.client.publicKey],
    })
  })

  test('a script becomes one part of several', async () => {
    const script = '#!/bin/sh\necho hello\n'
    const { 'user-data': text = '' } = await seedFiles(guest({ cloudInit: { userData: script } }), identity)
    const parts = text.split('--=_mayfly').slice(1, -1)
    expect(parts.map((part) => /Content-Type: ([^;]+)/.exec(part)?.[1])).toEqual([
      'text/cloud-config',
      'text/x-shellscript',
      'text/cloud-config',
      'text/cloud-config',
    ])
    const decoded = parts.map((part) => Buffer.from(part.split('\n\n')[1]!, 'base64').toString())
    expect(decoded[0]).toMatch(/^#cloud-config\n/)
    expect(decoded[1]).toBe(script)
    // What adds to lists comes with the way to add, and what must be so comes last.
    expect(parts[2]).toContain('Merge-Type: list(append)+dict(no_replace,recurse_array)+str()')
    expect(parse(decoded[2]!)).toEqual({ ssh_authorized_keys: [identity.client.publicKey] })
    expect(parse(decoded[3]!)).toMatchObject({ disable_root: false, ssh_keys: { ed25519_public: expect.any(String) } })
  })

  test.each([
    ['a blank line first', '\n\n#cloud-config\nruncmd: [ls]\n'],
    ['a comment behind #cloud-config', '#cloud-config # web server\nruncmd: [ls]\n'],
    ['upper case', '#Cloud-Config\nruncmd: [ls]\n'],
    ['CRLF line ends and a byte order mark', '\uFEFF#cloud-config\r\nruncmd: [ls]\r\n'],
    ['a key that is given twice', '#cloud-config\nruncmd: [a]\npackages: []\nruncmd: [ls]\n'],
    ['anchors and merge keys', '#cloud-config\nx: &x { runcmd: [ls] }\n<<: *x\n'],
  ])('a cloud-config with %s is one', async (_, userData) => {
    expect(await config({ cloudInit: { userData } })).toMatchObject({
      runcmd: ['ls'],
      ssh_authorized_keys: [identity.client.publicKey],
    })
  })

  test.each([
    ['#cloud-config-archive\n- "#!/bin/sh"\n', 'text/cloud-config-archive'],
    ['\n## template: jinja\n#cloud-config\n', 'text/jinja2'],
    ['#include\nhttps://example.org/\n', 'text/x-include-url'],
    ['#include-once\nhttps://example.org/\n', 'text/x-include-once-url'],
    ['#cloud-boothook\n#!/bin/sh\n', 'text/cloud-boothook'],
    ['#part-handler\n', 'text/part-handler'],
    ['#cloud-config-jsonp\n[]\n', 'text/cloud-config-jsonp'],
  ])('%j is a part of its kind', async (userData, type) => {
    const { 'user-data': text = '' } = await seedFiles(guest({ cloudInit: { userData } }), identity)
    const part = text.split('--=_mayfly')[2]!
    expect(part).toContain(`Content-Type: ${type};`)
    expect(Buffer.from(part.split('\n\n')[1]!, 'base64').toString()).toBe(userData.trimStart())
  })

  test('MIME is a part as it is, whatever its boundary is', async () => {
    const mime =
      'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=_mayfly"\n\n--=_mayfly\n\n#!/bin/sh\n--=_mayfly--\n'
    const { 'user-data': text = '' } = await seedFiles(guest({ cloudInit: { userData: mime } }), identity)
    expect(text).toMatch(/^Content-Type: multipart\/mixed; boundary="=_mayfly_"\n/)
    expect(text.split('--=_mayfly_\n')[2]?.trimEnd()).toBe(mime.trimEnd())
  })

  test('what is compressed is told to be text', async () => {
    const spec = { cloudInit: { userData: '\x1f\uFFFD\b' } }
    await expect(seedFiles(guest(spec), identity)).rejects.toThrow(/It is compressed: give its text/)
  })

  test.each([
    ['#cloud-config\na: [', /cannot be read: it is not YAML/],
    ['#cloud-config\n- a\n', /cannot be read: it is not a mapping/],
    ['users: []\n', /of no kind that Mayfly knows/],
  ])('what nothing can be added to is refused: %j', async (userData, message) => {
    await expect(seedFiles(guest({ cloudInit: { userData } }), identity)).rejects.toMatchObject({
      code: 'MAYFLY_GUEST_INVALID',
      message: expect.stringMatching(message),
    })
  })
})

describe('raw user-data', () => {
  const userData = 'anything\nat all\n'

  test('is passed through, byte for byte', async () => {
    const files = await seedFiles(guest({ cloudInit: { userData, raw: true } }), identity)
    expect(files['user-data']).toBe(userData)
    // For the user that the image makes by itself.
    expect(JSON.parse(files['meta-data']!)).toMatchObject({ 'public-keys': [identity.client.publicKey] })
    expect(files['vendor-data']).toMatch(/^Content-Type: multipart\/mixed/)
  })

  test('may give the host key to expect', async () => {
    const own = '#cloud-config\nssh_keys:\n  ed25519_private: secret\n  ed25519_public: "ssh-ed25519 AAAA mine\\n"\n'
    expect(await hostKeyIn({ userData: own, raw: true })).toBe('ssh-ed25519 AAAA mine')
    expect(await hostKeyIn({ userData, raw: true })).toBeUndefined()
  })
})

test('name, network and agent have files of their own', async () => {
  const networkConfig = { version: 2, ethernets: { all: { match: { name: 'e*' }, dhcp4: true } } }
  const files = await seedFiles(guest({ cloudInit: { networkConfig } }), identity)
  expect(Object.keys(files).sort()).toEqual(['meta-data', 'network-config', 'user-data', 'vendor-data'])
  expect(parse(files['network-config']!)).toEqual(networkConfig)
  const metaData = JSON.parse(files['meta-data']!) as Record<string, string>
  expect(metaData['local-hostname']).toBe('web-1')
  expect(metaData['instance-id']).toMatch(/^mayfly-[0-9a-f]{16}$/)
  expect(files['vendor-data']).toMatch(/^#cloud-boothook\n#!\/bin\/sh\n/)
  expect(files['vendor-data']).toContain('sub await_listener')
  expect(files['vendor-data']).not.toContain('@AGENT@')
  // Another machine is another instance: what was set up before is set up again.
  const others = await seedFiles(guest({}), generateIdentity('other'))
  expect(others['meta-data']).not.toBe(files['meta-data'])
})
