import { once } from 'node:events'
import { createServer } from 'node:net'
import { processStartTime } from '../../host/process-table.js'
import { openHarness } from '../../session/harness.js'
import { keeperName, publishKeeper, socketPath } from '../address.js'
import { Keeper } from '../keeper.js'
import type { Keeping } from '../kept-machines.js'

export interface KeeperHere extends AsyncDisposable {
  keeping: Keeping
}

/** A keeper in this process, which its machines' users reach over its socket all the same. */
export async function keeperHere(file: string): Promise<KeeperHere> {
  const harness = await openHarness()
  const { session } = harness
  const keeper = new Keeper(harness)
  const server = createServer((socket) => void keeper.serve(socket))
  const socket = await socketPath(session)
  server.listen(socket)
  await once(server, 'listening')
  await publishKeeper(session, { name: keeperName(process.pid), socket })
  return {
    keeping: { owner: { pid: process.pid, startTime: processStartTime(process.pid)! }, file },
    [Symbol.asyncDispose]: async () => {
      server.close()
      await keeper[Symbol.asyncDispose]()
    },
  }
}
