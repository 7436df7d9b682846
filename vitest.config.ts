import { defineConfig } from 'vitest/config'

/** Tests that start a whole network: one at a time, and after all others, so that their deadlines mean something. */
const networks = [
  'packages/cli/test/{network,devnet-start,inference,replicas,app-network,asset-life}.test.ts',
  'packages/devnet/test/demo.test.ts',
]

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['packages/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
          exclude: networks,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'network',
          include: networks,
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
