import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect } from 'vitest'
import { cloudDisk } from '../image/testing/cloud-disk.js'
import { GIB } from '../units.js'
import { guestTest } from '../vitest/guest-test.js'
import { vmfile } from '../vmfile/vmfile.js'
import { launch } from './launch.js'
import type { Vm } from './vm.js'

const image = { path: await cloudDisk() }
const project = await mkdtemp(join(tmpdir(), 'mayfly-cloud-'))
afterAll(() => rm(project, { recursive: true, force: true }))

const userData = `#cloud-config
write_files:
  - { path: /etc/greeting, content: "from user-data\\n", permissions: "0640" }
runcmd:
  - date +%s.%N >>/var/lib/ran
`
await writeFile(join(project, 'cloud-config.yaml'), userData)
await writeFile(
  join(project, 'VMFile.kdl'),
  `vm "bios" {
    image "${image.path}"
    vcpus 2
    disk 4
    cloud-init {
      hostname "web.example.test"
      user-data "cloud-config.yaml"
    }
    ssh { user "deploy"; }
    manipulation { script "id -un >/etc/step"; }
    provision "file" { source "cloud-config.yaml"; destination "/opt/this"; }
    provision "shell" { inline "id -un >~/step"; }
  }`,
)
const bios = guestTest({ vm: vmfile<'bios'>(join(project, 'VMFile.kdl')).bios })

/** How much of the disk the root file system has. */
const rootBytes = async (vm: Vm) => Number(await vm.succeed('df -B1 --output=size / | tail -1'))
const bootId = (vm: Vm) => vm.succeed('cat /proc/sys/kernel/random/boot_id')

describe('a VMFile: BIOS, and user-data with what Mayfly needs', () => {
  bios('comes up as it was asked for', async ({ vm }) => {
    expect(await vm.succeed('id -un; hostname -f; sudo -n id -un')).toBe('deploy\nweb.example.test\nroot\n')
    expect(await vm.succeed('[ -d /sys/firmware/efi ] || echo BIOS')).toBe('BIOS\n')
    expect(await vm.succeed('sudo cat /etc/greeting; cat /etc/step; cat ~/step')).toBe('from user-data\nroot\ndeploy\n')
    expect(await vm.succeed('stat -c "%U %a" /opt/this')).toBe('deploy 644\n')
    // 36 MiB are in front of it, and the file system itself takes some.
    expect(await rootBytes(vm)).toBeGreaterThan(3.7 * GIB)
    expect(vm.ssh.user).toBe('deploy')
    const hostKey = await vm.succeed('sudo cat /etc/ssh/ssh_host_ed25519_key.pub')
    expect(hostKey.split(' ')[1]).toBe(vm.ssh.hostKey.split(' ')[1])
    // No other was made, which would have cost time.
    expect(await vm.succeed('ls /etc/ssh/ssh_host_*_key')).toBe('/etc/ssh/ssh_host_ed25519_key\n')
  })

  bios('is a clone of one boot: cloud-init has run once, long ago', async ({ vm }) => {
    expect(await vm.succeed('sudo wc -l </var/lib/ran')).toBe('1\n')
    expect(await vm.succeed('systemctl is-active mayfly-agent')).toBe('active\n')
    const [now, random] = (await vm.succeed('date +%s%3N; head -c 16 /dev/urandom | base64')).split('\n')
    expect(Math.abs(Number(now) - Date.now())).toBeLessThan(2000)
    await using other = await launch(vm.guest)
    expect(await bootId(other)).toBe(await bootId(vm))
    expect(await other.succeed('head -c 16 /dev/urandom | base64')).not.toBe(`${random}\n`)
  })

  bios('goes back to a checkpoint, and can be made unique', async ({ vm }) => {
    const checkpoint = await vm.checkpoint()
    await vm.succeed('echo changed >mark')
    await vm.restore(checkpoint)
    expect((await vm.exec('cat mark')).exitCode).toBe(1)
    await using other = await launch(vm.guest, { unique: true })
    expect(other.ssh.hostKey).not.toBe(vm.ssh.hostKey)
    expect(await other.succeed('id -un; hostname')).toMatch(/^deploy\nbios-[0-9a-f]{8}\n$/)
  })
})

const raw = `#cloud-config
# As in a guest that lacks what the agent needs.
bootcmd: ["systemctl disable --now mayfly-agent.service"]
runcmd: ["touch /run/raw"]
`
const uefi = guestTest({
  image,
  name: 'uefi',
  firmware: 'uefi',
  cpus: 2,
  cloudInit: { userData: raw, raw: true },
  // Whom the image makes by itself: Mayfly's key comes by meta-data.
  ssh: { user: 'debian' },
})

describe('UEFI, and raw user-data', () => {
  // A boot by emulation takes a minute or more.
  uefi('comes up, goes back, and comes up again', { timeout: 300_000 }, async ({ vm }) => {
    expect(await vm.succeed('ls /sys/firmware/efi/efivars | head -1')).not.toBe('')
    expect(await vm.succeed('id -un; hostname; ls /run/raw')).toBe('debian\nuefi\n/run/raw\n')
    expect(await vm.succeed('sudo cat /var/lib/cloud/instance/user-data.txt')).toBe(raw)
    expect((await vm.exec('systemctl is-active mayfly-agent')).stdout).toBe('inactive\n')
    expect(Math.abs(Number(await vm.succeed('date +%s%3N')) - Date.now())).toBeLessThan(5000)
    // Firmware, boot loader and kernel are enough for a reboot, without cloud-init's share.
    await vm.succeed('echo kept >mark; sudo touch /etc/cloud/cloud-init.disabled; sync')
    const checkpoint = await vm.checkpoint()
    await vm.reboot()
    expect((await vm.exec('cat mark; ls /run/raw')).stdout).toBe('kept\n')
    await vm.restore(checkpoint)
    expect(await vm.succeed('cat mark; ls /run/raw')).toBe('kept\n/run/raw\n')
  })
})
