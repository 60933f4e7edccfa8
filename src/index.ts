export { GuestAssertionError, MayflyError, type MayflyErrorCode } from './errors.js'
export type { Guest } from './guest/spec.js'
export { file, packages, type Step, shell } from './guest/steps.js'
export type { Progress } from './host/progress.js'
export type { Checkpoint } from './snapshot/checkpoint.js'
export type { ExecOptions, ExecResult } from './ssh/exec.js'
export type { Shell, ShellOptions } from './ssh/shell.js'
export type { DownloadOptions, UploadOptions } from './ssh/transfer.js'
export type { Duration, Size } from './units.js'
export { defineGuest, type GuestSpec } from './vm/define-guest.js'
export type { DiffOptions } from './vm/diff/diff.js'
export type {
  Change,
  FileChange,
  FileFacts,
  GroupFacts,
  MachineDiff,
  PackageFacts,
  PortFacts,
  UnitFacts,
  UserFacts,
} from './vm/diff/machine-diff.js'
export type { Invariant, InvariantOptions } from './vm/invariant.js'
export { type LaunchOptions, launch } from './vm/launch.js'
export { type Setup, setup } from './vm/setup.js'
export type { CheckpointOptions, Vm } from './vm/vm.js'
export { openPool, type PoolOptions, VmPool } from './vm/vm-pool.js'
export type { CommandWaitOptions } from './vm/waits/command.js'
export type { PortWaitOptions } from './vm/waits/port.js'
export type { WaitOptions } from './vm/waits/until.js'
export type { VmState } from './vm/wrong-state.js'
