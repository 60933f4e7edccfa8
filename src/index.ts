import './node-globals.js'

export { GuestAssertionError, MayflyError, type MayflyErrorCode } from './errors.js'
export type { FindingKind } from './evidence/console-rules.js'
export { type Fault, failureOf } from './evidence/failure.js'
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
export type { JournalEntry, JournalOptions } from './vm/journal.js'
export { type LaunchOptions, launch } from './vm/launch.js'
export { openPool } from './vm/open-pool.js'
export type { CommandResource } from './vm/resources/command.js'
export type { FileResource, FileState, FileType } from './vm/resources/file.js'
export type { GroupResource, GroupState } from './vm/resources/group.js'
export type { InterfaceResource, InterfaceState } from './vm/resources/interface.js'
export type { Listener } from './vm/resources/listeners.js'
export type { MountResource, MountState } from './vm/resources/mount.js'
export type { PackageResource, PackageState } from './vm/resources/package.js'
export type { PortOptions, PortResource, PortState } from './vm/resources/port.js'
export type { ProcessResource, ProcessState } from './vm/resources/process.js'
export type { GuestProcess } from './vm/resources/process-table.js'
export type { ServiceResource, ServiceState } from './vm/resources/service.js'
export type { SysctlResource, SysctlState } from './vm/resources/sysctl.js'
export type { UserResource, UserState } from './vm/resources/user.js'
export type { ScreenChangeOptions, ScreenshotOptions, VncServer } from './vm/screen.js'
export { type Setup, setup } from './vm/setup.js'
export type { CheckpointOptions, Vm } from './vm/vm.js'
export type { PoolOptions, VmPool } from './vm/vm-pool.js'
export type { CommandWaitOptions } from './vm/waits/command.js'
export type { PortWaitOptions } from './vm/waits/port.js'
export type { WaitOptions } from './vm/waits/until.js'
export type { VmState } from './vm/wrong-state.js'
export { type VmFileOptions, vmfile } from './vmfile/vmfile.js'
