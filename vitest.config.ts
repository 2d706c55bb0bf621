// Test projects: `unit` stands beside the code, `e2e`, `crash` and `fuzz` drive whole servers in process, `peers` drives real Debian programs.
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const alias = {
  'estafeta/plugin': source('./core/plugin/contract.ts'),
  'estafeta/testing': source('./core/plugin/testing.ts'),
  'estafeta/conformance': source('./conformance/index.ts'),
}
const project = (name: string, include: string[], extra: object = {}) => ({
  resolve: { alias },
  test: { name, include, exclude: ['dist/**', 'node_modules/**', 'plugins/_template/**'], ...extra },
})

export default defineConfig({
  test: {
    projects: [
      project('unit', ['core/**/*.test.ts', 'plugins/**/*.test.ts', 'conformance/**/*.test.ts', 'test/*.test.ts'], {
        testTimeout: 30_000,
        hookTimeout: 30_000,
      }),
      project('e2e', ['test/{e2e,crash,fuzz,conformance}/**/*.test.ts'], { testTimeout: 60_000, hookTimeout: 60_000 }),
      project('peers', ['test/peers/**/*.test.ts'], {
        testTimeout: 120_000,
        hookTimeout: 120_000,
        fileParallelism: false,
      }),
    ],
  },
})
