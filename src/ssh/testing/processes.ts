import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'

/** A sleep that no other process on this machine runs. */
export function uniqueSleep(): string {
  return `sleep 1000.${randomBytes(4).readUInt32BE()}`
}

/** Whether a process has `pattern` in its command line. */
export function running(pattern: string): boolean {
  const table = execFileSync('ps', ['-eo', 'stat=,args='], { encoding: 'utf8' })
  return table.split('\n').some((line) => !line.startsWith('Z') && line.includes(pattern))
}
