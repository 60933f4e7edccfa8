import { once } from 'node:events'
import { createServer } from 'node:net'
import { isAlive } from '../host/process-table.js'
import { clearInterval, setInterval } from '../node-globals.js'
import { openHarness } from '../session/harness.js'
import { closeSession } from '../session/session.js'
import { type KeeperStart, publishKeeper, socketPath } from './address.js'
import { Keeper } from './keeper.js'

/** How often the owner is looked for: a process that is not our child cannot be waited for. */
const LOOK_MS = 250
const MOST_QUIET_MS = 10 * 60_000

const { owner, cacheDir, name } = JSON.parse(process.argv[2] ?? '') as KeeperStart
const harness = await openHarness(cacheDir)
const keeper = new Keeper(harness)
const server = createServer((socket) => void keeper.serve(socket))
const socket = await socketPath(harness.session)
server.listen(socket)
await once(server, 'listening')
await publishKeeper(harness.session, { name, socket })

let ending = false
const end = async () => {
  if (ending) return
  ending = true
  clearInterval(looking)
  server.close()
  await keeper[Symbol.asyncDispose]().catch(() => {})
  await closeSession(harness.store.root)
  process.exit(0)
}
const looking = setInterval(() => {
  keeper.yieldIfShort()
  if (keeper.quietMs > MOST_QUIET_MS || !isAlive(owner.pid, owner.startTime)) void end()
}, LOOK_MS)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end())
process.stdout.write('ready\n')
