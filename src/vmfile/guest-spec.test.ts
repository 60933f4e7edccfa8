import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { file, packages, shell } from '../guest/steps.js'
import { Diagnostics, renderDiagnostic } from './diagnostic.js'
import { toGuestSpec } from './guest-spec.js'
import { inspectVmFile } from './parse.js'
import { vmfile } from './vmfile.js'

const FIXTURES = fileURLToPath(new URL('../../fixtures/vmfiles/', import.meta.url))

let project: string
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'mayfly-vmfile-'))
  for (const name of ['setup.sh', 'app.conf', 'vmlinuz', 'initrd.img', 'root.img'])
    writeFileSync(join(project, name), name)
  writeFileSync(join(project, 'key.pub'), '# mine\nssh-ed25519 AAAA one\n\nssh-ed25519 BBBB two\n')
  writeFileSync(join(project, 'user-data.yaml'), '#cloud-config\n')
  writeFileSync(join(project, 'key'), 'a key')
  mkdirSync(join(project, 'shared'))
})
afterAll(() => rmSync(project, { recursive: true }))

function written(text: string): string {
  writeFileSync(join(project, 'VMFile.kdl'), text)
  return join(project, 'VMFile.kdl')
}

test('a machine is the guest that one would write by hand', () => {
  const { web } = vmfile(
    written(`vm "web" {
      image "debian:trixie"
      vcpus 2; memory 512; disk 16
      network "user"
      cloud-init { hostname "www"; }
      ssh { user "root"; }
      root-password "it's"
      packages "curl" "jq"
      share "shared" "/srv/shared" readonly=#true
      vnc
      manipulation { packages "nginx" "curl"; script "echo first"; }
      manipulation { script "echo second"; }
      provision "file" { source "app.conf"; destination "/etc/app.conf"; }
      provision "shell" { script "setup.sh"; }
      provision "shell" { inline "true; echo third"; }
    }`),
  )
  const by = defineGuest({
    name: 'web',
    cloudInit: { hostname: 'www' },
    image: 'debian:trixie',
    cpus: 2,
    memory: '512MiB',
    disk: '16GiB',
    display: true,
    provision: [
      packages('curl', 'jq', 'nginx'),
      shell("# root's password\nprintf 'root:%s\\n' 'it'\\''s' | chpasswd"),
      file(join(project, 'shared'), '/srv/shared'),
      shell('echo first'),
      shell('echo second'),
      file(join(project, 'app.conf'), '/etc/app.conf'),
      file(join(project, 'setup.sh'), '/tmp/mayfly-provision-2', { mode: 0o755 }),
      shell("# setup.sh\nexec '/bin/sh' '/tmp/mayfly-provision-2'"),
      shell('# true; echo third\nset +eu\ntrue; echo third'),
    ],
  })
  expect(defineGuest(web!)).toEqual(by)
})

test('a kernel has its initrd, command line and disk', () => {
  const { k } = vmfile(written('vm "k" { kernel "vmlinuz"; initrd "initrd.img"; cmdline "quiet"; image "root.img"; }'))
  expect(defineGuest(k!).image).toMatchObject({
    kernel: join(project, 'vmlinuz'),
    initrd: join(project, 'initrd.img'),
    cmdline: 'quiet',
    disk: join(project, 'root.img'),
  })
})

