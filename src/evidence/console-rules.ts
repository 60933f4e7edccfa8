/** What a finding means for the test: `ignore` is for what it brings about on purpose. */
export type Severity = 'error' | 'warning' | 'ignore'

/** What Mayfly's own rules find on a console. */
export type FindingKind =
  | 'panic'
  | 'lockup'
  | 'rcu-stall'
  | 'hung-task'
  | 'oops'
  | 'oom-kill'
  | 'segfault'
  | 'kernel-warning'
  | 'io-error'
  | 'filesystem-error'
  | 'hardware-error'
  | 'emergency-mode'
  | 'failed-unit'

export interface ConsoleRule {
  /** A short name, such as `oom-kill`; several rules may share one. */
  kind: string
  /** Found in one line of the console, without colours and the kernel's time. */
  pattern: RegExp
  severity: Severity
}

/**
 * What Linux and systemd say on a console when something has gone wrong. The first rule that fits a line takes it.
 * The texts are those of the kernel's own sources (kernel/panic.c, mm/oom_kill.c, kernel/hung_task.c, ...), from 4.x on.
 */
export const CONSOLE_RULES: readonly (ConsoleRule & { kind: FindingKind })[] = [
  { kind: 'panic', severity: 'error', pattern: /Kernel panic - not syncing/ },
  // On a host that is short of processors an emulated guest's clock jumps: that is no fault of the kernel.
  { kind: 'lockup', severity: 'warning', pattern: /BUG: (?:soft|workqueue) lockup|Watchdog detected hard LOCKUP/i },
  { kind: 'rcu-stall', severity: 'warning', pattern: /rcu.*detected (?:expedited )?stall/ },
  { kind: 'hung-task', severity: 'warning', pattern: /INFO: task \S+ blocked for more than \d+ seconds/ },
  {
    kind: 'oops',
    severity: 'error',
    pattern:
      /\bBUG: |\bOops: |kernel BUG at |Unable to handle kernel |^general protection fault|^divide error: |^invalid opcode: |^stack segment: |Internal error: /,
  },
  { kind: 'oom-kill', severity: 'warning', pattern: /[Oo]ut of memory: Kill(?:ed)? process \d+/ },
  {
    kind: 'segfault',
    severity: 'warning',
    pattern:
      /\S\[\d+\]: segfault at [0-9a-f]+|traps: \S+\[\d+\] (?:general protection|trap )|\S\[\d+\]: unhandled signal \d+/,
  },
  {
    kind: 'kernel-warning',
    severity: 'warning',
    pattern: /\bWARNING: (?:CPU: \d+ PID: \d+|possible |suspicious |bad unlock )|\bUBSAN: /,
  },
  {
    kind: 'io-error',
    severity: 'warning',
    pattern: /\bI\/O error, dev |Buffer I\/O error on |blk_update_request: .*error/,
  },
  {
    kind: 'filesystem-error',
    severity: 'error',
    pattern:
      /EXT[234]-fs error|XFS \(\S+\): (?:Internal error|Corruption|Metadata corruption)|BTRFS (?:error|critical)|Remounting filesystem read-only/,
  },
  { kind: 'hardware-error', severity: 'warning', pattern: /\[Hardware Error\]|Machine check events logged/ },
  {
    kind: 'emergency-mode',
    severity: 'error',
    pattern: /You are in (?:emergency|rescue) mode|Cannot open access to console/,
  },
  {
    kind: 'failed-unit',
    severity: 'warning',
    pattern:
      /\[FAILED\] Failed to (?:start|mount|listen)|\[DEPEND\] Dependency failed|systemd\[1\]: \S+: Failed with result/,
  },
]
