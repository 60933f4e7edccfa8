import type {} from 'vitest'
import type { AcceleratorKind } from '../host/accelerator.js'
import type { LaunchTimings } from '../snapshot/timings.js'
import type { TimelineEntry } from '../vm/timeline.js'
import type { VmState } from '../vm/wrong-state.js'

/** One machine of a test, as far as anybody has to know afterwards. */
export interface VmHistory {
  id: string
  /** The fixture's name, or the guest's. */
  name: string
  guest: string
  accelerator: AcceleratorKind
  /** As the test left it. */
  state: VmState
  timings: LaunchTimings
  timeline: readonly TimelineEntry[]
  findings: readonly Finding[]
}

/** Something bad on a machine's console, whether its test passed or not. */
export interface Finding {
  /** `panic`, `oops`, `oom-kill`, `segfault`, `failed-unit`, ... */
  kind: string
  severity: 'error' | 'warning'
  /** The console's line. */
  line: string
}

/** What a test's worker leaves for the reporter: a JSON file that `task.meta.mayfly.record` names. */
export interface TestRecord {
  version: 1
  vms: readonly VmHistory[]
  /** Where the evidence of a failure is, if there is any. */
  evidence?: EvidenceFolder | undefined
}

export interface EvidenceFolder {
  /** Absolute. */
  directory: string
  /** Paths below it. */
  files: readonly string[]
}

/** What goes with a test's result to every reporter, as `task.meta.mayfly`. */
export interface TestMeta {
  /** Path of the TestRecord; only written when a reporter has asked for it, or the test failed. */
  record?: string
  /** Directory of the evidence of a failure. */
  evidence?: string
  /** Whose fault it was: the product's, or the harness's and the host's. */
  failure?: 'product' | 'harness'
  /** How often it was tried again after failures of the harness. */
  harnessRetries?: number
  /** How many of these were whole attempts at the test, which vitest counts among its own retries. */
  harnessAttempts?: number
  findings?: readonly Finding[]
}

/** What a failed test attaches to vitest's own report. */
export interface EvidenceArtifact {
  type: 'mayfly:evidence'
  /** Absolute. */
  directory: string
  attachments: { path: string; contentType: string }[]
}

declare module 'vitest' {
  interface TaskMeta {
    mayfly?: TestMeta
  }
  interface TestArtifactRegistry {
    mayflyEvidence: EvidenceArtifact
  }
}

/** Set by the reporter for the workers: the directory where records go. */
export const RECORDS_ENV = 'MAYFLY_RECORDS_DIR'
