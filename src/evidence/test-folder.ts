import { dirname, join, normalize } from 'node:path'

/** What names a test, as far as its folder goes. */
export interface TestIdentity {
  /** Path of its file from vitest's root. */
  file: string
  /** vitest's project, if it has a name. */
  project?: string | undefined
  /** With those of its suites, outermost first. */
  names: readonly string[]
}

/** Bytes: file systems allow 255, of which some go to the folder's neighbours while it is made. */
const LONGEST_NAME = 100

/**
 * The folder of one test below the one of all, the same in every run: readable, and safe in a shell without quotes.
 * @param all every test of its file in order; those whose folders would be the same are counted.
 */
export function folderOf(test: TestIdentity, all: readonly TestIdentity[]): string {
  const file = normalize(test.file)
    .split('/')
    .map((part) => (part === '..' ? 'up' : sanitize(part)))
    .join('/')
  const name = nameOf(test)
  const before = all.slice(0, all.indexOf(test)).filter((other) => nameOf(other) === name).length
  const project = test.project ? `~${sanitize(test.project)}` : ''
  return join(
    dirname(file),
    `${sanitize(file.split('/').at(-1)!)}${project}`,
    before === 0 ? name : `${name}~${before + 1}`,
  )
}

function nameOf({ names }: TestIdentity): string {
  return sanitize(names.join(' '))
}

/** The tilde is left for numbers. A name of other letters only, such as Chinese, keeps them. */
export function sanitize(name: string): string {
  const plain = name
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N}._]+/gu, '-')
    .replaceAll(/^[-.]+|-+$/g, '')
  const letters = Array.from(plain)
  while (Buffer.byteLength(letters.join('')) > LONGEST_NAME) letters.pop()
  return letters.join('').replace(/-+$/, '') || 'unnamed'
}
