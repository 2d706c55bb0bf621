// The build that runs: a process loads a few dozen files in place of six hundred, which takes much less time.
import { globSync, readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'

/** Programs of their own, and what is found by its place (core/base/program.ts). */
const ENTRIES = [
  'core/cli/main.ts',
  'core/plugin/{contract,testing,register}.ts',
  'core/**/*-worker.ts',
  'plugins/*/index.ts',
]

/** What nearly every process needs. Other packages are left to those who use them, and reflect-metadata with those that need it first. */
const BUNDLED = [
  '@leichtgewicht/ip-codec',
  'commander',
  'dns-packet',
  'rxjs',
  'tslib',
  'tsyringe',
  'xstate',
  'yaml',
  'zod',
]

const entries = globSync(ENTRIES, { exclude: ['plugins/_*/**'] }).map((file) => [file.replace(/\.ts$/, ''), file])

const packageOf = (module: string): string | null => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1] ?? null
const isBundled = (id: string): boolean => BUNDLED.some((name) => id === name || id.startsWith(`${name}/`))

/** Whoever hands on a package hands on its licence. */
function notices(): string {
  const notice = (name: string): string => {
    const [file] = globSync(`node_modules/${name}/LICENSE*`)
    if (file === undefined) throw new Error(`${name} has no LICENSE`)
    return `${name}\n\n${readFileSync(file, 'utf8').trim()}\n`
  }
  return BUNDLED.map(notice).join(`\n${'-'.repeat(80)}\n\n`)
}

export default defineConfig({
  input: Object.fromEntries(entries),
  platform: 'node',
  external: (id) => !/^[./]/.test(id) && !isBundled(id),
  resolve: { alias: { 'estafeta/plugin': './core/plugin/contract.ts' } },
  // as globals they are getters, which even optimised code calls at each use
  transform: {
    inject: {
      Buffer: ['node:buffer', 'Buffer'],
      performance: ['node:perf_hooks', 'performance'],
      process: 'node:process',
    },
  },
  plugins: [
    {
      name: 'licences',
      generateBundle() {
        this.emitFile({ type: 'asset', fileName: 'packages/LICENSES.txt', source: notices() })
      },
    },
  ],
  output: {
    dir: 'dist/run',
    cleanDir: true,
    entryFileNames: '[name].js',
    // ours lie two folders deep, as the sources do (core/base/program.ts); what is thrown below core/ is the core's own
    chunkFileNames: ({ moduleIds: [first = ''] }) =>
      packageOf(first) === null ? 'core/shared/[name]-[hash].js' : 'packages/[name]-[hash].js',
    codeSplitting: { groups: [{ name: packageOf, debugName: 'packages' }] },
    sourcemap: true,
  },
})
