// Runs a suite against a server: one fresh connection and one time limit a case, and whatever happens in one case stays in it.
import { Blocked, isJudgement, Skipped, Violation } from './judgement.ts'
import { hindrance } from './selection.ts'
import type { Case, CaseResult, Context, Dialect, RunReport, Suite, Target, Verdict } from './types.ts'
import { VERDICTS } from './types.ts'
import { Transcript, Wire } from './wire.ts'

export interface Expectations {
  readonly product: string
  /** Case id → why it is known to fail. */
  readonly fails: ReadonlyMap<string, string>
}

export interface RunOptions {
  readonly cases: readonly Case[]
  /** Cases at a time; 1 by default, and always 1 for suites whose server lets one session in. */
  readonly parallel?: number
  readonly caseMs?: number
  /** A missed SHOULD, or an unexpected pass, also ends in 1. */
  readonly strict?: boolean
  readonly expectations?: Expectations | null
  readonly onResult?: (result: CaseResult, done: number, total: number) => void
}

export const CASE_MS = 60_000
/** A shorter password is part of too many other words to be hidden. */
const SHORTEST_SECRET = 4

/** Never throws for what the server does. Results come in the order of `options.cases`. */
export async function runCases(suite: Suite, target: Target, options: RunOptions): Promise<RunReport> {
  const { cases, caseMs = CASE_MS, expectations = null, strict = false } = options
  const startedAt = new Date().toISOString()
  const start = performance.now()
  const runnable = cases.filter((one) => hindrance(one, target) === null)
  const problem = await prepare(suite, target, runnable, caseMs)
  const results: CaseResult[] = []
  let next = 0
  let done = 0
  const worker = async (): Promise<void> => {
    while (next < cases.length) {
      const index = next++
      const result = judgeExpectation(await runCase(suite, target, cases[index]!, caseMs, problem), expectations)
      results[index] = result
      options.onResult?.(result, ++done, cases.length)
    }
  }
  const workers = suite.alone ? 1 : Math.max(1, options.parallel ?? 1)
  await Promise.all(Array.from({ length: workers }, worker))
  if (suite.after && problem === null && runnable.length > 0) await aside(target, caseMs, (c) => suite.after!(c))
  const counts = Object.fromEntries(
    VERDICTS.map((verdict) => [verdict, results.filter((one) => one.verdict === verdict).length]),
  ) as { [verdict in Verdict]: number }
  return {
    suite: suite.name,
    product: expectations?.product ?? '',
    server: `${target.host}:${target.port}`,
    startedAt,
    ms: Math.round(performance.now() - start),
    results,
    counts,
    exitCode: exitCodeOf(results, strict),
  }
}

/** The suite's own set-up; its failure blocks every case that it concerns. */
async function prepare(suite: Suite, target: Target, runnable: readonly Case[], ms: number): Promise<string | null> {
  if (!suite.before || runnable.length === 0) return null
  return aside(target, ms, (context) => suite.before!(context, runnable))
}

/** Work outside of any case; gives what went wrong. */
async function aside(target: Target, ms: number, work: (context: Context) => Promise<void>): Promise<string | null> {
  const scope = openScope(target, ms)
  try {
    await work(scope.context)
    return null
  } catch (thrown) {
    return (thrown as Error).message
  } finally {
    await scope.close()
  }
}

function openScope(target: Target, ms: number) {
  const transcript = new Transcript()
  const wires: Wire[] = []
  const endings: (() => void | Promise<void>)[] = []
  const over = new AbortController()
  const timer = setTimeout(() => over.abort(), ms)
  let opened = 0
  const context: Context = {
    target,
    async open(tls) {
      const wanted = tls === undefined ? target : { ...target, tls }
      const wire = await Wire.connect({ target: wanted, number: ++opened, transcript, signal: over.signal })
      wires.push(wire)
      return wire
    },
    adopt(socket) {
      const wire = Wire.accept(socket, { target, number: ++opened, transcript, signal: over.signal })
      wires.push(wire)
      return wire
    },
    atEnd: (work) => void endings.push(work),
  }
  const close = async (): Promise<void> => {
    clearTimeout(timer)
    for (const wire of wires) wire.destroy()
    for (const work of endings.reverse()) await work()
  }
  return { context, transcript, close, signal: over.signal }
}

