import { dirname, relative, sep } from 'node:path'
import { MayflyError } from '../errors.js'
import { canonicalPath } from '../host/canonical-path.js'
import { openStore } from '../image/store.js'
import { type ConnectOptions, connectTo } from '../machines/connect.js'
import { findMachine, listMachines, machineNames, noMachine } from '../machines/find.js'
import { namesMeant } from '../machines/name.js'
import type { Machine } from '../machines/record.js'
import { type ListedSession, type ListedVm, listSessionsAndVms } from '../session/list.js'
import type { SshConnection } from '../ssh/connection.js'
import { nearestVmFile } from './nearest-vmfile.js'
import { isMadeFrom } from './own-machine.js'

/** What a name on the command line means: a machine of the user's own, or a Vm that some test has. */
export type Target =
  | { machine: Machine; vm?: undefined; session?: undefined }
  | { machine?: undefined; vm: ListedVm; session: ListedSession }

/**
 * The machine that is meant by a name or its beginning; without a name, that of `vmfile`, or of the VMFile here or above, or the only one.
 * The user's own machines come first: tests make theirs by the dozen.
 * @throws MayflyError MAYFLY_OPTION_INVALID with the nearest name.
 */
export async function targetNamed(typed: string | undefined, cacheDir: string, vmfile?: string): Promise<Target> {
  if (typed === undefined) return { machine: await theOnlyMachine(vmfile) }
  const names = await machineNames()
  if (namesMeant(typed, names).length > 0) return { machine: await findMachine(typed) }
  const sessions = await listSessionsAndVms(await openStore(cacheDir))
  const vms = sessions.filter(({ alive }) => alive).flatMap((session) => session.vms.map((vm) => ({ vm, session })))
  const ids = vms.map(({ vm }) => vm.id)
  const meant = namesMeant(typed, ids)
  if (meant.length !== 1) throw noMachine(typed, meant, [...names, ...ids])
  return vms.find(({ vm }) => vm.id === meant[0])!
}

async function theOnlyMachine(vmfile: string | undefined): Promise<Machine> {
  const { machines } = await listMachines()
  const near = vmfile === undefined ? nearest(machines) : machinesOf(vmfile, machines)
  // Where there is a VMFile, somebody else's machine is not what is meant.
  const file = near.length > 0 ? undefined : (vmfile ?? nearestVmFile())
  const found = near.length > 0 || file !== undefined ? near : machines
  if (found.length === 1) return await findMachine(found[0]!.name)
  if (found.length > 1) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', 'which machine?', {
      hint: `Name one of them: ${found.map(({ name }) => name).join(', ')}`,
    })
  }
  if (file === undefined) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', 'there are no machines', { hint: 'mayfly create makes one.' })
  }
  throw new MayflyError('MAYFLY_OPTION_INVALID', `no machine of ${file} is there`, {
    hint: `mayfly up${vmfile === undefined ? '' : ` --file ${vmfile}`} makes those that it defines.`,
  })
}

function machinesOf(vmfile: string, machines: readonly Machine[]): Machine[] {
  return machines.filter((machine) => isMadeFrom(machine, vmfile))
}

/** Those of the VMFile here, or in the nearest directory above. */
function nearest(machines: readonly Machine[]): readonly Machine[] {
  const near = machines.filter(
    ({ record }) => record.vmfile !== undefined && isHereOrAbove(canonicalPath(dirname(record.vmfile))),
  )
  const longest = Math.max(...near.map(({ record }) => record.vmfile!.length))
  return near.filter(({ record }) => record.vmfile!.length === longest)
}

function isHereOrAbove(directory: string): boolean {
  const below = relative(directory, process.cwd())
  return below !== '..' && !below.startsWith(`..${sep}`)
}

/** Logs in. @throws MayflyError as `connectTo`; MAYFLY_VM_STATE for a Vm of a test that cannot be logged in to. */
export async function connectToTarget(target: Target, options: ConnectOptions): Promise<SshConnection> {
  const { machine } = target
  if (machine) {
    const connection = await connectTo(machine, options)
    if (machine.record.run?.readyAt === undefined)
      await (await import('../machines/start.js')).markReady(machine, connection.target)
    return connection
  }
  return await (await import('./test-vm.js')).connectToVm(target.vm, options)
}
