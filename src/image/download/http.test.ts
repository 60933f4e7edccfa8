import { expect, test } from 'vitest'
import { shown } from './http.js'

test.each([
  ['https://host.test/a@b', 'https://host.test/a@b'],
  ['https://user@host.test/a', 'https://host.test/a'],
  ['https://user:pass@host.test/a@b', 'https://host.test/a@b'],
  // The last of several ends the login.
  ['https://user:p@ss@host.test?a=@', 'https://host.test?a=@'],
])('%s is shown as %s', (url, text) => {
  expect(shown(url)).toBe(text)
})
