import { expect, test } from 'vitest'
import { TextBudget } from './text-budget.js'

test('what fits is whole, what does not keeps its ends', () => {
  const budget = new TextBudget(10_000)
  expect(budget.fit('short', 1000)).toBe('short')
  expect(budget.cut).toBe(0)
  const cut = budget.fit(`begin${'.'.repeat(5000)}end`, 1000)
  expect(cut).toMatch(/^begin\.+\n\[\.\.\. 4008 characters are not in this page \.\.\.\]\n\.+end$/)
  expect(cut.length).toBeLessThan(1100)
  expect(budget.cut).toBe(1)
})

test('when the page is full, texts are a word about themselves', () => {
  const budget = new TextBudget(1000)
  budget.fit('x'.repeat(1000), 5000)
  expect(budget.fit('y'.repeat(300), 5000)).toBe('[... 300 characters are not in this page ...]')
  expect(budget.fit('', 5000)).toBe('')
})
