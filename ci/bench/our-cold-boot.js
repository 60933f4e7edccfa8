// @ts-check
import { rm } from 'node:fs/promises'
import { coldBoot } from '../../dist/snapshot/cold-boot.js'
import { exec } from '../../dist/ssh/exec.js'

/**
 * From spawning QEMU to the first command's result, on the path that seals; and what is the guest's own share of it:
 * the moment its SSH server was started, on the kernel's clock. Firmware, loading the kernel, the handshake and the
 * command are what is left.
 * @param {import('./guest.js').BenchGuest} guest
 */
export async function ourColdBoot({ guest, prepared: { harness, image }, makeDirectory }) {
  const directory = await makeDirectory()
  /** @type {import('../../dist/snapshot/cold-boot.js').Booted | undefined} */
  let booted
  try {
    booted = await coldBoot({ harness, guest, image, directory })
    const { bootMs, ssh } = booted
    if (!ssh) throw new Error(`${guest.name} has no network`)
    const { stdout } = await exec(ssh, SERVER_STARTED)
    const guestMs = Number(stdout) * 1000
    if (!(guestMs > 0)) throw new Error(`the guest does not say when its SSH server started: ${stdout}`)
    return { ms: bootMs, guestMs }
  } finally {
    await booted?.[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Seconds. systemd says when the unit was active; elsewhere field 22 of the daemon's stat is its start in 1/100 s. */
const SERVER_STARTED = `if command -v systemctl >/dev/null
then systemctl show ssh.service -p ActiveEnterTimestampMonotonic --value | awk '{ print $1 / 1000000 }'
else awk '{ print $22 / 100 }' "/proc/$(pidof dropbear | tr ' ' '\\n' | sort -n | head -n 1)/stat"
fi`
