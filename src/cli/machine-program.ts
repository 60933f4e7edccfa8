import { type Command, InvalidArgumentError } from 'commander'
import { append, command, duration, examples, numeric } from './command.js'
import type { CreateOptions } from './create.js'
import type { ListOptions } from './list.js'
import type { LogOptions } from './log.js'
import type { ExecOptions, SshOptions } from './ssh.js'
import type { StartOptions } from './start.js'
import type { StopOptions } from './stop.js'

/** The commands for named machines, which stay until they are destroyed. */
export function addMachineCommands(program: Command): void {
  addLife(program)
  addLooks(program)
  addReach(program)
  addSnapshots(program)
  addCompletion(program)
}

function addLife(program: Command): void {
  command<CreateOptions>(program, 'create [guest]', async () => (await import('./create.js')).create)
    .summary('make a machine that stays')
    .description(
      'Makes a machine of your own, which stays until it is destroyed, and runs on when the command has ended.\n' +
        'Its disk is a layer over its image, its keys are its own.\n' +
        'Guests: an image (micro, debian, debian:trixie, a name of mayfly image ls --catalogue), or one of a module or of a VMFile (./guests.mjs#web, VMFile.kdl#web).',
    )
    .option('--name <name>', "what to call it (default: the guest's name)")
    .option('--image <image>', 'the guest, as an option; a path is one of a disk image')
    .option('--image-url <url>', 'download this disk image')
    .option('--sha256 <sum>', 'what the disk image of --image or --image-url must hash to')
    .option('--cpus <n>', 'virtual processors', count)
    .option('--vcpus <n>', 'the same', count)
    .option('--memory <size>', "memory, such as '512MiB'; a bare number counts MiB", numeric)
    .option('--disk <size>', "size of the disk, such as '16GiB'; a bare number counts GiB", numeric)
    .option('--display', 'give it a screen and a keyboard')
    .option('--arch <name>', 'x86_64 or aarch64 (default: that of this host)')
    .option('--firmware <name>', "bios or uefi (default: bios; on aarch64 a disk's is uefi)")
    .option('--network <mode>', 'user, tap or none (default: user)')
    .option('--bridge <name>', 'connect it to this bridge (network tap)')
    .option('--cloud-init <path>', 'user-data for cloud-init')
    .option('--ssh-key <path>', 'a public key that may log in too')
    .option('--user <name>', 'who logs in (default: root)')
    .option('--hostname <name>', 'its host name (default: its name)')
    .option('--start', 'start it at once')
    .option('--no-wait', 'with --start: do not wait until it can be logged in to')
    .option('--timeout <duration>', "with --start: how long it may take to come up, such as '2m'", duration)
    .option('-v, --verbose', 'show what is done, also when stderr is not a terminal')
    .option('--json', 'print one object, as mayfly status --json does')
    .addHelpText(
      'after',
      examples(
        'mayfly create debian --name web --start',
        'mayfly create debian-12 --name db --cpus 2 --memory 2GiB --disk 20GiB --ssh-key ~/.ssh/id_ed25519.pub',
        'mayfly create --name old --image ./disk.qcow2',
      ),
    )

  command<StartOptions>(program, 'start <machine...>', async () => (await import('./start.js')).start)
    .summary('start machines')
    .description(
      'Boots machines from their disks, and waits until they can be logged in to. The provision steps of a guest are taken at ' +
        'its first start. A machine that runs already is left as it is. One that does not come up in time is left running: see ' +
        'mayfly console.',
    )
    .option('--no-wait', 'do not wait until they can be logged in to')
    .option('--no-provision', 'do not take provision steps')
    .option('--timeout <duration>', "how long one may take to come up, such as '2m'", duration)
    .option('-v, --verbose', 'show what is done, also when stderr is not a terminal')
    .option('--json', 'print one array of objects, as mayfly status --json does')
    .addHelpText('after', examples('mayfly start web', 'mayfly start web db --timeout 5m'))

  command<StopOptions>(program, 'stop <machine...>', async () => (await import('./stop.js')).stop)
    .summary('power machines off')
    .description(
      'Presses the power button of machines. One that has not powered off in time is made to quit, and killed if it does not do ' +
        'that either: then it is said, and the exit status is 3. What was asked of a guest before it was stopped is on its disk; of one that was made to quit, ' +
        'what it had flushed.',
    )
    .option(
      '--timeout <duration>',
      "how long it may take, such as '2m'; 0 cuts the power at once (default: 30s)",
      duration,
    )
    .option('--json', "print one array of { name, stopped: 'off' | 'asked' | 'quit' | 'killed' }")
    .addHelpText('after', examples('mayfly stop web', 'mayfly stop web --timeout 2m'))

  command<StopOptions>(program, 'destroy <machine...>', async () => (await import('./stop.js')).destroy)
    .aliases(['delete', 'rm'])
    .summary('remove machines and all that is of them')
    .description('Ends machines, and removes their disks, snapshots, keys and logs. This cannot be undone.')
    .option('--json', 'print one array of { name, destroyed }')
    .addHelpText('after', examples('mayfly destroy web', 'mayfly destroy $(mayfly list --quiet)'))

  command(program, 'suspend <machine...>', async () => (await import('./suspend.js')).suspend)
    .summary('make machines stand still')
    .description('Stops the processors of machines. They stay in memory, and go on where they were with mayfly resume.')
    .option('--json', 'print one array of { name, suspended }')
    .addHelpText('after', examples('mayfly suspend web'))

  command(program, 'resume <machine...>', async () => (await import('./suspend.js')).resume)
    .summary('let suspended machines go on')
    .description(
      'Lets suspended machines go on where they were. The clock of micro and debian is set to that of the host.',
    )
    .option('--json', 'print one array of { name, resumed }')
    .addHelpText('after', examples('mayfly resume web'))
}

