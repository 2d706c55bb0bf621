// Runs the cases of a suite against a reference server in process, and tells which of them it did not satisfy.
import { type CaseResult, createTarget, findSuite, runCases, type TargetOptions } from 'estafeta/conformance'

/** All cases of the suite, or those with these ids; results in the suite's order. */
export async function judge(
  suiteName: string,
  server: TargetOptions,
  ids: readonly string[] | null,
): Promise<readonly CaseResult[]> {
  const suite = findSuite(suiteName)
  const cases = suite.cases.filter(({ id }) => ids === null || ids.includes(id))
  const target = createTarget(
    { host: '127.0.0.1', helo: 'client.example.org', consent: ['all'], ...server },
    suite.port,
  )
  const { results } = await runCases(suite, target, { cases, parallel: 8, caseMs: 20_000 })
  return results
}

/** What a reader needs of results that are not as they should be. */
export const told = (results: readonly CaseResult[]): string[] =>
  results.map(({ facts, verdict, reason }) => `${facts.id}: ${verdict}${reason === null ? '' : `: ${reason}`}`)

export const noticed = ({ verdict }: CaseResult): boolean => ['fail', 'warn', 'unclean'].includes(verdict)

/** Seconds that a correct server has for an answer, and one with a fault, which may be silence. */
export const PATIENCE = { correct: 10, faulty: 0.5 }

/** The cases that a fault does not turn red; those asked again at leisure, as a busy machine may have kept them from it. */
export async function unnoticed(
  run: (ids: readonly string[], answerSeconds: number) => Promise<readonly CaseResult[]>,
  ids: readonly string[],
): Promise<readonly CaseResult[]> {
  const missed = (await run(ids, PATIENCE.faulty)).filter((result) => !noticed(result))
  if (missed.length === 0) return []
  const again = await run(
    missed.map(({ facts }) => facts.id),
    PATIENCE.correct,
  )
  return again.filter((result) => !noticed(result))
}

/** The faults that cases of the suite must notice, each with the ids of those cases. */
export function faultsOf<Fault extends string>(
  proofs: { readonly [id: string]: readonly Fault[] },
  suiteName: string,
): [fault: Fault, ids: string[]][] {
  const cases = Object.entries(proofs).filter(([id]) => id.startsWith(`${suiteName}/`))
  const faults = [...new Set(cases.flatMap(([, faults]) => faults))]
  return faults.map((fault) => [fault, cases.filter(([, noticed]) => noticed.includes(fault)).map(([id]) => id)])
}
