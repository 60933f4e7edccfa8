import { MayflyError } from './errors.js'

/** Milliseconds, or `'250ms'`, `'30s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | string
/** A number in the unit of its place (MiB for memory, GiB for disks), or `'512MiB'`, `'1GiB'`. */
export type Size = number | string

const DURATIONS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZES: Record<string, number> = {
  '': 1,
  b: 1,
  ...powers('k', 1),
  ...powers('m', 2),
  ...powers('g', 3),
  ...powers('t', 4),
}

function powers(letter: string, exponent: number): Record<string, number> {
  return {
    [letter]: 1024 ** exponent,
    [`${letter}ib`]: 1024 ** exponent,
    [`${letter}b`]: 1000 ** exponent,
  }
}

/**
 * Milliseconds of a duration.
 * @throws MayflyError MAYFLY_OPTION_INVALID unless it is a finite, non-negative number or one with a unit.
 */
export function toMilliseconds(value: Duration, name = 'duration'): number {
  const number = typeof value === 'number' ? value : parse(value, DURATIONS)
  if (number === undefined || !Number.isFinite(number) || number < 0) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `${name} is not a duration: ${JSON.stringify(value)}`, {
      hint: "Give milliseconds as a number, or a string such as '250ms', '30s', '5m', '1h'.",
    })
  }
  return number
}

/**
 * Bytes of a size; a bare number is counted in `unit` bytes.
 * @throws MayflyError MAYFLY_OPTION_INVALID unless it is a finite, non-negative number or one with a unit.
 */
export function toBytes(value: Size, unit: number, name = 'size'): number {
  const number = typeof value === 'number' ? value * unit : parse(value, SIZES)
  if (number === undefined || !Number.isFinite(number) || number < 0) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `${name} is not a size: ${JSON.stringify(value)}`, {
      hint: "Give a string such as '512MiB' or '1GiB'.",
    })
  }
  return Math.round(number)
}

function parse(text: string, units: Record<string, number>): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
  const unit = units[(match?.[2] ?? '').toLowerCase()]
  return match && unit !== undefined ? Number(match[1]) * unit : undefined
}

export const KIB = 1024
export const MIB = 1024 ** 2
export const GIB = 1024 ** 3

/** `1.5 GiB`, for people. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let power = 0
  let value = bytes
  while (value >= 1024 && power < units.length - 1) {
    value /= 1024
    power++
  }
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`
}

/** `320 ms`, `4.6 s`, `2 min 5 s`, `3 h 20 min`, `12 days`, for people. */
export function formatMilliseconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.floor(minutes / 1440)} days`
}
