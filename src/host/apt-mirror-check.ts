import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Check, ok, warn } from './check.js'

const NAME = 'apt mirror'

/** Whether apt has a package source configured, from which the embedded guests are built. It is not contacted. */
export async function checkAptMirror(aptDirectory = '/etc/apt'): Promise<Check> {
  const parts = join(aptDirectory, 'sources.list.d')
  const names = await readdir(parts).catch(() => [])
  const lists = [join(aptDirectory, 'sources.list'), ...names.filter(endsIn('.list')).map((name) => join(parts, name))]
  const deb822 = names.filter(endsIn('.sources')).map((name) => join(parts, name))
  const uris = [...(await readAll(lists)).flatMap(listUris), ...(await readAll(deb822)).flatMap(deb822Uris)]
  const mirrors = [...new Set(uris.map(withoutPassword))]
  if (mirrors.length > 0) return ok(NAME, mirrors.join(', '))
  const hint =
    'The embedded guests are built from Debian packages; on another system give a kernel, an initrd and a disk of your own.'
  return warn(NAME, `none configured in ${aptDirectory}`, hint)
}

function endsIn(suffix: string): (name: string) => boolean {
  return (name) => name.endsWith(suffix)
}

async function readAll(paths: string[]): Promise<string[]> {
  return Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')))
}

// sources.list(5), one line: deb [options] uri suite component...
function listUris(text: string): string[] {
  return [...text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)/gm)].flatMap(([, uri]) => uri ?? [])
}

// sources.list(5), deb822: paragraphs of fields, `Enabled: no` switches one off.
function deb822Uris(text: string): string[] {
  const paragraphs = text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/)
  const enabled = paragraphs.filter((part) => /^Types:.*\bdeb\b(?!-)/im.test(part) && !/^Enabled:\s*no\b/im.test(part))
  return enabled.flatMap((part) => /^URIs:\s*(.*)$/im.exec(part)?.[1]?.trim().split(/\s+/) ?? [])
}

function withoutPassword(uri: string): string {
  return uri.replace(/\/\/[^/@]*@/, '//')
}
