// The conformance suites as a library, `estafeta/conformance`: run one against any server from another project's tests.
import { readFileSync } from 'node:fs'
import { parseExpectations } from './expectations.ts'
import { Blocked } from './judgement.ts'
import { type RunOptions, runCases } from './runner.ts'
import { type Selection, select } from './selection.ts'
import { suites } from './suites.ts'
import { createTarget, type TargetOptions } from './target.ts'
import type { RunReport, Suite } from './types.ts'

export { parseExpectations } from './expectations.ts'
export { Blocked, check, Skipped, Violation } from './judgement.ts'
export { formatHtml, formatRunHtml, type HtmlOptions, type ServerReports } from './report/html.ts'
export { formatJson } from './report/json.ts'
export { formatJunit } from './report/junit.ts'
export { formatTap } from './report/tap.ts'
export { formatProgress, formatText, formatTotals } from './report/text.ts'
export { formatTranscript } from './report/transcript.ts'
export { type Expectations, runCases } from './runner.ts'
export { hindrance, matches, type Selection, select } from './selection.ts'
export { suites } from './suites.ts'
export { createTarget, type TargetOptions } from './target.ts'
export type * from './types.ts'
export { CONSENTS, VERDICTS } from './types.ts'
export { Wire } from './wire.ts'

export interface SuiteRun
  extends TargetOptions,
    Selection,
    Pick<RunOptions, 'parallel' | 'caseMs' | 'strict' | 'onResult'> {
  /** A YAML file of expected failures. */
  readonly expectations?: string
}

/**
 * Runs the suite of that name against the server. Throws Blocked when the suite does not exist or an option is wrong,
 * never for what the server does: that is in the report, its `exitCode` 0, 1 or 2 as the command's.
 */
export async function runSuite(name: string, run: SuiteRun): Promise<RunReport> {
  const suite = findSuite(name)
  const { filter, exclude, level, parallel, caseMs, strict, onResult, expectations, ...described } = run
  const target = createTarget(described, suite.port)
  const cases = select(suite.cases, {
    ...(filter === undefined ? {} : { filter }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(level === undefined ? {} : { level }),
  })
  return runCases(suite, target, {
    cases,
    ...(parallel === undefined ? {} : { parallel }),
    ...(caseMs === undefined ? {} : { caseMs }),
    ...(strict === undefined ? {} : { strict }),
    ...(onResult === undefined ? {} : { onResult }),
    expectations: expectations === undefined ? null : readExpectations(expectations),
  })
}

export function findSuite(name: string): Suite {
  const suite = suites.find((one) => one.name === name)
  if (!suite) throw new Blocked(`no suite named ${name}; there are ${suites.map((one) => one.name).join(', ')}`)
  return suite
}

/** One file serves all suites: ids of others may stand in the file too. */
export function readExpectations(path: string): ReturnType<typeof parseExpectations> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Blocked(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
  return parseExpectations(text, new Set(suites.flatMap(({ cases }) => cases.map(({ id }) => id))))
}
