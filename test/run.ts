// Runs the whole check in order: build, lint, peers, tests. Every step runs; the last line says how many passed and failed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { COUNTS_FILE } from './kit/reporter.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const started = performance.now()
const work = mkdtempSync(join(tmpdir(), 'estafeta-test-'))
const countsFile = join(work, 'counts')
const failedSteps: string[] = []

step('types', ['node_modules/.bin/tsc', '-p', '.'])
// its list of files tells nobody anything
step('build', ['node_modules/.bin/rolldown', '-c'], 'ignore')
step('lint', ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.'])
step('peers', ['test/setup.ts'])
const workers = ['--maxWorkers', String(availableParallelism())]
const vitest = ['node_modules/.bin/vitest', 'run', '--reporter', './test/kit/reporter.ts', ...workers]
step('tests', [...vitest, ...process.argv.slice(2)])

const { passed, failed } = readCounts()
rmSync(work, { recursive: true, force: true })
// what fails outside of any counted test counts as one
const uncounted = failedSteps.filter((name) => name !== 'tests' || failed === 0).length
for (const name of failedSteps) console.log(`FAILED step: ${name}`)
console.log(`\nran for ${((performance.now() - started) / 60_000).toFixed(1)} minutes`)
console.log(`${passed} passed, ${failed + uncounted} failed`)
process.exitCode = failed + uncounted === 0 ? 0 : 1

/** The tools are scripts for Node: the one that runs this runs them too, whatever the system's own may be. */
function step(name: string, args: readonly string[], output: 'inherit' | 'ignore' = 'inherit'): void {
  console.log(`== ${name}`)
  const environment = { ...process.env, [COUNTS_FILE]: countsFile }
  const stdio = ['inherit', output, 'inherit'] as const
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: [...stdio], env: environment })
  if (status !== 0) failedSteps.push(name)
}

function readCounts(): { passed: number; failed: number } {
  try {
    const [passed = 0, failed = 0] = readFileSync(countsFile, 'utf8').trim().split(' ').map(Number)
    return { passed, failed }
  } catch {
    return { passed: 0, failed: 0 }
  }
}
