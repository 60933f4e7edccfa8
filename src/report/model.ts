import type { TimelineEntry } from '../vm/timeline.js'

/** What the page shows of a run: `summary` is there at once, `details` (one of each test, in the same order) on demand. */
export interface Report {
  summary: Summary
  details: readonly TestDetails[]
  /** Data URIs by name. */
  pictures: Readonly<Record<string, string>>
}

export interface Summary {
  run: Run
  tests: readonly TestRow[]
}

export interface Run {
  title: string
  /** Milliseconds since the epoch. */
  startedAt: number
  durationMs: number
  outcome: 'passed' | 'failed' | 'interrupted'
  /** About the host and the versions, for people. */
  facts: readonly Fact[]
  /** What the reader should know of this report, such as what was left out. */
  notes: readonly string[]
  /** Errors outside of any test: unhandled ones, and files that did not load. */
  errors: readonly OutsideError[]
}

export interface Fact {
  label: string
  value: string
}

export interface OutsideError {
  /** Whose: a file, a suite, or nobody knows. */
  where: string
  error: ReportedError
}

export type TestState = 'failed' | 'unfinished' | 'passed' | 'skipped'

export interface TestRow {
  id: string
  name: string
  /** The suites around it, outermost first. */
  suites: readonly string[]
  /** Below the root of the run. */
  file: string
  line?: number
  project?: string
  state: TestState
  /** Why it was skipped, as the test says. */
  reason?: string
  startedAt?: number
  durationMs?: number
  /** Beginning of what it failed with. */
  message?: string
  failure?: 'product' | 'harness'
  /** Those that vitest made for the test's own sake. */
  retries: number
  harnessRetries: number
  findings: readonly Finding[]
  machines: number
  evidence?: Evidence
}

/** Something bad on a console. */
export interface Finding {
  kind: string
  severity: 'error' | 'warning'
  line: string
}

export interface Evidence {
  /** Absolute, on the host of the run. */
  directory: string
  /** From the page to the directory. */
  href: string
  /** Each resumes a machine that was kept. */
  commands: readonly string[]
}

export interface TestDetails {
  errors: readonly ReportedError[]
  machines: readonly Machine[]
  /** What the test's own code printed. */
  output: readonly Output[]
  annotations: readonly string[]
  files: readonly EvidenceFile[]
  /** Why there is less than there should be. */
  notes: readonly string[]
}

export interface ReportedError {
  name: string
  message: string
  diff?: string
  frames: readonly Frame[]
  /** The lines around the frame that tells most. */
  source?: SourceExcerpt
  cause?: ReportedError
}

export interface Frame {
  file: string
  line: number
  column: number
  method: string
}

export interface SourceExcerpt {
  file: string
  /** What it is about. */
  line: number
  /** Number of its first line. */
  first: number
  lines: readonly string[]
}

export interface Machine {
  id: string
  name: string
  guest: string
  accelerator: string
  state: string
  /** How it came up, for people. */
  launch: string
  findings: readonly Finding[]
  entries: readonly Entry[]
}

/** Times are milliseconds from the test's start; what was before it is negative. A `file` is one that is not in the page. */
export interface Entry extends TimelineEntry {
  /** Name of a picture. */
  picture?: string
}

export interface Output {
  at: number
  stream: 'stdout' | 'stderr'
  text: string
}

export interface EvidenceFile {
  /** Below the evidence's directory. */
  path: string
  /** Its end, if it is text. */
  text?: string
  picture?: string
}
