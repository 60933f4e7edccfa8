import { join } from 'node:path'
import { type Looked, lookAt, type MachineState } from '../machines/look.js'
import type { Machine } from '../machines/record.js'
import type { ListedSession, ListedVm } from '../session/list.js'
import { FILES } from '../snapshot/machine.js'

/** A machine as `--json` shows it: one of the user's own, or one of a running test session. */
export interface MachineFacts {
  name: string
  state: MachineState | 'damaged'
  /** How it came to be so, if there is anything to say. */
  note?: string | undefined
  /** The process that owns it; undefined for a machine that is nobody's but the user's. */
  session?: { id: string; pid: number } | undefined
  image?: string | undefined
  /** Its disk's file, or its kernel's; for a Vm of a test, the directory. */
  imagePath?: string | undefined
  cpus?: number | undefined
  memoryBytes?: number | undefined
  diskBytes?: number | undefined
  network?: string | undefined
  pid?: number | undefined
  ssh?: { host: string; port: number; user: string; privateKeyPath: string; hostKey: string } | undefined
  createdAt?: string | undefined
  startedAt?: string | undefined
  endedAt?: string | undefined
  vmfile?: string | undefined
  directory: string
}

/** What can be said of a named machine at this moment. */
export async function factsOf(machine: Machine, looked?: Looked): Promise<MachineFacts> {
  const { name, directory, record } = machine
  const { state, note, endedAt } = looked ?? (await lookAt(machine))
  const { guest, image, run } = record
  const up = state === 'stopped' ? undefined : run
  return {
    name,
    state,
    note,
    image: image.name,
    imagePath: image.disk?.path ?? image.kernel,
    cpus: guest.cpus,
    memoryBytes: guest.memoryBytes,
    diskBytes: guest.diskBytes,
    network: guest.network.mode,
    pid: up?.process?.pid,
    ssh: up?.ssh && {
      ...up.ssh,
      user: guest.ssh.user,
      privateKeyPath: join(directory, FILES.privateKey),
      hostKey: record.hostKey,
    },
    createdAt: record.createdAt,
    startedAt: run?.startedAt,
    endedAt,
    vmfile: record.vmfile,
    directory,
  }
}

/** Where and how to log in to a Vm of a test; undefined without a network. */
export function sshOf({ sshHost: host, sshPort: port, login }: ListedVm): MachineFacts['ssh'] {
  return host !== undefined && port !== undefined && login ? { host, port, ...login } : undefined
}

/** The same of a Vm that some test has. */
export function factsOfVm(vm: ListedVm, { id, pid }: ListedSession): MachineFacts {
  return {
    name: vm.id,
    state: vm.damage !== undefined ? 'damaged' : !vm.alive ? 'stopped' : vm.pooled ? 'suspended' : 'running',
    note:
      vm.damage !== undefined
        ? `its record is damaged: ${vm.damage}`
        : !vm.alive
          ? 'its QEMU is gone'
          : vm.pooled
            ? 'it waits for a test'
            : undefined,
    session: { id, pid },
    image: vm.name,
    imagePath: vm.image,
    pid: vm.alive ? vm.pid : undefined,
    ssh: vm.alive ? sshOf(vm) : undefined,
    startedAt: vm.startedAt,
    directory: vm.directory,
  }
}
