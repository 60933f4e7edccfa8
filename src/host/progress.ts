/** Where long work says what it is doing. A step is told when it starts, when it has a line to show, and when it ends. */
export interface Progress {
  /** Runs `work` as one named step; its time is measured, its failure is passed on. */
  step<T>(title: string, work: (log: (line: string) => void) => Promise<T>): Promise<T>
  /** A step that had nothing to do: what it makes was there. */
  cached(title: string): void
  /** One line of its own. */
  note(line: string): void
  /** One that is shown although nothing else is: why something that was made before must be made again. Default: `note`. */
  warn?(line: string): void
}

/** Tells why something must be made again. */
export function warn(progress: Progress, line: string): void {
  if (progress.warn) progress.warn(line)
  else progress.note(line)
}

export const silent: Progress = {
  step: (_title, work) => work(() => {}),
  cached: () => {},
  note: () => {},
}
