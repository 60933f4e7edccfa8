import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url))

/** The examples import Mayfly by its name, as a user's suite does; here that means the source. */
const alias = {
  'mayfly/reporter': source('vitest/reporter.ts'),
  'mayfly/matchers': source('matchers/index.ts'),
  'mayfly/vitest': source('vitest/index.ts'),
  mayfly: source('index.ts'),
}

export default defineConfig({
  resolve: { alias },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts'],
          exclude: ['**/*.guest.test.ts'],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Two cores: guests of two files at once would time each other's tests out.
        test: {
          name: 'guest',
          include: ['src/**/*.guest.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'examples',
          include: ['examples/**/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
