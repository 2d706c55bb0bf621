// The run in the Test Anything Protocol, version 13.
import type { CaseResult, RunReport } from '../types.ts'
import { formatTranscript } from './transcript.ts'

export function formatTap({ results }: RunReport): string {
  return ['TAP version 13', `1..${results.length}`, ...results.flatMap(formatOne), ''].join('\n')
}

function formatOne(result: CaseResult, index: number): string[] {
  const { facts, verdict, reason, expectation, remark } = result
  const isOk = ['pass', 'skip', 'warn'].includes(verdict)
  const directive = verdict === 'skip' ? ` # SKIP ${oneLine(reason)}` : expectation ? ` # TODO ${oneLine(remark)}` : ''
  const line = `${isOk ? 'ok' : 'not ok'} ${index + 1} - ${facts.id}${directive}`
  if (verdict === 'pass' || verdict === 'skip') return [line]
  const block = [
    `verdict: ${verdict}`,
    `rfc: ${JSON.stringify(facts.rfc)}`,
    `requirement: ${JSON.stringify(facts.requirement)}`,
    `reason: ${JSON.stringify(reason)}`,
    'transcript:',
    ...formatTranscript(result.transcript).map((text) => `  - ${JSON.stringify(text)}`),
  ]
  return [line, '  ---', ...block.map((text) => `  ${text}`), '  ...']
}

const oneLine = (text: string | null): string => (text ?? '').replace(/\s+/g, ' ').replaceAll('#', '\\#')
