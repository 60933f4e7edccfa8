/**
 * The commands and events Mayfly uses, as QEMU's QAPI schema defines them.
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
 */
export interface QmpCommands {
  qmp_capabilities: Command
  cont: Command
  stop: Command
  quit: Command
  system_powerdown: Command
  'set-action': Command<{ reboot: 'reset' | 'shutdown' }>
  'query-status': Command<undefined, { status: RunState; running: boolean }>
  'query-migrate': Command<undefined, MigrationInfo>
  'migrate-set-capabilities': Command<{ capabilities: { capability: string; state: boolean }[] }>
  'migrate-set-parameters': Command<Record<string, number | string>>
  migrate: Command<{ uri: string }>
  'migrate-incoming': Command<{ uri: string }>
  'query-commands': Command<undefined, { name: string }[]>
  'xen-save-devices-state': Command<{ filename: string; live: boolean }>
  'blockdev-add': Command<object>
  'blockdev-del': Command<{ 'node-name': string }>
  'blockdev-snapshot': Command<{ node: string; overlay: string }>
  'block-stream': Command<{ 'job-id': string; device: string; 'base-node'?: string }>
  'snapshot-save': Command<{ 'job-id': string; tag: string; vmstate: string; devices: string[] }>
  'snapshot-load': Command<{ 'job-id': string; tag: string; vmstate: string; devices: string[] }>
  'snapshot-delete': Command<{ 'job-id': string; tag: string; devices: string[] }>
  'query-jobs': Command<undefined, { id: string; status: string; error?: string }[]>
  'job-dismiss': Command<{ id: string }>
  screendump: Command<{ filename: string }>
  'input-send-event': Command<{ events: readonly InputEvent[] }>
  'display-update': Command<{ type: 'vnc'; addresses: readonly VncAddress[] }>
  'query-vnc-servers': Command<undefined, { server: { host: string; service: string }[] }[]>
  set_password: Command<{ protocol: 'vnc'; password: string }>
  'human-monitor-command': Command<{ 'command-line': string }, string>
}

/** With `to`, the first port from `port` to there that is free. */
export type VncAddress = { type: 'unix'; path: string } | { type: 'inet'; host: string; port: string; to?: number }

/** One key that goes down or comes up, by QEMU's name for it. */
export interface InputEvent {
  type: 'key'
  data: { down: boolean; key: { type: 'qcode'; data: string } }
}

interface Command<A = undefined, R = Record<string, never>> {
  arguments: A
  return: R
}

export type RunState =
  | 'inmigrate'
  | 'finish-migrate'
  | 'paused'
  | 'postmigrate'
  | 'prelaunch'
  | 'running'
  | 'shutdown'
  | 'guest-panicked'
  | 'internal-error'
  | 'io-error'

export interface MigrationInfo {
  status?: 'none' | 'setup' | 'active' | 'completed' | 'failed' | 'cancelled'
  'error-desc'?: string
}

export interface QmpEvent {
  event: 'SHUTDOWN' | 'RESET' | 'STOP' | 'RESUME' | 'MIGRATION' | (string & {})
  data?: Record<string, unknown>
  timestamp: { seconds: number; microseconds: number }
}
