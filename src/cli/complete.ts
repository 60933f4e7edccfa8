import type { Argument, Command } from 'commander'
import { machineNames } from '../machines/find.js'
import type { ActionContext } from './action.js'
import { buildProgram } from './program.js'
import { print } from './streams.js'

/** What a shell is to complete with names of files. */
const FILES = ':files'

/** `mayfly __complete`, which the shells' completion calls with the words so far; the last is the one to complete. */
export async function complete(_: ActionContext, _options: object, words: string[]): Promise<number> {
  const current = words.at(-1) ?? ''
  const candidates = await candidatesFor(words.slice(0, -1), current)
  const fitting = candidates.filter((candidate) => candidate === FILES || candidate.startsWith(current))
  if (fitting.length > 0) await print(fitting.join('\n'))
  return 0
}

async function candidatesFor(before: readonly string[], current: string): Promise<string[]> {
  let command: Command = buildProgram()
  const given: string[] = []
  for (let at = 0; at < before.length; at++) {
    const word = before[at]!
    // What follows is the guest's.
    if (word === '--') return [FILES]
    if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => word === long || word === short)
      if (option && (option.required || option.optional) && !word.includes('=')) {
        if (++at === before.length) return valuesOf(option.long ?? '')
      }
      continue
    }
    const below =
      given.length === 0
        ? command.commands.find((one) => one.name() === word || one.aliases().includes(word))
        : undefined
    if (below) command = below
    else given.push(word)
  }
  if (current.startsWith('-')) return command.options.flatMap(({ long }) => long ?? []).concat('--help')
  if (command.commands.length > 0) {
    const visible = command.createHelp().visibleCommands(command)
    return visible.map((one) => one.name())
  }
  const { registeredArguments: expected } = command
  const last = expected.at(-1)
  const argument = expected[given.length] ?? (last?.variadic ? last : undefined)
  return argument ? await argumentsFor(argument, given) : []
}

function valuesOf(option: string): string[] {
  if (option === '--network') return ['user', 'tap', 'none']
  if (option === '--firmware') return ['bios', 'uefi']
  if (option === '--arch') return ['x86_64', 'aarch64']
  return [FILES]
}

/** By the name that an argument has in its command's usage. */
async function argumentsFor(argument: Argument, given: readonly string[]): Promise<string[]> {
  switch (argument.name()) {
    case 'machine':
      return await machineNames()
    case 'snapshot':
      return await snapshotNames(given[0] ?? '')
    case 'guest':
      return ['micro', 'debian', ...(await catalogue()), FILES]
    case 'image':
      return [...(await catalogue()), FILES]
    case 'shell':
      return ['bash', 'zsh', 'fish']
    case 'from':
    case 'to':
      return [...(await machineNames()).map((name) => `${name}:`), FILES]
    default:
      return [FILES]
  }
}

async function snapshotNames(machine: string): Promise<string[]> {
  const [{ findMachine }, { listSnapshots }] = await Promise.all([
    import('../machines/find.js'),
    import('../machines/snapshots.js'),
  ])
  return (await listSnapshots(await findMachine(machine))).map(({ name }) => name)
}

async function catalogue(): Promise<string[]> {
  return (await import('../image/catalogue.js')).catalogueNames()
}
