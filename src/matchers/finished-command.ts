import type { ExecResult } from '../ssh/exec.js'
import type { Sight } from '../vm/resources/resource.js'

/** The result of `vm.exec`, to assert on as on a command: it does not run again. */
export class FinishedCommand {
  readonly kind = 'command'
  readonly #result: ExecResult

  constructor(result: ExecResult) {
    this.#result = result
  }

  async look(): Promise<Sight<ExecResult>> {
    return { state: this.#result, evidence: [] }
  }
}

export function isResult(received: unknown): received is ExecResult {
  if (typeof received !== 'object' || received === null) return false
  const { stdout, stderr, exitCode } = received as Partial<ExecResult>
  return typeof stdout === 'string' && typeof stderr === 'string' && exitCode !== undefined
}