async function runCase(
  suite: Suite,
  target: Target,
  one: Case,
  ms: number,
  problem: string | null,
): Promise<CaseResult> {
  const start = performance.now()
  const scope = openScope(target, ms)
  const mask = secretsIn(target)
  const result = (verdict: Verdict, reason: string | null): CaseResult => ({
    facts: factsOf(one),
    verdict,
    reason: reason === null ? null : mask(reason),
    transcript: scope.transcript.close().map((entry) => ({ ...entry, text: mask(entry.text) })),
    ms: Math.round(performance.now() - start),
    expectation: null,
    remark: null,
  })
  const hindered = hindrance(one, target)
  if (hindered !== null || problem !== null) {
    scope.close()
    return hindered !== null ? result('skip', hindered) : result('blocked', `set-up: ${problem}`)
  }
  const outOfTime = new Promise<never>((_, reject) =>
    scope.signal.addEventListener('abort', () => reject(new Violation(`no end within ${ms / 1000} s`)), { once: true }),
  )
  outOfTime.catch(() => {})
  let stage: Stage = 'connect'
  const steps = async (): Promise<void> => {
    const connection: Dialect = await suite.connect(scope.context, one)
    stage = 'run'
    await one.run(connection)
    stage = 'finish'
    if (one.ending !== 'any') await suite.finish(connection)
  }
  try {
    await Promise.race([steps(), outOfTime])
    return result('pass', null)
  } catch (thrown) {
    return result(...verdictOf(thrown, stage, one))
  } finally {
    await scope.close()
  }
}

/** Reports end up in logs and artifacts: the password, plain or as SASL sends it, is not to be read in them. */
function secretsIn(target: Target): (text: string) => string {
  const { user, password } = target
  if (password === null) return (text) => text
  const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
  const responses = ['', user ?? ''].map((identity) => base64(`${identity}\0${user}\0${password}`))
  const secrets = [...responses, base64(password), Buffer.from(password, 'utf8').toString('latin1')]
  const long = secrets.filter((secret) => secret.length >= SHORTEST_SECRET)
  return (text) => long.reduce((rest, secret) => rest.replaceAll(secret, '<password>'), text)
}

type Stage = 'connect' | 'run' | 'finish'

function verdictOf(thrown: unknown, stage: Stage, { level }: Case): [Verdict, string] {
  const reason = isJudgement(thrown) ? thrown.message : `the case itself failed: ${(thrown as Error)?.stack ?? thrown}`
  if (thrown instanceof Skipped) return ['skip', reason]
  if (stage === 'connect') return ['blocked', reason]
  if (stage === 'finish') return ['unclean', reason]
  if (thrown instanceof Violation) return [level === 'must' ? 'fail' : 'warn', reason]
  return ['blocked', reason]
}

const factsOf = ({ id, rfc, level, requirement, needs, state, ending }: Case): CaseResult['facts'] => ({
  id,
  rfc,
  level,
  requirement,
  state,
  ...(needs === undefined ? {} : { needs }),
  ...(ending === undefined ? {} : { ending }),
})

function judgeExpectation(result: CaseResult, expectations: Expectations | null): CaseResult {
  const remark = expectations?.fails.get(result.facts.id)
  if (remark === undefined) return result
  if (result.verdict === 'pass') return { ...result, expectation: 'surprise', remark }
  return ['fail', 'warn', 'unclean', 'blocked'].includes(result.verdict)
    ? { ...result, expectation: 'known', remark }
    : result
}

/** 2 when nothing was judged, or not all: a server that goes away must not look well. Known failures count as judged, not as failed. */
export function exitCodeOf(results: readonly CaseResult[], strict: boolean): 0 | 1 | 2 {
  const judged = results.filter(({ verdict }) => !['skip', 'blocked'].includes(verdict))
  if (judged.length === 0) return 2
  const bad = judged.some(({ verdict, facts, expectation }) => {
    if (expectation === 'known') return false
    if (expectation === 'surprise') return strict
    if (verdict === 'fail') return true
    if (verdict === 'unclean') return facts.level === 'must' || strict
    return strict && verdict === 'warn' && facts.level !== 'may'
  })
  if (bad) return 1
  return results.some(({ verdict, expectation }) => verdict === 'blocked' && expectation !== 'known') ? 2 : 0
}

export { Blocked, Skipped, Violation }
