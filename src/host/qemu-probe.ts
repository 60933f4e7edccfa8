import { MayflyError } from '../errors.js'
import { runTool, type ToolResult } from './run-tool.js'

/** What a QEMU binary says about itself. */
export interface QemuFacts {
  version: string
  versionLabel: string
  machine: string
}

const PROBE_TIMEOUT_MS = 30_000

/**
 * Asks a binary for its version and for the versioned machine behind `machineAlias` (`q35`, `virt`).
 * @throws MayflyError MAYFLY_QEMU_SPAWN_FAILED with the binary's stderr.
 */
export async function probeQemu(path: string, machineAlias: string): Promise<QemuFacts> {
  const [versionText, machineText] = await Promise.all([ask(path, ['--version']), ask(path, ['-machine', 'help'])])
  const [versionLabel = ''] = versionText.split('\n')
  const version = /^QEMU emulator version (\d+\.\d+(?:\.\d+)?)/.exec(versionLabel)?.[1]
  if (!version) {
    throw new MayflyError('MAYFLY_QEMU_SPAWN_FAILED', `${path} is not a QEMU system emulator`, {
      details: [`--version printed: ${versionText.slice(0, 200) || 'nothing'}`],
      hint: 'Unset MAYFLY_QEMU, or point it at a binary such as /usr/bin/qemu-system-x86_64.',
    })
  }
  return { version, versionLabel: versionLabel.trim(), machine: resolveMachine(path, machineText, machineAlias) }
}

// `q35   Standard PC (Q35 + ICH9, 2009) (alias of pc-q35-7.2)`
function resolveMachine(path: string, help: string, alias: string): string {
  const line = help.split('\n').find((text) => text.startsWith(`${alias} `))
  const machine = /\(alias of (\S+)\)/.exec(line ?? '')?.[1]
  if (machine) return machine
  throw new MayflyError('MAYFLY_QEMU_SPAWN_FAILED', `${path} has no machine type ${alias}`, {
    details: help.split('\n').slice(0, 3),
    hint: 'It emulates another architecture; unset MAYFLY_QEMU, or point it at one for this host.',
  })
}

async function ask(path: string, args: string[]): Promise<string> {
  const result = await runTool(path, args, { timeoutMs: PROBE_TIMEOUT_MS })
  if (result.exitCode === 0) return result.stdout.toString().trimEnd()
  throw new MayflyError('MAYFLY_QEMU_SPAWN_FAILED', `${path} ${args.join(' ')} failed: ${endOf(result)}`, {
    details: result.stderr ? result.stderr.split('\n').slice(-20) : ['it wrote nothing to stderr'],
    hint: 'Reinstall QEMU, or point MAYFLY_QEMU at a working binary.',
    cause: result.error,
  })
}

function endOf({ timedOut, signal, exitCode, error }: ToolResult): string {
  if (timedOut) return `no answer within ${PROBE_TIMEOUT_MS / 1000} s`
  if (signal) return `killed by ${signal}`
  return exitCode === undefined ? (error?.message ?? 'it did not start') : `exit code ${exitCode}`
}
