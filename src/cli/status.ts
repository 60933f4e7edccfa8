import { Date } from '../node-globals.js'
import { formatBytes } from '../units.js'
import type { ActionContext } from './action.js'
import { ago } from './ago.js'
import { factsOf, factsOfVm, type MachineFacts } from './machine-facts.js'
import { print, printJson } from './streams.js'
import { style } from './style.js'
import { table } from './table.js'
import { targetNamed } from './target.js'

/** `mayfly status` */
export async function status(
  { cacheDir }: ActionContext,
  { json }: { json?: boolean },
  [name]: string[],
): Promise<number> {
  const target = await targetNamed(name, cacheDir)
  const facts = target.machine ? await factsOf(target.machine) : factsOfVm(target.vm, target.session)
  if (json) await printJson(facts)
  else await print(render(facts))
  return 0
}

function render(facts: MachineFacts): string {
  const { state, note, ssh, session } = facts
  const size = (bytes: number | undefined) => (bytes === undefined ? undefined : formatBytes(bytes))
  const time = (text: string | undefined) => (text === undefined ? undefined : `${text} (${ago(new Date(text))})`)
  const rows: [string, string | number | undefined][] = [
    ['Name', facts.name],
    ['State', note ? `${state}: ${note}` : state],
    ['Test process', session?.pid],
    ['Image', facts.image],
    ['Image file', facts.imagePath],
    ['CPUs', facts.cpus],
    ['Memory', size(facts.memoryBytes)],
    ['Disk', size(facts.diskBytes)],
    ['Network', facts.network],
    ['PID', facts.pid],
    ['SSH', ssh && `ssh -i ${ssh.privateKeyPath} -p ${ssh.port} ${ssh.user}@${ssh.host}`],
    ['Host key', ssh?.hostKey],
    ['Created', time(facts.createdAt)],
    ['Started', time(facts.startedAt)],
    ['Ended', time(facts.endedAt)],
    ['VMFile', facts.vmfile],
    ['Directory', facts.directory],
  ]
  const known = rows.filter(([, value]) => value !== undefined)
  return table(known.map(([title, value]) => [style('bold', title), `${value}`]))
}
