import { defineConfig } from 'vitest/config'

/** A suite as a user has it: the built package, not transformed, in one worker. */
export default defineConfig({
  test: {
    include: ['*.suite.js'],
    maxWorkers: 1,
    fileParallelism: false,
    server: { deps: { external: [/\/dist\//] } },
  },
})
