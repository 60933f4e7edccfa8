import '../node-globals.js'

export type { ConsoleRule, Severity } from '../evidence/console-rules.js'
export type { ConsoleOptions } from '../evidence/console-scan.js'
export type {
  EvidenceArtifact,
  EvidenceFolder,
  Finding,
  TestMeta,
  TestRecord,
  VmHistory,
} from '../evidence/test-record.js'
export type { EvidenceOptions } from './evidence-options.js'
export { type GuestTestOptions, guestTest } from './guest-test.js'
