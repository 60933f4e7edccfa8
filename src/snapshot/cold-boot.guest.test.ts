import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { isAlive } from '../host/process-table.js'
import { exec } from '../ssh/exec.js'
import { coldBoot } from './cold-boot.js'
import { prepare } from './prepare.js'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mayfly-cold-boot-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

test('a machine booted from its image runs commands under keys of its own, and is gone at the end of its block', async () => {
  const { harness, guest, image, template } = await prepare(defineGuest('micro'))
  const ownedBefore = harness.session.owned.length
  let pid: number
  {
    await using booted = await coldBoot({ harness, guest, image, directory })
    pid = booted.qemu.pid
    const { stdout } = await exec(booted.ssh!, 'cut -d. -f1 /proc/uptime; cat /proc/cmdline')
    // Booted now, not resumed: its uptime is within what the boot took.
    expect(Number(stdout.split('\n')[0])).toBeLessThanOrEqual(Math.ceil(booted.bootMs / 1000) + 1)
    expect(stdout).toContain('console=ttyS0')
    expect(booted.identity.host.publicKey).not.toBe(template.manifest.hostKey)
    expect(await readFile(join(directory, 'id_ed25519'), 'utf8')).toBe(booted.identity.client.privateKey)
    expect(harness.session.owned.length).toBe(ownedBefore + 1)
  }
  expect(isAlive(pid)).toBe(false)
  expect(harness.session.owned.length).toBe(ownedBefore)
})

test('a boot that is given up leaves no machine behind', async () => {
  const { harness, guest, image } = await prepare(defineGuest('micro'))
  const ownedBefore = harness.session.owned.length
  const given = coldBoot({ harness, guest, image, directory, signal: AbortSignal.timeout(100) })
  await expect(given).rejects.toMatchObject({ code: 'MAYFLY_ABORTED' })
  expect(harness.session.owned.length).toBe(ownedBefore)
})
