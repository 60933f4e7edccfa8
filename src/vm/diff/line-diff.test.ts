import { expect, test } from 'vitest'
import { changedLines } from './line-diff.js'

const lines = (...all: string[]) => all.map((line) => `${line}\n`).join('')

test('what went, what came, and two lines around', () => {
  const before = lines('1', '2', '3', '4', '5', '6', '7', '8', '9', '10')
  const after = lines('1', '2', 'three', '4', '5', '6', '7', '8', '9', '10', '11')
  expect(changedLines(before, after)).toEqual([...[' 1', ' 2', '-3', '+three', ' 4', ' 5', '...', ' 9', ' 10', '+11']])
})

test('the shortest way', () => {
  expect(
    changedLines(lines('a', 'b', 'c', 'a'), lines('c', 'b', 'a', 'c', 'a')).filter((line) => line[0] !== ' '),
  ).toHaveLength(3)
})

test('a new file, an emptied one, and the end of the last line', () => {
  expect(changedLines('', lines('a', 'b'))).toEqual(['+a', '+b'])
  expect(changedLines(lines('a'), '')).toEqual(['-a'])
  expect(changedLines('a\nb', 'a\nb\n')).toEqual([' a', '-b (no newline at the end)', '+b'])
})

test('files that have too much between them are replaced', () => {
  const many = (word: string) => lines(...Array.from({ length: 3000 }, (_, index) => `${word} ${index}`))
  const changed = changedLines(many('a'), many('b'))
  expect(changed).toHaveLength(6000)
  expect(changed[0]).toBe('-a 0')
  expect(changed.at(-1)).toBe('+b 2999')
})
