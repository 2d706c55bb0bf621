// Reports a test run: one line a file as it ends, then the skipped tests with their reasons, the failures, and the counts.
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'

/** The runner reads the counts back from the file that this variable names. */
export const COUNTS_FILE = 'ESTAFETA_TEST_COUNTS'

export default class ClosingReporter implements Reporter {
  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()]
    const failed = tests.filter(hasFailed).length
    const ms = tests.reduce((sum, test) => sum + (test.diagnostic()?.duration ?? 0), 0)
    const mark = failed > 0 || module.errors().length > 0 ? 'FAIL' : 'ok  '
    console.log(
      `${mark} ${fileOf(module)}  ${tests.length} tests${failed > 0 ? `, ${failed} failed` : ''}, ${Math.round(ms)} ms`,
    )
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    for (const test of tests) if (skipReason(test)) console.log(`skipped ${nameOf(test)}: ${skipReason(test)}`)
    const failures = [
      ...tests.filter(hasFailed).map((test) => `${nameOf(test)}\n${errorsOf(test)}`),
      ...modules.flatMap((module) => module.errors().map((error) => `${fileOf(module)}\n${textOf(error)}`)),
      ...unhandled.map((error) => `outside of any test\n${textOf(error)}`),
    ]
    for (const failure of failures) console.log(`\nFAILED ${failure}`)
    const passed = tests.filter((test) => test.result().state === 'passed').length
    const file = process.env[COUNTS_FILE]
    if (file) writeFileSync(file, `${passed} ${failures.length}\n`)
    else console.log(`\n${passed} passed, ${failures.length} failed`)
  }
}

/** A test that was skipped without saying why counts as failed. */
function hasFailed(test: TestCase): boolean {
  const { state } = test.result()
  return state === 'failed' || state === 'pending' || (state === 'skipped' && !skipReason(test))
}

function skipReason(test: TestCase): string | undefined {
  const result = test.result()
  return result.state === 'skipped' ? result.note : undefined
}

const fileOf = (module: TestModule) => relative(process.cwd(), module.moduleId)
const nameOf = (test: TestCase) => `${fileOf(test.module)} > ${test.fullName}`

function errorsOf(test: TestCase): string {
  const { errors = [], state } = test.result()
  return errors.length > 0 ? errors.map(textOf).join('\n') : `ended as ${state}, without a reason`
}

function textOf(error: SerializedError): string {
  const diff = typeof error.diff === 'string' ? `\n${error.diff}` : ''
  return indent(`${error.stack || error.message}${diff}`)
}

const indent = (text: string) => text.replace(/^/gm, '  ')
