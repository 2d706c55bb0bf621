// The run for a terminal: what did not pass, with the requirement and the dialogue, then the totals.

import { visible } from '../judgement.ts'
import type { CaseResult, RunReport } from '../types.ts'
import { VERDICTS } from '../types.ts'
import { formatTranscript } from './transcript.ts'

const MAX_REASONS = 8
const MAX_ALIKE = 3

/** One line of progress. */
export function formatProgress(result: CaseResult, done: number, total: number): string {
  const width = String(total).length
  return `${String(done).padStart(width)}/${total} ${label(result).padEnd(12)} ${result.facts.id}`
}

const label = ({ verdict, expectation }: CaseResult): string =>
  expectation === 'known' ? `${verdict}, known` : expectation === 'surprise' ? 'pass!' : verdict

export function formatText(report: RunReport, { skipped = false } = {}): string {
  const notable = report.results.filter(
    ({ verdict, expectation }) =>
      expectation !== 'known' && (!['pass', 'skip'].includes(verdict) || expectation === 'surprise'),
  )
  const parts = formatFindings(notable)
  const aside = report.results.filter(({ verdict }) => skipped && verdict === 'skip')
  if (aside.length > 0)
    parts.push(aside.map(({ facts, reason }) => `skip  ${facts.id}: ${printable(reason ?? '')}`).join('\n'))
  const known = report.results.filter(({ expectation }) => expectation === 'known')
  if (known.length > 0)
    parts.push(known.map(({ facts, remark }) => `known  ${facts.id}: ${remark || 'no reason given'}`).join('\n'))
  const reasons = formatReasons(report.results)
  return `${[...parts, ...(skipped || reasons === '' ? [] : [reasons]), formatTotals(report)].join('\n\n')}\n`
}

/** What a server said must not steer the terminal. */
const printable = (text: string): string => text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, visible)

/** Why cases were skipped, the commonest reason first. */
function formatReasons(results: readonly CaseResult[]): string {
  const counts = new Map<string, number>()
  for (const { verdict, reason } of results)
    if (verdict === 'skip') counts.set(reason ?? '', (counts.get(reason ?? '') ?? 0) + 1)
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  const shown = sorted.slice(0, MAX_REASONS).map(([reason, count]) => `skipped: ${count} × ${printable(reason)}`)
  const rest = sorted.slice(MAX_REASONS).reduce((sum, [, count]) => sum + count, 0)
  return [...shown, ...(rest > 0 ? [`skipped: ${rest} for other reasons (--show-skipped)`] : [])].join('\n')
}

/** A reason that blocks many cases, such as a server that is not there, is told once. */
function formatFindings(results: readonly CaseResult[]): string[] {
  const alike = new Map<string, CaseResult[]>()
  for (const result of results) {
    const key = result.verdict === 'blocked' ? (result.reason ?? '') : result.facts.id
    alike.set(key, [...(alike.get(key) ?? []), result])
  }
  return [...alike.values()].flatMap((group) =>
    group.length <= MAX_ALIKE
      ? group.map(formatFinding)
      : [`blocked  ${group.length} cases, from ${group[0]!.facts.id} on\n  ${printable(group[0]!.reason ?? '')}`],
  )
}

function formatFinding(result: CaseResult): string {
  const { facts, verdict, reason, expectation, remark, transcript } = result
  const head = `${expectation === 'surprise' ? 'unexpected pass' : verdict}  ${facts.id}  (${facts.level.toUpperCase()}, ${facts.rfc})`
  if (expectation === 'surprise') return `${head}\n  it was expected to fail: ${remark || 'no reason given'}`
  return [
    head,
    `  ${facts.requirement}`,
    `  ${printable(reason ?? '').replaceAll('\n', '\n  ')}`,
    ...formatTranscript(transcript).map((line) => `    ${line}`),
  ].join('\n')
}

export function formatTotals({ suite, server, product, counts, results, ms }: RunReport): string {
  const known = results.filter(({ expectation }) => expectation === 'known').length
  const totals = VERDICTS.map((verdict) => `${counts[verdict]} ${verdict}`).join(', ')
  const more = known > 0 ? ` (${known} known)` : ''
  return `${suite} at ${server}${product ? ` (${product})` : ''}: ${results.length} cases, ${totals}${more}, in ${(ms / 1000).toFixed(1)} s`
}
