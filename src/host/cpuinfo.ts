import { readFileSync } from 'node:fs'

export const CPUINFO = '/proc/cpuinfo'

/** Fields of the first processor in /proc/cpuinfo; empty where there is none (macOS). */
export function readCpuinfo(path: string = CPUINFO): Map<string, string> {
  const fields = new Map<string, string>()
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return fields
  }
  for (const line of text.split('\n')) {
    if (line.trim() === '' && fields.size > 0) break
    const [, name, value] = /^([^:]*?)\s*:\s*(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) fields.set(name, value)
  }
  return fields
}

/** CPU feature flags: `flags` on x86, `Features` on arm64. */
export function cpuFlags(fields: ReadonlyMap<string, string>): string[] {
  return (fields.get('flags') ?? fields.get('Features') ?? '').split(/\s+/).filter((flag) => flag !== '')
}
