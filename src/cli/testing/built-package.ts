import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export interface BuiltPackage extends AsyncDisposable {
  /** Looks like the installed package: `package.json`, `dist`, `fixtures`, `node_modules`. */
  directory: string
  /** The command's entry point. */
  main: string
}

/** The package as it is now, compiled into a directory of its own. */
export async function buildPackage(): Promise<BuiltPackage> {
  const directory = await mkdtemp(join(tmpdir(), 'mayfly-package-'))
  // Types are the type check's business, and half of the time.
  const fast = ['--noCheck', '--declaration', 'false', '--declarationMap', 'false', '--sourceMap', 'false']
  const out = ['--outDir', join(directory, 'dist')]
  await execa(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', ...fast, ...out], { cwd: ROOT })
  await cp(join(ROOT, 'package.json'), join(directory, 'package.json'))
  await cp(join(ROOT, 'fixtures/guests'), join(directory, 'fixtures/guests'), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  return {
    directory,
    main: join(directory, 'dist/cli/main.js'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
