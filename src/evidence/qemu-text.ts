import type { QemuProcess } from '../qemu/process.js'
import { aborted } from './guest-look.js'

/** A QEMU at the end of a test: what it is doing, its ports, its words, its command line. */
export async function qemuText(
  qemu: QemuProcess,
  forwards: ReadonlyMap<number, number>,
  signal: AbortSignal,
): Promise<string> {
  const lines = [
    `process: ${qemu.alive ? `runs, pid ${qemu.pid}` : ended(qemu)}`,
    `machine: ${qemu.alive ? await statusOf(qemu, signal) : 'gone'}`,
    ...[...forwards].map(([guest, host]) => `port: 127.0.0.1:${host} of the host leads to port ${guest} of the guest`),
    '',
    '# what it said on stderr',
    ...orNothing(qemu.stderrTail()),
    '',
    '# its command line',
    // One option a line, with its value.
    qemu.command.join(' ').replaceAll(/ (?=-[a-z])/g, ' \\\n  '),
  ]
  return `${lines.join('\n')}\n`
}

async function statusOf({ qmp }: QemuProcess, signal: AbortSignal): Promise<string> {
  return await Promise.race([
    qmp.execute('query-status').then(
      ({ status }) => String(status),
      (error) => `its monitor did not answer: ${(error as Error).message.split('\n')[0]}`,
    ),
    aborted(signal).then(() => 'its monitor did not answer'),
  ])
}

function ended({ exit }: QemuProcess): string {
  return exit?.signal ? `ended, killed by ${exit.signal}` : `ended, exit code ${exit?.code}`
}

function orNothing(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? ['(nothing)'] : lines
}
