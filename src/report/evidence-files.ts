import { open } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { RECORD } from '../evidence/collect-evidence.js'
import type { EvidenceFolder, TestRecord } from '../evidence/test-record.js'
import type { Evidence, EvidenceFile } from './model.js'
import type { Pictures } from './pictures.js'
import type { TextBudget } from './text-budget.js'

const MOST_FILES = 60
const MOST_BYTES = 256 * 1024
const MOST_SHOWN = 64 * 1024
const TEXT = /\.(txt|log|json|journal|md|xml|ya?ml|conf|ini|diff|patch|out|err|argv|sh)$|(^|\/)[^./]+$/

/** Below the folder of a machine: itself, frozen. */
const KEPT = /^(.+)\/machine\//

/** Where the evidence of a test is, as seen from the page and from the root of the run. */
export function evidenceOf(
  directory: string,
  record: TestRecord | undefined,
  { root, outputFile }: { root: string; outputFile: string },
): Evidence {
  const href = relative(dirname(outputFile), directory).split('/').map(encodeURIComponent).join('/')
  const kept = new Set((record?.evidence?.files ?? []).flatMap((file) => KEPT.exec(file)?.[1] ?? []))
  const below = relative(root, directory)
  const open = `npx mayfly open ${below.startsWith('..') ? directory : below}`
  return {
    directory,
    href: `${href}/`,
    commands: [...kept].map((name) => (kept.size > 1 ? `${open} --vm ${name}` : open)),
  }
}

/** What lies in the folder of a failed test, as far as it fits into the page. */
export async function evidenceFiles(
  { directory, files }: EvidenceFolder,
  { budget, pictures }: { budget: TextBudget; pictures: Pictures },
): Promise<EvidenceFile[]> {
  const shown: EvidenceFile[] = []
  for (const path of files.filter((file) => file !== RECORD && !KEPT.test(file)).slice(0, MOST_FILES)) {
    const picture = await pictures.add(join(directory, path))
    const text = picture || !TEXT.test(path) ? undefined : await endOf(join(directory, path))
    shown.push({ path, ...(picture && { picture }), ...(text && { text: budget.fit(text, MOST_SHOWN) }) })
  }
  return shown
}

/** The end of a text file; undefined if it is gone, empty, or not text. */
async function endOf(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined)
  if (!file) return undefined
  try {
    const found = await file.stat()
    if (!found.isFile()) return undefined
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(Math.min(found.size, MOST_BYTES)),
      position: Math.max(0, found.size - MOST_BYTES),
    })
    const bytes = buffer.subarray(0, bytesRead)
    return bytes.includes(0) ? undefined : bytes.toString('utf8')
  } catch {
    return undefined
  } finally {
    await file.close()
  }
}
