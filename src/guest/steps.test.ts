import { expect, test } from 'vitest'
import { describeStep, file, packages, shell } from './steps.js'

test('steps in a line each', () => {
  expect(
    [packages('nginx', 'curl'), file('a', '/etc/a'), shell('one\ntwo'), shell(` ${'x'.repeat(100)}`)].map(describeStep),
  ).toEqual(['packages nginx curl', 'file /etc/a', 'shell one …', `shell ${'x'.repeat(60)} …`])
})

test('a script that begins with a comment is called by it', () => {
  expect(describeStep(shell('# the database\ninitdb'))).toBe('shell the database')
  expect(describeStep(shell('#!/bin/sh\ninitdb'))).toBe('shell #!/bin/sh …')
})
