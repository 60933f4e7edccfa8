import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Source {
  uri: string
  suite: string
}

/**
 * `deb` lines for a Debian release, from the archives that this host's apt is configured with; third-party archives are
 * left out. Empty when the host has no Debian archive (an Ubuntu, say): mmdebstrap then takes its own default.
 * @param mirror replaces what the host has: an archive's URI, or a whole `deb` line.
 */
export function debianSources(suite: string, mirror?: string, aptDirectory = '/etc/apt'): string[] {
  if (mirror?.startsWith('deb ')) return [mirror]
  if (mirror) return [line(mirror, suite), line(mirror, `${suite}-updates`)]
  const sources = readSources(aptDirectory)
  const archive = sources.find((source) => DEBIAN_SUITE.test(source.suite))
  const security = sources.find((source) => DEBIAN_SECURITY.test(source.suite))
  return [
    ...(archive ? [line(archive.uri, suite), line(archive.uri, `${suite}-updates`)] : []),
    ...(archive && security ? [line(security.uri, `${suite}-security`)] : []),
  ]
}

const DEBIAN_SUITE = /^(bullseye|bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)$/
const DEBIAN_SECURITY = /^(bullseye|bookworm|trixie|forky|oldstable|stable|testing)-security$/

function line(uri: string, suite: string): string {
  return `deb ${uri} ${suite} main`
}

function readSources(directory: string): Source[] {
  const files = [join(directory, 'sources.list'), ...listed(join(directory, 'sources.list.d'))]
  return files.flatMap((file) => {
    const text = read(file)
    return file.endsWith('.sources') ? text.split(/\n\s*\n/).flatMap(parseStanza) : text.split('\n').flatMap(parseLine)
  })
}

/** One-line format of sources.list(5). */
function parseLine(text: string): Source[] {
  const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)/.exec(text.trim())
  if (!match) return []
  const [, options = '', uri = '', suite = '', components = ''] = match
  return accept(uri, [suite], components, /signed-by=(\S+)/.exec(options)?.[1])
}

/** A stanza of the deb822 format of sources.list(5). */
function parseStanza(text: string): Source[] {
  const fields = new Map<string, string>()
  for (const row of text.replace(/^#.*\n?/gm, '').matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
    fields.set(row[1]!.toLowerCase(), row[2]!.trim())
  }
  const types = fields.get('types')?.split(/\s+/) ?? []
  if (!types.includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') return []
  const uri = fields.get('uris')?.split(/\s+/)[0] ?? ''
  const suites = fields.get('suites')?.split(/\s+/) ?? []
  return accept(uri, suites, fields.get('components') ?? '', fields.get('signed-by'))
}

/** Keeps what is Debian's own: signed by its keyring, with the component `main`. */
function accept(uri: string, suites: string[], components: string, signedBy: string | undefined): Source[] {
  const official = !signedBy || signedBy.includes('debian-archive')
  if (!official || !components.split(/\s+/).includes('main')) return []
  // Debian's cloud images name a list of mirrors, a file that the guest does not have.
  const list = /^mirror\+file:(?:\/\/)?(\/.*)/.exec(uri)?.[1]
  const resolved = list ? (read(list).match(/^https?:\S+/m)?.[0] ?? '') : uri
  if (!/^(https?|file|copy):/.test(resolved)) return []
  return suites.map((suite) => ({ uri: resolved, suite }))
}

function listed(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => /\.(list|sources)$/.test(name))
    return names.sort().map((name) => join(directory, name))
  } catch {
    return []
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
