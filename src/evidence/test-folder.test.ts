import { expect, test } from 'vitest'
import { folderOf, sanitize, type TestIdentity } from './test-folder.js'

const identity = (names: string[], file = 'web.test.ts', project?: string): TestIdentity => ({ file, project, names })

test('a folder is named after the file, the suites and the test', () => {
  const one = identity(['nginx', 'serves the page'], 'src/web/nginx.test.ts')
  expect(folderOf(one, [one])).toBe('src/web/nginx.test.ts/nginx-serves-the-page')
})

test.each([
  ['serves / and /etc', 'serves-and-etc'],
  ['../../etc/passwd', 'etc-passwd'],
  ['$(rm -rf ~) `x` "q"', 'rm-rf-x-q'],
  ['.hidden', 'hidden'],
  ['-rf', 'rf'],
  ['größe', 'größe'],
  ['测试 一', '测试-一'],
  ['~~~', 'unnamed'],
  ['x'.repeat(300), 'x'.repeat(100)],
  ['测'.repeat(300), '测'.repeat(33)],
  ['a\nb\u0000c', 'a-b-c'],
])('%j becomes %j', (name, safe) => expect(sanitize(name)).toBe(safe))

test('equal names are counted in the order of the file', () => {
  const tests = [identity(['a b']), identity(['a', 'b']), identity(['c']), identity(['a/b'])]
  expect(tests.map((one) => folderOf(one, tests))).toEqual([
    'web.test.ts/a-b',
    'web.test.ts/a-b~2',
    'web.test.ts/c',
    'web.test.ts/a-b~3',
  ])
})

test('projects that run the same file have folders of their own', () => {
  const tests = [identity(['a'], 'x/web.test.ts', 'qemu 10')]
  expect(folderOf(tests[0]!, tests)).toBe('x/web.test.ts~qemu-10/a')
})

test('a file outside of the root stays below the folder of all', () => {
  const one = identity(['a'], '../other/web.test.ts')
  expect(folderOf(one, [one])).toBe('up/other/web.test.ts/a')
})
