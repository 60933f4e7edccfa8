import { MayflyError } from '../errors.js'

/** The variables that `--env NAME=value` and `--env NAME` name. @throws MayflyError MAYFLY_OPTION_INVALID for one that is not set. */
export function environment(entries: readonly string[]): Record<string, string> {
  const pairs = entries.map((entry): [string, string | undefined] => {
    const at = entry.indexOf('=')
    return at < 0 ? [entry, process.env[entry]] : [entry.slice(0, at), entry.slice(at + 1)]
  })
  const unset = pairs.find(([, value]) => value === undefined)
  if (unset)
    throw new MayflyError('MAYFLY_OPTION_INVALID', `--env ${unset[0]}: you have no such variable`, {
      hint: 'Give NAME=value.',
    })
  return Object.fromEntries(pairs) as Record<string, string>
}
