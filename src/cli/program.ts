import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { URL } from '../node-globals.js'
import { append, command, duration, examples, numeric } from './command.js'
import type { GcOptions } from './gc.js'
import { addImageCommands } from './image-program.js'
import { addMachineCommands } from './machine-program.js'
import type { OpenOptions } from './open.js'
import { addUpCommands } from './up-program.js'
import { addVmFileCommands } from './vmfile-program.js'

/** The command line, without what its commands do: that is imported when one of them is called, so that help is quick. */
export function buildProgram(): Command {
  const program = new Command('mayfly')
    .description('Pristine virtual machines for integration tests.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addOption(
      new Option(
        '--cache-dir <path>',
        'where images and templates are kept (default: MAYFLY_CACHE_DIR, or mayfly in the user cache)',
      ),
    )
    .showSuggestionAfterError()
    .option('--no-color', 'no colours, as with NO_COLOR')
    .exitOverride()
    .addHelpText(
      'after',
      examples('mayfly run micro -- uname -a', 'mayfly create debian --name web --start', 'mayfly doctor') + EXIT_CODES,
    )

  program.commandsGroup('A machine for one command:')
  command(program, 'run <guest> [command...]', async () => (await import('./run.js')).run)
    .summary('run a command in a new machine, then destroy it')
    .description(
      'Launches a machine, runs a command in it, and destroys it. Standard input, output and error are passed through.\n' +
        'One argument after -- is a line for the shell of the guest; several are the command and its arguments, and no shell changes them.\n' +
        'Without a command it opens a shell: an interactive one on a terminal, else one that reads standard input.\n' +
        GUESTS,
    )
    .option('--cpus <n>', 'virtual processors', Number)
    .option('--memory <size>', "memory, such as '512MiB'; a bare number counts MiB", numeric)
    .option('--disk <size>', "size of the disk, such as '16GiB'; a bare number counts GiB", numeric)
    .option('-e, --env <name=value>', "variable for the command; '--env NAME' passes on your own (repeatable)", append)
    .option('--cwd <path>', 'directory in the guest to run in')
    .option('--user <name>', 'user in the guest to run as (default: root)')
    .option('--upload <local:remote>', 'copy a file or directory into the guest first (repeatable)', append)
    .option('--timeout <duration>', "end the command after this long, such as '30s', and exit with 124", duration)
    .option('-v, --verbose', 'show what is built, booted and sealed, also when stderr is not a terminal')
    .addHelpText(
      'after',
      examples(
        'mayfly run micro -- uname -a',
        "mayfly run debian -- 'systemctl is-system-running; uptime'",
        'mayfly run micro --upload ./site:/srv/site -- ls -l /srv/site',
        'tar c . | mayfly run micro -- tar t',
      ) + EXIT_CODES,
    )

  command<OpenOptions>(program, 'open <bundle> [command...]', async () => (await import('./open.js')).open)
    .summary('go on with a machine whose test failed')
    .description(
      'Resumes the machine of a failed test from the moment of the failure, and runs a command in it, or opens a shell.\n' +
        'Nothing that is done there is kept: it can be opened any number of times, also several times at once.\n' +
        'A bundle is what a test leaves with MAYFLY_KEEP=1; its path is printed below the failure.',
    )
    .option('--vm <name>', 'which machine, if the bundle holds several')
    .addHelpText(
      'after',
      examples(
        'mayfly open .mayfly/failures/web.test.ts/serves-the-page',
        'mayfly open .mayfly/failures/web.test.ts/serves-the-page -- journalctl -u nginx',
      ) + EXIT_CODES,
    )

  program.commandsGroup('Images, templates and this host:')
  command(program, 'warm [guest...]', async () => (await import('./warm.js')).warm)
    .summary('build images and seal templates')
    .description(
      'Builds the images and seals the templates of guests, so that their machines resume at once. Default: micro and debian.\n' +
        'Each provision step has a template of its own: it is done again when it, what it reads, or a step before it changes.\n' +
        GUESTS,
    )
    .option(
      '--json',
      'print one array of { guest, image, template, cached, nodes: [{ title, cached, ms, key, bytes }], ms }',
    )
    .addHelpText('after', examples('mayfly warm', 'mayfly warm micro debian:trixie --json', 'mayfly warm ./guests.ts'))

  command(program, 'doctor', async () => (await import('./doctor.js')).doctor)
    .summary('say what this host has and lacks')
    .description('Checks what this host has of what Mayfly needs. Exits with 1 if guests cannot run here.')
    .option('--json', 'print one array of { name, status, found, hint? }')
    .addHelpText('after', examples('mayfly doctor'))

  command(program, 'ls', async () => (await import('./ls.js')).ls)
    .summary('list images, templates and live machines')
    .description('Lists the images and templates of the cache, and the sessions with their machines.')
    .option(
      '--tree',
      'images, the guests booted from them, and their provision steps, each below what it was made from',
    )
    .option(
      '--json',
      'print one object of { cacheDir, images, templates, sessions }; the parent of a template is a key',
    )
    .addHelpText('after', examples('mayfly ls', 'mayfly ls --tree', "mayfly ls --json | jq '.templates[].bytes'"))

  command<GcOptions>(program, 'gc', async () => (await import('./gc.js')).gc)
    .summary('remove what is left over, old or too large')
    .description(
      'Removes what dead sessions left, damaged images and templates, and those that were not used for long;\n' +
        'with them downloads that nobody has gone on with.\n' +
        'Nothing that a running process uses is removed, and nothing that what is kept needs: no image below a template, ' +
        'and no template of a provision step below that of a later one. Their last steps go first.',
    )
    .option('--all', 'remove every image and template that is not in use')
    .option('--older-than <age>', 'remove what was not used for this long', '30d')
    .option('--max-size <size>', "also remove what was used least recently until the rest fits, such as '10GiB'")
    .option('--dry-run', 'only say what would be removed')
    .option('--verify', 'read all images and templates through, and remove those that are damaged')
    .option('--json', 'print one object of { dryRun, sessions, removed, spared, freedBytes, keptBytes }')
    .addHelpText(
      'after',
      examples('mayfly gc', 'mayfly gc --older-than 7d --max-size 10GiB --dry-run', 'mayfly gc --all'),
    )

  addImageCommands(program)
  program.commandsGroup('Machines that stay:')
  addMachineCommands(program)
  program.commandsGroup('Machines of a VMFile:')
  addUpCommands(program)
  addVmFileCommands(program)
  return program
}

const GUESTS =
  "Guests: micro, debian, with a release if you like ('debian:trixie'); or a module or a VMFile that has some (./guests.ts, ./guests.mjs#web, VMFile.kdl, VMFile.kdl#web)."

const EXIT_CODES = `
Exit status:
  the status of the command in the guest, 128+n if signal n ended it;
  1 (doctor) the host lacks something,
    (image verify, image rm) not all images are sound or could be removed,
    (vmfile) a file is not as it should be,
    (up, down, reload, provision) not all machines are;
  2 wrong command line or unknown guest;
  3 (stop, down) a guest did not power off in time, and its power was cut;
  124 --timeout is over; 125 Mayfly or the host failed;
  130 Ctrl-C, 129 SIGHUP, 143 SIGTERM, 141 nobody reads the output.
  DEBUG=mayfly:* prints stack traces.
`

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
