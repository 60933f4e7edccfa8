import { expect, test } from 'vitest'
import { embeddedRecipe, recipeKey } from './embedded.js'

test('equal options give equal keys, whatever their order', () => {
  const key = recipeKey(embeddedRecipe('debian', { packages: ['nginx', 'curl'] }))
  expect(key).toMatch(/^[0-9a-f]{64}$/)
  expect(recipeKey(embeddedRecipe('debian', { packages: ['curl', 'nginx', 'curl'] }))).toBe(key)
})

test('all that decides the content decides the key', () => {
  const recipes = [
    embeddedRecipe('micro'),
    embeddedRecipe('micro', { suite: 'trixie' }),
    embeddedRecipe('micro', { mirror: 'http://mirror.test/debian' }),
    embeddedRecipe('debian'),
    embeddedRecipe('debian', { packages: ['nginx'] }),
    embeddedRecipe('debian', { diskSize: '4GiB' }),
  ]
  expect(new Set(recipes.map(recipeKey)).size).toBe(recipes.length)
})

test.each([
  ['debian', { suite: 'potato' }],
  ['debian', { packages: ['--allow'] }],
  ['debian', { diskSize: '100MiB' }],
  ['micro', { packages: ['nginx'] }],
] as const)('%s refuses %o', (name, options) => {
  expect(() => embeddedRecipe(name, options)).toThrow(expect.objectContaining({ code: 'MAYFLY_OPTION_INVALID' }))
})
