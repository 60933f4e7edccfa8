import { writeFileSync } from 'node:fs'
import { buffer as bufferOf } from 'node:stream/consumers'
import { MayflyError } from '../errors.js'
import { type Diagnostic, Diagnostics, errorsIn, renderDiagnostic } from '../vmfile/diagnostic.js'
import { formatVmFile } from '../vmfile/format.js'
import { toGuestSpec } from '../vmfile/guest-spec.js'
import { checkHostFiles } from '../vmfile/host-files.js'
import { inspectVmFile } from '../vmfile/parse.js'
import type { Source } from '../vmfile/source.js'
import { readVmFile, vmFileText } from '../vmfile/vmfile.js'
import type { ActionContext } from './action.js'
import { EXIT } from './exit.js'
import { nearestVmFile, VMFILE } from './nearest-vmfile.js'
import { printError } from './report-error.js'
import { print, printJson, writerOf } from './streams.js'
import { style } from './style.js'

interface Checked {
  source: Source
  machines: readonly string[]
  diagnostics: readonly Diagnostic[]
}

/** `mayfly vmfile check` */
export async function check(_: ActionContext, { json }: { json?: boolean }, files: string[]): Promise<number> {
  const checked: Checked[] = []
  for (const path of named(files)) checked.push(checkFile(path, await textAt(path)))
  if (json) await printJson(checked.map(asJson))
  else for (const file of checked) await print(render(file))
  return checked.some(({ diagnostics }) => errorsIn(diagnostics).length > 0) ? EXIT.unfit : 0
}

/** `mayfly vmfile format` */
export async function format(_: ActionContext, { check }: { check?: boolean }, files: string[]): Promise<number> {
  const texts: { path: string; text: string }[] = []
  // All are read before the first is written.
  for (const path of named(files)) {
    texts.push({ path, text: await textAt(path) })
  }
  let status = 0
  for (const { path, text } of texts) {
    const formatted = tryFormat(path, text)
    if (formatted === undefined || (check && formatted !== text)) status = EXIT.unfit
    if (formatted === undefined) continue
    if (path === '-' && !check) await writerOf(process.stdout)(formatted)
    else if (formatted !== text) {
      if (!check) writeFileSync(path, formatted)
      await print(check ? `${path} would change` : `formatted ${path}`)
    }
  }
  return status
}

async function textAt(path: string): Promise<string> {
  return path === '-' ? vmFileText('standard input', await bufferOf(process.stdin)) : readVmFile(path)
}

function named(files: readonly string[]): readonly string[] {
  return files.length > 0 ? files : [nearestVmFile() ?? VMFILE]
}

function tryFormat(path: string, text: string): string | undefined {
  try {
    return formatVmFile(text, { path })
  } catch (error) {
    if (!(error instanceof MayflyError)) throw error
    printError(error)
    return undefined
  }
}

function checkFile(path: string, text: string): Checked {
  const { source, machines, diagnostics } = inspectVmFile(text, { path })
  const [missing, unsupported] = [new Diagnostics(), new Diagnostics()]
  for (const machine of machines) {
    checkHostFiles(machine, missing)
    toGuestSpec(machine, unsupported)
  }
  const warnings = unsupported.sorted.map((found): Diagnostic => ({ ...found, severity: 'warning' }))
  const all = [...diagnostics, ...missing.sorted, ...warnings].sort((a, b) => a.span.start - b.span.start)
  return { source, machines: machines.map(({ name }) => name), diagnostics: all }
}

function render({ source, machines, diagnostics }: Checked): string {
  const found = diagnostics.map((diagnostic) => {
    const [first = '', ...rest] = renderDiagnostic(source, diagnostic)
    const coloured = first.replace(` ${diagnostic.severity}: `, (word) =>
      style(diagnostic.severity === 'error' ? 'red' : 'yellow', word),
    )
    return [coloured, ...rest, ''].join('\n')
  })
  const errors = errorsIn(diagnostics).length
  const counts = [count(errors, 'error'), count(diagnostics.length - errors, 'warning')].filter((text) => text !== '')
  const what = errors > 0 ? '' : `${count(machines.length, 'machine')} (${machines.join(', ')})`
  return [...found, `${source.path}: ${[what, ...counts].filter((text) => text !== '').join(', ')}`].join('\n')
}

function count(number: number, what: string): string {
  return number === 0 ? '' : `${number} ${what}${number === 1 ? '' : 's'}`
}

function asJson({ source, machines, diagnostics }: Checked): unknown {
  return {
    path: source.path,
    machines,
    diagnostics: diagnostics.map(({ severity, message, span, hint, related }) => {
      const end = source.position(span.end)
      return {
        severity,
        message,
        ...source.position(span.start),
        endLine: end.line,
        endColumn: end.column,
        hint,
        related: related && { message: related.message, ...source.position(related.span.start) },
      }
    }),
  }
}
