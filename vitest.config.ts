import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
    benchmark: { include: ['packages/*/test/**/*.bench.ts'] },
    testTimeout: 60_000,
  },
})
