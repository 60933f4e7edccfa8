/** What the exit status of `mayfly` means when it is not that of the guest's command. */
export const EXIT = {
  /** What was to be checked is not as it should be: the host for `doctor`, files for `vmfile`. */
  unfit: 1,
  /** The command line is wrong. */
  usage: 2,
  /** `stop`, `down`: a guest did not power off in time, so its power was cut. */
  powerCut: 3,
  /** `run --timeout`: the command was ended, as timeout(1) has it. */
  timeout: 124,
  /** Mayfly or the host failed, not the guest's command, as docker and timeout(1) have it. */
  harness: 125,
  /** A signal ends it: this plus the signal's number. */
  signal: 128,
} as const
