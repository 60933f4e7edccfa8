import { closeSync, openSync, readSync } from 'node:fs'
import { quote } from '../ssh/quote.js'

/** The kernel reads no more of a script to find its interpreter. */
const FIRST_LINE_BYTES = 256

/** Why a guest could not run a script as it is, and what to do. */
export function unfitScript(path: string): { message: string; hint: string } | undefined {
  const beginning = beginningOf(path)
  if (beginning.startsWith('\uFEFF')) {
    return {
      message: `the script ${path} begins with a byte order mark`,
      hint: 'Save it as UTF-8 without a byte order mark: its first line is not found otherwise.',
    }
  }
  if (!/^[^\n]*\r\n/.test(beginning)) return undefined
  return {
    message: `the script ${path} has CRLF line ends`,
    hint: `Save it with LF line ends, as with: sed -i 's/\\r$//' ${quote(path)}. In .gitattributes: *.sh text eol=lf`,
  }
}

/**
 * The command line that runs a copy of a script in a guest, by the interpreter that its first line names: the copy may lie
 * where nothing can be executed.
 */
export function scriptCommand(path: string, copy: string): string {
  const beginning = beginningOf(path)
  if (beginning.startsWith('\x7fELF')) return `exec ${quote(copy)}`
  const [, interpreter = '/bin/sh', argument] =
    /^#![ \t]*([^\s]+)(?:[ \t]+([^\n]*?))?[ \t]*(?:\n|$)/.exec(beginning) ?? []
  return `exec ${[interpreter, ...(argument ? [argument] : []), copy].map(quote).join(' ')}`
}

function beginningOf(path: string): string {
  const bytes = Buffer.alloc(FIRST_LINE_BYTES)
  const file = openSync(path, 'r')
  try {
    return bytes.toString('utf8', 0, readSync(file, bytes))
  } finally {
    closeSync(file)
  }
}
