import { readFile } from 'node:fs/promises'
import { MayflyError } from '../errors.js'
import type { ConnectOptions } from '../machines/connect.js'
import type { ListedVm } from '../session/list.js'
import { SshConnection } from '../ssh/connection.js'
import { sshOf } from './machine-facts.js'

/** A test may have suspended it: then it accepts connections, and says nothing. */
const PATIENCE_MS = 10_000

/** Logs in to a Vm of a running test, beside the test. */
export async function connectToVm(vm: ListedVm, options: ConnectOptions): Promise<SshConnection> {
  const { id, alive, pooled } = vm
  const ssh = sshOf(vm)
  if (vm.damage !== undefined) {
    throw new MayflyError('MAYFLY_VM_STATE', `the record of ${id} is damaged`, { details: [vm.damage] })
  }
  if (!alive) throw new MayflyError('MAYFLY_VM_STATE', `${id} does not run any more`)
  if (pooled) {
    throw new MayflyError('MAYFLY_VM_STATE', `${id} waits for a test, and stands still until then`, {
      hint: 'mayfly list shows those that tests have.',
    })
  }
  if (!ssh)
    throw new MayflyError('MAYFLY_VM_STATE', `${id} cannot be logged in to: it has no network, or comes up just now`)
  const { timeoutMs = PATIENCE_MS, signal, user = ssh.user, key = ssh.privateKeyPath } = options
  try {
    return await SshConnection.open({
      host: ssh.host,
      port: ssh.port,
      hostKey: ssh.hostKey,
      username: user,
      privateKey: await readFile(key, 'utf8'),
      timeoutMs,
      signal,
    })
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error
    throw error.withDetails([`${id} is a test's: it may be suspended, or gone by now`])
  }
}
