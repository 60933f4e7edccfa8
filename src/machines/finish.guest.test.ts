import { afterEach, beforeEach, expect, test } from 'vitest'
import { defineGuest } from '../guest/spec.js'
import { defaultCacheDir } from '../image/store.js'
import { exec } from '../ssh/exec.js'
import { connectTo } from './connect.js'
import { createMachine } from './create.js'
import { writeRecord } from './record.js'
import { startMachine } from './start.js'
import { type PrivateData, privateData } from './testing/private-data.js'

let place: PrivateData
beforeEach(async () => {
  place = await privateData(defaultCacheDir())
})
afterEach(() => place[Symbol.asyncDispose]())

test('a start that was cut short is over when cloud-init is', async () => {
  const machine = await startMachine(await createMachine(defineGuest('micro'), 'web', place), place)
  const { record, directory } = machine
  await using connection = await connectTo(machine)
  const cutShort = async (ending: string) => {
    const script = `printf '#!/bin/sh\\nsleep 1; echo it ended; touch /ended; ${ending}\\n' >/usr/bin/cloud-init; chmod +x /usr/bin/cloud-init`
    await exec(connection, script)
    const guest = { ...record.guest, cloudInit: { raw: false } }
    return await writeRecord(directory, { ...record, guest, run: { ...record.run!, readyAt: undefined } })
  }
  const up = await startMachine(await cutShort('exit 0'), place)
  expect((await exec(connection, 'rm /ended')).exitCode).toBe(0)
  expect(up.record.run?.readyAt).toBeDefined()
  // micro has no systemd, and so no unit of the agent.
  expect(up.record.agent).toBe(false)
  await expect(startMachine(await cutShort('exit 1'), place)).rejects.toThrow(/cloud-init failed in web[\s\S]*it ended/)
})
