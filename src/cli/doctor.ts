import { type Check, diagnose } from '../host/doctor.js'
import type { ActionContext } from './action.js'
import { EXIT } from './exit.js'
import { print, printJson } from './streams.js'
import { style } from './style.js'
import { table } from './table.js'

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const

/** `mayfly doctor` */
export async function doctor({ cacheDir }: ActionContext, { json }: { json?: boolean }): Promise<number> {
  const checks = await diagnose({ cacheDir })
  if (json) await printJson(checks)
  else await print(render(checks))
  return checks.some(({ status }) => status === 'fail') ? EXIT.unfit : 0
}

function render(checks: readonly Check[]): string {
  const rows = checks.map(({ name, status, found }) => [style(COLOURS[status], status), name, found])
  // Several checks may have one remedy.
  const hints = new Map<string, string[]>()
  for (const { name, hint } of checks) if (hint) hints.set(hint, [...(hints.get(hint) ?? []), name])
  const remedies = [...hints].map(([hint, names]) => `${style('bold', names.join(', '))}: ${hint}`)
  return [table(rows), ...(remedies.length > 0 ? ['', ...remedies] : [])].join('\n')
}
