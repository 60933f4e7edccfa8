import { MayflyError } from '../../errors.js'

/** Addresses that begin with `from` are looked for at `to` first: both are the beginnings of URLs. */
export interface Mirror {
  from: string
  to: string
}

/** Where to look for what is at `url`: at its mirrors in their order, then at itself. */
export function candidates(url: string, mirrors: readonly Mirror[]): string[] {
  const mirrored = mirrors.filter(({ from }) => url.startsWith(from)).map(({ from, to }) => to + url.slice(from.length))
  return [...new Set([...mirrored, url])]
}

/**
 * Mirrors as users write them: `https://cloud.debian.org/=https://mirror.example/debian-cloud/`. Without a `from`,
 * `https://mirror.example/` stands before every address less its scheme, as a caching server has it.
 * @throws MayflyError MAYFLY_OPTION_INVALID.
 */
export function parseMirror(text: string): Mirror {
  const [, from, to] = /^(https?:\/\/[^=]+)=(https?:\/\/.+)$/.exec(text) ?? []
  if (from !== undefined && to !== undefined) return { from, to }
  if (/^https?:\/\/[^=]+$/.test(text)) return { from: 'https://', to: text.endsWith('/') ? text : `${text}/` }
  throw new MayflyError('MAYFLY_OPTION_INVALID', `not a mirror: ${JSON.stringify(text)}`, {
    hint: 'Give <beginning of URLs>=<what to put there>, such as https://cloud.debian.org/=https://mirror.example/debian-cloud/',
  })
}

/** Those of `MAYFLY_IMAGE_MIRRORS`, which are separated by blanks. */
export function mirrorsOf(env: NodeJS.ProcessEnv = process.env): Mirror[] {
  return (env.MAYFLY_IMAGE_MIRRORS ?? '').split(/\s+/).filter(Boolean).map(parseMirror)
}
