// Runs as one HTML page without outside assets: servers beside each other case by case, with plots of the totals and filters.
import type { CaseFacts, CaseResult, RunReport } from '../types.ts'
import { VERDICTS } from '../types.ts'
import { SCRIPT, STYLE } from './html-assets.ts'
import { formatTranscript } from './transcript.ts'

/** One column of the comparison. */
export interface ServerReports {
  readonly name: string
  readonly version?: string
  /** At most one a suite. */
  readonly reports: readonly RunReport[]
}

export interface HtmlOptions {
  readonly title?: string
  /** Plain text under the title. */
  readonly about?: string
  /** Also the dialogues of cases that passed. */
  readonly allTranscripts?: boolean
}

/** Suites, cases and servers keep the order in which they come. */
export function formatHtml(servers: readonly ServerReports[], options: HtmlOptions = {}): string {
  const { title = 'Conformance', about = '', allTranscripts = false } = options
  const suites = [...new Set(servers.flatMap(({ reports }) => reports.map(({ suite }) => suite)))]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip-link" href="#totals">To the results</a>
<header><h1>${escapeHtml(title)}</h1>
${about === '' ? '' : `<p>${escapeHtml(about)}</p>\n`}</header>
<main>
<section id="totals" aria-labelledby="totals-title"><h2 id="totals-title">Totals</h2>
${suites.map((suite) => formatTotals(suite, servers)).join('\n')}
</section>
${formatFilters()}
${suites.map((suite) => formatSuite(suite, servers, allTranscripts)).join('\n')}
</main>
<script>${SCRIPT}</script>
</body>
</html>
`
}

/** One run alone; the dialogues of all its cases. */
export const formatRunHtml = (report: RunReport): string =>
  formatHtml([{ name: report.product || report.server, reports: [report] }], {
    title: `Conformance of ${report.product || report.server}: ${report.suite}`,
    about: `${report.results.length} cases at ${report.server}, begun ${report.startedAt}.`,
    allTranscripts: true,
  })

const reportOf = ({ reports }: ServerReports, suite: string): RunReport | undefined =>
  reports.find((one) => one.suite === suite)

// ---------------------------------------------------------------- totals

function formatTotals(suite: string, servers: readonly ServerReports[]): string {
  const rows = servers.flatMap((server) => {
    const report = reportOf(server, suite)
    if (!report) return []
    const counts = VERDICTS.map((verdict) => `<td>${report.counts[verdict] || ''}</td>`).join('')
    return `<tr><th scope="row">${nameOf(server)}</th><td>${formatBar(server.name, suite, report)}</td>${counts}</tr>`
  })
  const heads = VERDICTS.map((verdict) => `<th scope="col"><span class="mark ${verdict}">${verdict}</span></th>`)
  return `<table class="totals"><caption>${escapeHtml(suite)}</caption>
<thead><tr><th scope="col">Server</th><th scope="col">Of all cases</th>${heads.join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody></table>`
}

const BAR = 240

/** What was skipped leaves the end of the bar empty. */
function formatBar(name: string, suite: string, { counts, results }: RunReport): string {
  let x = 0
  const parts = VERDICTS.filter((verdict) => verdict !== 'skip' && counts[verdict] > 0).map((verdict) => {
    const width = (counts[verdict] / results.length) * BAR
    const part = `<rect class="${verdict}" x="${fixed(x)}" width="${fixed(width)}" height="14"><title>${verdict}: ${counts[verdict]}</title></rect>`
    x += width
    return part
  })
  const told = VERDICTS.map((verdict) => `${counts[verdict]} ${verdict}`).join(', ')
  return `<svg role="img" aria-label="${escapeHtml(`${name}, ${suite}: ${told}`)}" viewBox="0 0 ${BAR} 14" width="${BAR}" height="14"><rect class="rest" width="${BAR}" height="14"/>${parts.join('')}</svg>`
}

const fixed = (n: number): string => String(Math.round(n * 100) / 100)

const nameOf = ({ name, version }: ServerReports): string =>
  escapeHtml(name) + (version ? ` <small>${escapeHtml(version)}</small>` : '')

// ---------------------------------------------------------------- cases

function formatFilters(): string {
  const box = (kind: string, value: string): string =>
    `<label><input type="checkbox" data-${kind}="${value}" checked> ${value}</label>`
  return `<form id="filters" aria-label="Which cases are shown" hidden>
<fieldset><legend>Some server's verdict is</legend>${VERDICTS.map((verdict) => box('verdict', verdict)).join('')}</fieldset>
<fieldset><legend>Level</legend>${['must', 'should', 'may'].map((level) => box('level', level)).join('')}</fieldset>
<label>Words <input type="search" id="words" placeholder="id, section or requirement"></label>
<label><input type="checkbox" id="differing"> only where servers differ</label>
<output id="shown"></output>
</form>`
}

function formatSuite(suite: string, servers: readonly ServerReports[], allTranscripts: boolean): string {
  const columns = servers.filter((server) => reportOf(server, suite) !== undefined)
  const results = columns.map(
    (server) => new Map(reportOf(server, suite)!.results.map((result) => [result.facts.id, result] as const)),
  )
  const cases = new Map<string, CaseFacts>()
  for (const column of results) for (const [id, { facts }] of column) if (!cases.has(id)) cases.set(id, facts)
  const topics = [...new Set([...cases.keys()].map(topicOf))]
  const bodies = topics.map((topic) => {
    const rows = [...cases.values()].filter(({ id }) => topicOf(id) === topic)
    return `<tbody><tr class="topic"><th colspan="${columns.length + 1}" scope="rowgroup">${escapeHtml(topic)}</th></tr>
${rows
  .map((facts) =>
    formatRow(
      facts,
      results.map((column) => column.get(facts.id)),
      allTranscripts,
    ),
  )
  .join('\n')}
</tbody>`
  })
  return `<section aria-labelledby="suite-${escapeHtml(suite)}"><h2 id="suite-${escapeHtml(suite)}">${escapeHtml(suite)}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Cases of ${escapeHtml(suite)}"><table class="cases">
<thead><tr><th scope="col">Case</th>${columns.map((server) => `<th scope="col">${nameOf(server)}</th>`).join('')}</tr></thead>
${bodies.join('\n')}
</table></div></section>`
}

const topicOf = (id: string): string => id.split('/').slice(0, -1).join('/')

function formatRow(facts: CaseFacts, results: readonly (CaseResult | undefined)[], allTranscripts: boolean): string {
  const verdicts = [...new Set(results.flatMap((one) => (one ? [one.verdict] : [])))]
  const name = facts.id.split('/').at(-1)!
  return `<tr class="case" id="${escapeHtml(facts.id)}" data-level="${facts.level}" data-verdicts="${verdicts.join(' ')}"><th scope="row"><a href="#${escapeHtml(facts.id)}">${escapeHtml(name)}</a> <span class="level">${facts.level.toUpperCase()}</span> <span class="rfc">${escapeHtml(facts.rfc)}</span><p>${escapeHtml(facts.requirement)}</p></th>${results
    .map((result) => formatCell(result, allTranscripts))
    .join('')}</tr>`
}

function formatCell(result: CaseResult | undefined, allTranscripts: boolean): string {
  if (!result) return '<td>–</td>'
  const { verdict, reason, remark, expectation, transcript } = result
  const label = `<span class="mark ${verdict}">${verdict}</span>`
  const isQuiet = verdict === 'skip' || (verdict === 'pass' && !allTranscripts && expectation === null)
  const lines = isQuiet ? [] : formatTranscript(transcript)
  if (reason === null && lines.length === 0) return `<td>${label}</td>`
  const known =
    expectation === null
      ? ''
      : `<p>${expectation === 'known' ? 'Known' : 'Expected to fail'}: ${escapeHtml(remark || 'no reason given')}</p>`
  const why = reason === null ? '' : `<p>${escapeHtml(reason)}</p>`
  const dialogue = lines.length === 0 ? '' : `<pre>${lines.map(escapeHtml).join('\n')}</pre>`
  return `<td><details><summary>${label}</summary>${why}${known}${dialogue}</details></td>`
}

const ENTITIES: { readonly [c: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** For text and for attribute values in quotes; control characters, which HTML has no place for, become `?`. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => ENTITIES[c]!).replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '?')
