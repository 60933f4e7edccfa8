/** Where long work says what it is doing. A step is told when it starts, when it has a line to show, and when it ends. */
export interface Progress {
  /** Runs `work` as one named step; its time is measured, its failure is passed on. */
  step<T>(title: string, work: (log: (line: string) => void) => Promise<T>): Promise<T>
  /** A step that had nothing to do: what it makes was there. */
  cached(title: string): void
  /** One line of its own, such as the reason of a rebuild. */
  note(line: string): void
}

export const silent: Progress = {
  step: (_title, work) => work(() => {}),
  cached: () => {},
  note: () => {},
}