test('images, networks and cloud-init are those of defineGuest', () => {
  const { disk, url, known, kernel } = vmfile(
    written(`
    vm "disk" {
      image "root.img"; sha256 "${'AB'.repeat(32)}"; firmware "uefi"; arch "x86_64"
      network "tap" { bridge "lan0"; }
      cloud-init { hostname "a.example.org"; ssh-key "key.pub"; }
      ssh { private-key "key"; }
      root-password "x"
    }
    vm "url" {
      image-url "https://example.org/a.img.zst"; sha256 "${'ab'.repeat(32)}"
      cloud-init { user-data "user-data.yaml"; }
      ssh { user "deploy"; private-key "key"; }
      manipulation { script "true"; }
      share "shared" "/srv/shared"
      provision "file" { source "app.conf"; destination "/home/deploy/app.conf"; }
      provision "shell" { script "setup.sh"; }
      provision "shell" { inline "sudo true"; }
    }
    vm "known" { image "debian-12"; network "none"; cloud-init { user-data "user-data.yaml"; }; }
    vm "kernel" { kernel "vmlinuz"; network "user"; image "root.img"; cloud-init; }`),
  )
  expect(disk).toMatchObject({
    image: { path: join(project, 'root.img'), sha256: 'AB'.repeat(32) },
    firmware: 'uefi',
    arch: 'x86_64',
    network: { mode: 'tap', bridge: 'lan0' },
    cloudInit: { hostname: 'a.example.org' },
    ssh: { user: 'vm', authorizedKeys: ['ssh-ed25519 AAAA one', 'ssh-ed25519 BBBB two'] },
  })
  // Its own key is in the guest's hands already, or in those of nobody.
  expect(disk!.ssh!.privateKey).toBeUndefined()
  expect(url).toMatchObject({
    image: { url: 'https://example.org/a.img.zst', sha256: 'ab'.repeat(32) },
    cloudInit: { userData: '#cloud-config\n', raw: true },
    ssh: { user: 'deploy', privateKey: join(project, 'key') },
    provision: [
      file(join(project, 'shared'), '/srv/shared', { owner: 'deploy:' }),
      shell('true'),
      file(join(project, 'app.conf'), '/home/deploy/app.conf', { owner: 'deploy:' }),
      file(join(project, 'setup.sh'), '/tmp/mayfly-provision-2', { mode: 0o755, owner: 'deploy:' }),
      shell("# setup.sh\nexec '/bin/sh' '/tmp/mayfly-provision-2'", { user: 'deploy' }),
      shell('# sudo true\nset +eu\nsudo true', { user: 'deploy' }),
    ],
  })
  expect(known).toMatchObject({ image: 'debian-12', network: 'none', ssh: { user: 'vm' } })
  expect(known!.cloudInit).toMatchObject({ userData: '#cloud-config\n', raw: false })
  expect(kernel).toMatchObject({
    image: { kernel: join(project, 'vmlinuz'), disk: join(project, 'root.img') },
    cloudInit: { raw: false },
  })
})

test('defaults are those of a VMFile', () => {
  const { a } = vmfile(written('vm "a" { image "micro"; ssh; }'))
  expect(defineGuest(a!)).toEqual(defineGuest({ name: 'a', image: 'micro', cpus: 1, memory: '1GiB' }))
})

test('machines have names that a test can take apart, and those that are asked for are enough', () => {
  const path = written(
    'vm "full-example" { image "micro"; }\nvm "2nd" { image "micro"; }\nvm "last" { image "micro"; snapshot #false; }',
  )
  expect(Object.keys(vmfile(path, { only: ['full-example', '2nd'] }))).toEqual(['fullExample', '_2nd'])
  expect(Object.keys(vmfile(pathToFileURL(path), { only: ['2nd'] }))).toEqual(['_2nd'])
  expect(() => vmfile(path, { only: ['ful-example'] })).toThrow('Did you mean full-example?')
  expect(() => vmfile(path)).toThrow(
    /VMFile\.kdl:3:37: error: this version of Mayfly cannot boot a machine for each test/,
  )
  expect(() => vmfile(written('vm "a-b" { image "micro"; }\nvm "aB" { image "micro"; }'))).toThrow(
    /are called aB in a test/,
  )
})

test('files that are missing, and what a guest cannot be, are told with their places', () => {
  const path = written('vm "a" {\n  image "debain"\n}\n')
  expect(() => vmfile(path)).toThrow(
    /VMFile\.kdl:2:9: error: image: there is no file .*\n[\s\S]*Did you mean the image debian\?/,
  )
  expect(() => vmfile(written('vm "a" { image "micro"; memory 64; }'))).toThrow(
    /VMFile\.kdl:1:32: error: memory is out of range/,
  )
  const missing = written('vm "a" { image "micro"; provision "file" { source "none"; destination "/a"; }; }')
  expect(() => vmfile(missing)).toThrow(
    expect.objectContaining({
      code: 'MAYFLY_VMFILE_INVALID',
      message: expect.stringMatching(/source: there is no file .*none/),
    }),
  )
  expect(() => vmfile(join(project, 'None.kdl'))).toThrow(/cannot read .*None\.kdl/)
  for (const bytes of [Buffer.alloc(8_000_000), Buffer.from('vm "caf\xe9"', 'latin1')]) {
    writeFileSync(join(project, 'disk.img'), bytes)
    expect(() => vmfile(join(project, 'disk.img'))).toThrow(/disk\.img is no VMFile/)
  }
})

test.each(['vmctl/full-example', 'good/every-field', 'unsupported/embedded'])(
  '%s: what this version cannot run yet',
  async (name) => {
    const text = readFileSync(`${FIXTURES}${name}.kdl`, 'utf8')
    const { source, machines } = inspectVmFile(text, { path: 'VMFile.kdl' })
    const found = new Diagnostics()
    for (const machine of machines) toGuestSpec(machine, found)
    const rendered = found.sorted.map((one) => renderDiagnostic(source, one).join('\n')).join('\n\n')
    await expect(`${rendered}\n`).toMatchFileSnapshot(`${FIXTURES}unsupported/${name.split('/').at(-1)}.txt`)
  },
)
