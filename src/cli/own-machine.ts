import { resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { canonicalPath } from '../host/canonical-path.js'
import { machineNamed } from '../machines/find.js'
import type { Machine } from '../machines/record.js'

/**
 * The machine of this name, if it was made from this VMFile.
 * @throws MayflyError MAYFLY_OPTION_INVALID when it was made by others: what is theirs is not stopped or destroyed from here.
 */
export async function ownMachine(name: string, vmfile: string): Promise<Machine | undefined> {
  const machine = await machineNamed(name)
  if (!machine || isMadeFrom(machine, vmfile)) return machine
  const { vmfile: other } = machine.record
  throw new MayflyError(
    'MAYFLY_OPTION_INVALID',
    `there is another machine ${name}, which was made ${other ? `from ${other}` : 'by mayfly create'}`,
    { hint: `Give this one another name, or: mayfly destroy ${name}` },
  )
}

/** By whatever path the file is called. */
export function isMadeFrom({ record }: Machine, vmfile: string): boolean {
  return record.vmfile !== undefined && canonicalPath(record.vmfile) === canonicalPath(resolve(vmfile))
}