function addLooks(program: Command): void {
  command<ListOptions>(program, 'list', async () => (await import('./list.js')).list)
    .alias('ps')
    .summary('list machines, also those of running tests')
    .description(
      'Lists your machines, and those of the tests that are running: these can be entered as well, while their test waits.\n' +
        'For images and templates see mayfly ls.',
    )
    .option('-q, --quiet', 'print the names of your machines only')
    .option('--json', 'print one array of objects, as mayfly status --json does')
    .addHelpText('after', examples('mayfly list', 'mayfly list --json | jq \'.[] | select(.state == "running").name\''))

  command<{ json?: boolean }>(program, 'status [machine]', async () => (await import('./status.js')).status)
    .summary('say all that is known of a machine')
    .description(`Shows what a machine does, how to log in to it, and where it is. ${WITHOUT_NAME}`)
    .option(
      '--json',
      'print one object of { name, state, note?, image, cpus, memoryBytes, diskBytes, network, pid?, ssh?: { host, port, user, privateKeyPath, hostKey }, createdAt, startedAt?, endedAt?, vmfile?, session?, directory }',
    )
    .addHelpText('after', examples('mayfly status web', 'mayfly status web --json | jq -r .state'))

  command<LogOptions>(program, 'log [machine]', async () => (await import('./log.js')).log)
    .alias('logs')
    .summary('show what a machine printed')
    .description(
      'Shows what a machine printed on its console, and what its provision steps printed. Control characters are shown as ' +
        `escapes such as \\x1b: a terminal executes none of them. Colours stay on a terminal. ${WITHOUT_NAME}`,
    )
    .option('--console', 'the console only')
    .option('--provision', 'provision steps only')
    .option('-n, --tail <lines>', 'the last lines only; 0 is all of them', count)
    .option('-f, --follow', 'go on with what is printed from now on')
    .option('--raw', 'print the bytes as they are, control characters included')
    .addHelpText('after', examples('mayfly log web', 'mayfly log web --console --tail 50 --follow'))
}

