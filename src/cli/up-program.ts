import type { Command } from 'commander'
import type { Act } from './command.js'
import { append, command, duration, examples } from './command.js'

/** `mayfly up` and the others that act on the machines of a VMFile. */
export function addUpCommands(program: Command): void {
  acting(program, 'up', async () => (await import('./up.js')).up)
    .summary('bring up the machines of a VMFile')
    .description(
      'Makes and starts the machines of a VMFile, and takes their provision steps, whose output is shown and is kept in provision.log.\n' +
        'A machine that runs is left as it is, unless its steps did not come to their end; one that is stopped is started, and its ' +
        `steps are taken again. Machines come up side by side, as far as the host's memory goes.\n${MEANT}`,
    )
    .option('--no-provision', 'do not take the provision steps')
    .addHelpText('after', examples('mayfly up', 'mayfly up web', 'mayfly up --file path/to/VMFile.kdl --no-provision'))

  acting(program, 'down', async () => (await import('./down.js')).down)
    .summary('stop the machines of a VMFile')
    .description(`Stops the machines of a VMFile, which keep their disks; or destroys them.\n${MEANT}`)
    .option('--destroy', 'end them at once, and remove all that is of them')
    .option(
      '--timeout <duration>',
      "how long a guest may take to power itself off, such as '2m'; 0 cuts the power at once (default: 30s)",
      duration,
    )
    .addHelpText('after', examples('mayfly down', 'mayfly down web', 'mayfly down --destroy'))

  acting(program, 'reload', async () => (await import('./reload.js')).reload)
    .summary('make the machines of a VMFile anew')
    .description(
      `Destroys the machines of a VMFile, if they are there, and makes, starts and provisions them as it says now.\n${MEANT}`,
    )
    .option('--no-provision', 'do not take the provision steps')
    .addHelpText('after', examples('mayfly reload', 'mayfly reload web'))

  acting(program, 'provision', async () => (await import('./provision.js')).provision)
    .summary('take the provision steps of a VMFile again')
    .description(
      'Takes the provision steps of a VMFile in its machines, which must be running, as it says now. The first that fails is the last. ' +
        `Their output is shown, and is kept in provision.log.\n${MEANT}`,
    )
    .addHelpText('after', examples('mayfly provision', 'mayfly provision db', 'mayfly log db --provision'))
}

const MEANT =
  'The VMFile is VMFile.kdl in the current directory, or in the nearest one above it. Names may be cut short; without any, ' +
  'all its machines are meant.'

function acting<Options extends object>(program: Command, name: string, load: () => Promise<Act<Options>>): Command {
  return command(program, `${name} [machine...]`, load)
    .option('-f, --file <path>', 'the VMFile')
    .option('--name <machine>', 'as an argument does, for scripts of vmctl (repeatable)', append)
    .option('--json', 'print one array of { name, state, did, ms, error? }; what guests print goes to standard error')
}
