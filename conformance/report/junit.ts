// The run as JUnit XML, as CI systems read it: a missed SHOULD and a known failure are no failures, and are told in system-out.
import type { CaseResult, RunReport } from '../types.ts'
import { formatTranscript } from './transcript.ts'

export function formatJunit(report: RunReport): string {
  const { suite, results, ms, startedAt, server } = report
  const kinds = results.map(kindOf)
  const count = (kind: Kind): number => kinds.filter((one) => one === kind).length
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
<testsuite name="${attribute(`${suite} at ${server}`)}" tests="${results.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}" time="${seconds(ms)}" timestamp="${startedAt}">
${results.map(formatOne).join('\n')}
</testsuite>
</testsuites>
`
}

type Kind = 'passed' | 'failure' | 'error' | 'skipped'

function kindOf({ verdict, expectation }: CaseResult): Kind {
  if (verdict === 'skip') return 'skipped'
  if (verdict === 'blocked') return 'error'
  return (verdict === 'fail' || verdict === 'unclean') && expectation !== 'known' ? 'failure' : 'passed'
}

function formatOne(result: CaseResult): string {
  const { facts, verdict, reason, ms, remark } = result
  const [topic, name] = [facts.id.split('/').slice(0, -1).join('.'), facts.id.split('/').at(-1)!]
  const head = `<testcase classname="${attribute(topic)}" name="${attribute(name)}" time="${seconds(ms)}"`
  const kind = kindOf(result)
  if (kind === 'skipped') return `${head}><skipped message="${attribute(reason ?? '')}"/></testcase>`
  if (verdict === 'pass') return `${head}/>`
  const text = [
    `${facts.level.toUpperCase()}, ${facts.rfc}: ${facts.requirement}`,
    ...(remark === null ? [] : [`known: ${remark}`]),
    ...formatTranscript(result.transcript),
  ].join('\n')
  if (kind === 'passed')
    return `${head}><system-out>${escapeXml(`${verdict}: ${reason}\n${text}`)}</system-out></testcase>`
  return `${head}><${kind} type="${verdict}" message="${attribute(reason ?? '')}">${escapeXml(text)}</${kind}></testcase>`
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3)

const ENTITIES: { readonly [c: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}
/** XML 1.0 has no place for control characters other than tab, CR and LF, not even as entities. */
const escapeXml = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g, '?')
    .replace(/[&<>"\r]/g, (c) => ENTITIES[c]!)

/** An attribute keeps its line ends and tabs only as entities. */
const attribute = (text: string): string => escapeXml(text).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')
