/** One line of the doctor's findings, as data. */
export interface Check {
  name: string
  /** `warn`: something works worse or not at all, but guests run; `fail`: they do not. */
  status: 'ok' | 'warn' | 'fail'
  found: string
  /** What to do about it, where there is something to do. */
  hint?: string
}

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found }
}

export function warn(name: string, found: string, hint?: string): Check {
  return hint === undefined ? { name, status: 'warn', found } : { name, status: 'warn', found, hint }
}

export function fail(name: string, found: string, hint?: string): Check {
  return hint === undefined ? { name, status: 'fail', found } : { name, status: 'fail', found, hint }
}
