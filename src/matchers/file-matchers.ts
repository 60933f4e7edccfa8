import { MayflyError } from '../errors.js'
import { describeExit } from '../vm/resources/command.js'
import type { FileState, FileType } from '../vm/resources/file.js'
import { type FileMode, formatMode, parseMode } from '../vm/resources/file-mode.js'
import { outputOf } from './command-matchers.js'
import { contains, describePattern, excerpt, type Pattern } from './text.js'
import { type Definition, define } from './verdict.js'

export const fileMatchers = {
  toBeFile: ofType('file', 'to be a regular file'),
  toBeDirectory: ofType('directory', 'to be a directory'),

  toBeSymlinkTo: define({
    on: ['file'],
    wanted: (target: string) => `to be a symbolic link to ${target}`,
    check: async (file, options, target) => {
      const { state, evidence } = await file.look(options)
      const { linkTarget, resolved } = state
      const seen = linkTarget === undefined ? notLink(file.describe(state), state) : `is one to ${linkTarget}`
      const compared = linkTarget === undefined ? {} : { compared: { actual: linkTarget, expected: target } }
      return {
        pass: linkTarget === target || (linkTarget !== undefined && resolved === target),
        seen,
        evidence,
        ...compared,
      }
    },
  }),

  toContainText: define({
    on: ['file', 'command'],
    wanted: (pattern: Pattern) => `to contain ${describePattern(pattern)}`,
    check: async (resource, options, pattern) => {
      if (resource.kind === 'command') {
        const { state } = await resource.look(options)
        const { stdout, stderr } = state
        const pass = contains(stdout, pattern)
        return {
          pass,
          seen: pass ? 'does' : `does not; it ${describeExit(state)}`,
          evidence: outputOf(state),
          output: { stdout, stderr },
        }
      }
      const { state, evidence, content } = await resource.look({ ...options, content: true })
      if (content === undefined) return { pass: false, seen: resource.describe(state), evidence }
      const pass = contains(content, pattern)
      return { pass, seen: pass ? 'does' : 'does not', evidence: excerpt('content', content) }
    },
  }),

  toHaveMode: define({
    on: ['file'],
    wanted: (mode: FileMode) => `to have the mode ${formatMode(parseMode(mode))}`,
    check: async (file, options, mode) => {
      const { state, evidence } = await file.look(options)
      if (!state.exists) return { pass: false, seen: file.describe(state), evidence }
      const expected = formatMode(parseMode(mode))
      return { pass: state.mode === expected, seen: `has ${state.mode}`, compared: { actual: state.mode, expected } }
    },
  }),

  toBeOwnedBy: define({
    on: ['file'],
    wanted: (owner: string) => `to be owned by ${owner}`,
    check: async (file, options, owner) => {
      const { state, evidence } = await file.look(options)
      if (!state.exists) return { pass: false, seen: file.describe(state), evidence }
      const [user, group] = splitOwner(owner)
      const actual = `${state.owner}${group === undefined ? '' : `:${state.group}`}`
      const pass =
        (user === undefined || isOne(user, state.owner, state.uid)) &&
        (group === undefined || isOne(group, state.group, state.gid))
      return { pass, seen: `belongs to ${state.owner}:${state.group}`, compared: { actual, expected: owner } }
    },
  }),

  toHaveSha256: define({
    on: ['file'],
    wanted: (digest: string) => `to have the SHA-256 ${digest}`,
    check: async (file, options, digest) => {
      const { state, evidence, sha256 } = await file.look({ ...options, sha256: true })
      if (sha256 === undefined) return { pass: false, seen: file.describe(state), evidence }
      const expected = digest.toLowerCase()
      return {
        pass: sha256 === expected,
        seen: `has ${sha256}, and ${state.size} bytes`,
        compared: { actual: sha256, expected },
      }
    },
  }),
}

function ofType(type: FileType, wanted: string): Definition<'file', []> {
  return define({
    on: ['file'],
    wanted: () => wanted,
    check: async (file, options) => {
      const { state, evidence } = await file.look(options)
      return { pass: state.type === type, seen: file.describe(state), evidence }
    },
  })
}

function notLink(what: string, { exists }: FileState): string {
  return exists ? `${what}, and no link` : what
}

function splitOwner(owner: string): [string | undefined, string | undefined] {
  const [user, group, ...more] = owner.split(':')
  if (more.length > 0 || (!user && !group)) {
    throw new MayflyError('MAYFLY_OPTION_INVALID', `not an owner: ${JSON.stringify(owner)}`, {
      hint: "Give 'user', 'user:group' or ':group'; names or numbers.",
    })
  }
  return [user || undefined, group || undefined]
}

function isOne(wanted: string, name: string | undefined, id: number | undefined): boolean {
  return wanted === name || wanted === String(id)
}
