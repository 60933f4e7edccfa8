import { readFileSync } from 'node:fs'
import { URL } from '../node-globals.js'

/** Browser code and style as they are written; the package ships its sources, and this is beside `dist` there. */
const PAGE = new URL('../../src/report/page/', import.meta.url)

/** What is for small windows and paper comes last. */
const STYLES = ['base', 'layout', 'list', 'overview', 'test', 'timeline', 'media']

const IMPORT = /^import [^']*'\.\/([\w-]+\.js)'\n/gm

export interface PageSource {
  script: string
  style: string
}

/** The page's own code in one piece: browsers load no modules from a file on disk. */
export function readPageSource(): PageSource {
  return {
    script: inOnePiece('main.js'),
    style: STYLES.map((name) => readFileSync(new URL(`${name}.css`, PAGE), 'utf8')).join(''),
  }
}

/** Every module once, behind those that it imports. Their top-level names must differ; a browser would say so at once. */
function inOnePiece(name: string, seen = new Set<string>()): string {
  if (seen.has(name)) return ''
  seen.add(name)
  const source = readFileSync(new URL(name, PAGE), 'utf8')
  const before = [...source.matchAll(IMPORT)].map(([, imported]) => inOnePiece(imported!, seen))
  return before.join('') + source.replaceAll(IMPORT, '').replaceAll(/^export /gm, '')
}
