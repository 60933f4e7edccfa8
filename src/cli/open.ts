import { relative, resolve } from 'node:path'
import { MayflyError } from '../errors.js'
import { bundlesBelow, type KeptMachine, machinesIn } from '../evidence/kept-bundles.js'
import { openMachine } from '../vm/kept.js'
import type { ActionContext } from './action.js'
import { isInteractive, runInMachine } from './in-machine.js'

export interface OpenOptions {
  vm?: string
}

/** Where a run leaves them unless it is told otherwise. */
const FAILURES = '.mayfly/failures'
const MOST_SUGGESTIONS = 10

/** `mayfly open`: gives the status of the guest's command. */
export async function open({ cacheDir, signal }: ActionContext, options: OpenOptions, args: string[]): Promise<number> {
  const [bundle = '', ...command] = args
  const { name, directory } = await choose(bundle, options.vm)
  await using vm = await openMachine(directory, { cacheDir, signal })
  // A kill of the machine ends whatever waits for it.
  signal.addEventListener('abort', () => void vm.destroy())
  signal.throwIfAborted()
  if (isInteractive(command)) {
    process.stderr.write(`mayfly: ${name}, as it was when the test failed. Nothing that you do here is kept.\n`)
  }
  return await runInMachine(vm, command)
}

async function choose(bundle: string, name: string | undefined): Promise<KeptMachine> {
  const machines = await machinesIn(resolve(bundle))
  if (machines.length === 0) throw await noBundle(bundle)
  const chosen = name === undefined ? machines : machines.filter((machine) => machine.name === name)
  if (chosen.length === 1) return chosen[0]!
  const names = machines.map((machine) => machine.name).join(', ')
  throw new MayflyError(
    'MAYFLY_OPTION_INVALID',
    name === undefined
      ? `${bundle} holds ${machines.length} machines`
      : `${bundle} holds no machine ${JSON.stringify(name)}`,
    { hint: `Choose with --vm: ${names}` },
  )
}

async function noBundle(bundle: string): Promise<MayflyError> {
  const directory = process.env.MAYFLY_EVIDENCE_DIR || FAILURES
  const bundles = (await bundlesBelow(resolve(directory))).map((path) => relative(process.cwd(), path))
  const shown = bundles.slice(0, MOST_SUGGESTIONS)
  return new MayflyError('MAYFLY_OPTION_INVALID', `there is no machine in ${bundle}`, {
    details: shown.length > 0 ? ['machines that were kept:', ...shown.map((path) => `  ${path}`)] : [],
    hint: 'Tests keep the machines of a failure with MAYFLY_KEEP=1, or guestTest(guest, { keep: "failed" }).',
  })
}
