import { MayflyError } from '../errors.js'
import type { Size } from '../units.js'
import { launch } from '../vm/launch.js'
import type { ActionContext } from './action.js'
import { environment } from './environment.js'
import { guestNamed } from './guest-argument.js'
import { isInteractive, runInMachine } from './in-machine.js'
import { shownProgress } from './shown-progress.js'

export interface RunOptions {
  cpus?: number
  memory?: Size
  disk?: Size
  env?: string[]
  cwd?: string
  user?: string
  upload?: string[]
  /** In ms. */
  timeout?: number
  verbose?: boolean
}

/** `mayfly run`: gives the status of the guest's command. */
export async function run({ cacheDir, signal }: ActionContext, options: RunOptions, args: string[]): Promise<number> {
  const [image = '', ...command] = args
  const { cpus, memory, disk } = options
  const guest = await guestNamed(image, { cpus, memory, disk })
  const execOptions = {
    cwd: options.cwd,
    user: options.user,
    env: environment(options.env ?? []),
    timeout: options.timeout,
  }
  if (isInteractive(command) && (options.cwd ?? options.user ?? options.env ?? options.timeout) !== undefined) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', 'an interactive shell takes no --cwd, --user, --env or --timeout', {
      hint: `Give a command: mayfly run ${image} -- <command>`,
    })
  }
  const uploads = (options.upload ?? []).map(uploadOf)
  await using vm = await launch(guest, { cacheDir, signal, progress: shownProgress(options.verbose) })
  // A kill of the machine ends whatever waits for it.
  signal.addEventListener('abort', () => void vm.destroy())
  signal.throwIfAborted()
  for (const { local, remote } of uploads) await vm.upload(local, remote)
  return await runInMachine(vm, command, execOptions)
}

/** Splits at the last colon: guest paths seldom have one. */
function uploadOf(text: string): { local: string; remote: string } {
  const at = text.lastIndexOf(':')
  if (at > 0 && at < text.length - 1) return { local: text.slice(0, at), remote: text.slice(at + 1) }
  throw new MayflyError('MAYFLY_OPTION_INVALID', `--upload is not local:remote: ${JSON.stringify(text)}`, {
    hint: 'For example: --upload ./site:/srv/site',
  })
}