function addReach(program: Command): void {
  command<SshOptions>(program, 'ssh [machine] [command...]', async () => (await import('./ssh.js')).ssh)
    .summary('log in to a machine')
    .description(
      'Opens a shell in a machine, or runs a command there and exits with its status. Its host key is pinned; nothing needs to be ' +
        `known of ports and keys. One that is starting is waited for. ${WITHOUT_NAME}`,
    )
    .option('--name <machine>', 'the machine, as vmctl has it; all arguments are the command then')
    .option('--file <path>', 'without a name: the VMFile whose machine is meant, instead of the one here or above')
    .option('-u, --user <name>', 'who logs in')
    .option('-i, --key <path>', 'a private key to log in with')
    .addHelpText(
      'after',
      examples(
        'mayfly ssh web',
        'mayfly ssh web -- systemctl status nginx',
        'mayfly ssh web -- cat /etc/passwd | wc -l',
      ),
    )

  command<ExecOptions>(program, 'exec <machine> <command...>', async () => (await import('./ssh.js')).exec)
    .summary('run a command in a machine')
    .description(
      'Runs a command in a machine. Standard input, output and error are passed through, and its status is the exit status.\n' +
        'One argument after -- is a line for the shell of the guest; several are the command and its arguments, and no shell changes them.',
    )
    .option('-e, --env <name=value>', "variable for the command; '--env NAME' passes on your own (repeatable)", append)
    .option('--cwd <path>', 'directory in the guest to run in')
    .option('-u, --user <name>', 'user in the guest to run as')
    .option('--timeout <duration>', "end the command after this long, such as '30s', and exit with 124", duration)
    .addHelpText(
      'after',
      examples('mayfly exec web -- uname -a', "mayfly exec web --cwd /srv -- 'tar c . | gzip' > srv.tgz"),
    )

  command(program, 'console [machine]', async () => (await import('./console.js')).console)
    .summary('sit down at the console of a machine')
    .description(
      'Connects the terminal to the serial console of a machine; Ctrl-] leaves it. Where standard input is no terminal, the console ' +
        `is only shown, until the machine ends. That of a test's machine can be seen, and not typed at. ${WITHOUT_NAME}`,
    )
    .addHelpText('after', examples('mayfly console web'))

  command(program, 'cp <from> <to>', async () => (await import('./cp.js')).cp)
    .summary('copy files to and from a machine')
    .description(
      'Copies a file or a directory to a machine, or from one: a place there is <machine>:<path>. Into a directory that is there, ' +
        'else under the name that is given. <directory>/. is what is in it.',
    )
    .addHelpText('after', examples('mayfly cp ./site web:/srv/', 'mayfly cp web:/var/log/syslog .'))
}

function addSnapshots(program: Command): void {
  const snapshot = program
    .command('snapshot')
    .summary('keep moments of a machine, and go back to them')
    .description(
      'Snapshots of a machine: of disk, memory and devices while it runs, of its disk when it is off. They are kept in its disk, ' +
        'and go with it.',
    )
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', examples('mayfly snapshot create web clean', 'mayfly snapshot restore web clean'))
  const json = '{ machine, name, createdAt, memoryBytes }'

  command(snapshot, 'create <machine> <snapshot>', async () => (await import('./snapshot.js')).create)
    .summary('keep this moment')
    .description('Keeps this moment of a machine under a name. A machine that runs stands still meanwhile.')
    .option('--json', `print one object of ${json}`)
    .addHelpText('after', examples('mayfly snapshot create web clean'))

  command(snapshot, 'ls <machine>', async () => (await import('./snapshot.js')).ls)
    .alias('list')
    .summary('list snapshots')
    .description('Lists the snapshots of a machine, oldest first.')
    .option('--json', 'print one array of { name, createdAt, memoryBytes }')
    .addHelpText('after', examples('mayfly snapshot ls web'))

  command(snapshot, 'restore <machine> <snapshot>', async () => (await import('./snapshot.js')).restore)
    .summary('go back to a snapshot')
    .description(
      'Puts a machine back to a snapshot, which stays. A machine that runs goes on from that moment, and connections to it are lost;\n' +
        'of one that is off, the disk is put back.',
    )
    .option('--json', `print one object of ${json}`)
    .addHelpText('after', examples('mayfly snapshot restore web clean'))

  command(snapshot, 'rm <machine> <snapshot>', async () => (await import('./snapshot.js')).rm)
    .summary('remove a snapshot')
    .description('Removes a snapshot of a machine. The machine stays as it is.')
    .option('--json', `print one object of ${json}`)
    .addHelpText('after', examples('mayfly snapshot rm web clean'))
}

function addCompletion(program: Command): void {
  command(program, 'completion <shell>', async () => (await import('./completion.js')).completion)
    .summary('print the completion for a shell')
    .description('Prints what completes commands, options, machines and guests in a shell: bash, zsh or fish.')
    .addHelpText(
      'after',
      examples(
        'source <(mayfly completion bash)',
        'source <(mayfly completion zsh)',
        'mayfly completion fish > ~/.config/fish/completions/mayfly.fish',
      ),
    )
  command(program, '__complete [word...]', async () => (await import('./complete.js')).complete, { hidden: true })
}

const WITHOUT_NAME =
  'Without a name: the machine of the VMFile in this directory or the nearest above, or, where there is none, the only one that there is.'

function count(value: string): number {
  const number = Number(value)
  if (Number.isInteger(number) && number >= 0) return number
  throw new InvalidArgumentError('Give a whole number.')
}
