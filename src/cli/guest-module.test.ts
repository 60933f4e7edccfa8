import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededCache } from '../snapshot/testing/seeded-cache.js'
import { type BuiltPackage, buildPackage } from './testing/built-package.js'
import { type UserProject, userProject } from './testing/user-project.js'

let built: BuiltPackage
let project: UserProject
beforeAll(async () => {
  built = await buildPackage()
  project = await userProject(built, {
    'guests.mjs': `
      import { defineGuest } from 'mayfly'
      export const web = defineGuest('micro')
      export const more = { db: defineGuest('debian'), port: 80 }
      export const list = [web]
    `,
    'none.mjs': `export const web = { image: 'micro' }`,
    'throws.mjs': `throw new Error('no such luck')`,
    'invalid.mjs': `import { defineGuest } from 'mayfly'; export const web = defineGuest({ image: 'micro', cpus: 0 })`,
    // Nothing that Node could strip: an enum is code.
    'typed.ts': `
      import { defineGuest } from 'mayfly'
      enum Size { small = 1 }
      export const web = defineGuest({ image: 'micro', cpus: Size.small })
      export const db = defineGuest({ image: 'micro', cpus: Size.small })
    `,
    'broken.ts': `export const web: = 7`,
  })
}, 60_000)
afterAll(async () => {
  await project[Symbol.asyncDispose]()
  await built[Symbol.asyncDispose]()
})

test.each([
  [['warm', './nowhere.mjs'], 'cannot load'],
  [['warm', './none.mjs'], './none.mjs exports no guest'],
  [['warm', './throws.mjs'], 'no such luck'],
  [['warm', './invalid.mjs'], 'cpus: '],
  [['warm', './broken.ts'], 'cannot load'],
  [['warm', './guests.mjs#wbe'], 'It exports list.0, more.db, web.'],
  [['run', './guests.mjs', '--', 'true'], 'exports 2 guests'],
  [['run', './typed.ts', '--', 'true'], 'Name one of them: typed.ts#web, typed.ts#db'],
  [['run', './guests.mjs#web', '--memory', '1GiB', '--', 'true'], '--memory: the guests of ./guests.mjs#web'],
])('%j is refused with status 2 and says why', async (args, why) => {
  await using cache = await seededCache()
  const { exitCode, stdout, stderr } = await execa(process.execPath, [built.main, ...args], {
    cwd: project.directory,
    env: { MAYFLY_CACHE_DIR: cache.store.root },
    reject: false,
  })
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(why)
  expect(stderr).not.toContain('    at ')
})
