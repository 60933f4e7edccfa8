import type { Command } from 'commander'
import { command, examples } from './command.js'

/** `mayfly vmfile` and what is below it. */
export function addVmFileCommands(program: Command): void {
  const vmfile = program
    .command('vmfile')
    .summary('check and format VMFiles')
    .description(
      'VMFile.kdl defines machines. Without a name it is the VMFile.kdl of the current directory or the nearest above.',
    )
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', examples('mayfly vmfile check', 'mayfly vmfile format'))

  command<{ json?: boolean }>(vmfile, 'check [file...]', async () => (await import('./vmfile.js')).check)
    .summary('say everything that is wrong with VMFiles')
    .description(
      'Reads VMFiles, and says everything that is wrong with them: where, and what to do. What is right but cannot be run by ' +
        'this version of Mayfly is a warning. The file - is standard input. Exits with 1 if there is an error.',
    )
    .option(
      '--json',
      'print one array of { path, machines, diagnostics: [{ severity, message, line, column, endLine, endColumn, hint?, related? }] }',
    )
    .addHelpText(
      'after',
      examples('mayfly vmfile check', "mayfly vmfile check --json | jq '.[].diagnostics[].message'"),
    )

  command<{ check?: boolean }>(vmfile, 'format [file...]', async () => (await import('./vmfile.js')).format)
    .summary('put VMFiles in order')
    .description(
      'Indents VMFiles by two spaces, and writes them again if that changes them. Comments stay; KDL version 1 becomes version 2.\n' +
        'The file - is standard input, and goes to standard output. Exits with 1 if a file is no KDL, and is left as it is.',
    )
    .option('--check', 'only say which files would change, and exit with 1 if some would')
    .addHelpText('after', examples('mayfly vmfile format', 'mayfly vmfile format --check */VMFile.kdl'))
}
