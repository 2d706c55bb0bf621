// The published page: totals of every suite and server, and each deviation with its section and what was said.
import {
  type CaseResult,
  formatTranscript,
  type RunReport,
  type ServerReports,
  VERDICTS,
} from '../../../conformance/index.ts'

/** Lines of a dialogue that the page shows; the HTML comparison has more. */
const LINES = 24

export interface Published extends ServerReports {
  readonly version: string
  readonly note: string | null
}

/** `suites` gives the order of the tables. */
export function formatPage(servers: readonly Published[], suites: readonly string[]): string {
  return `# Conformance: what servers do

<!-- Written by \`npm run conformance:publish\`; change the suites or the servers' settings, not this page. -->

Every suite of \`estafeta conformance\` run against servers as Debian, npm and this repository ship them, on ${days(servers)}.
The servers run on one machine, over loopback, with TLS, an account and two mailboxes each; none of them sends or receives
anything else. The same results case by case, with filters: [conformance.html](conformance.html) (one file, to be opened in a
browser). How to run the suites yourself: [the guide](conformance-guide.md). Which sections they cover, and what nobody can
see from outside: [coverage](generated/conformance-coverage.md).

A **fail** is a MUST that was not kept, a **warn** a missed SHOULD (or an option used otherwise than its RFC describes),
**unclean** a right answer with a session that could not be ended properly, **blocked** a case whose set-up the server
refused, **skip** something that the server does not offer. A deviation is no verdict on a product: many are old habits
that clients live with, or settings; each is listed so that it can be checked, and corrected here if it is our misreading.

## Totals

${totals(servers, suites)}

${servers.map((server) => formatServer(server, suites)).join('\n')}`
}

const days = (servers: readonly Published[]): string => {
  const all = servers.flatMap(({ reports }) => reports.map(({ startedAt }) => startedAt.slice(0, 10)))
  return [...new Set(all)].sort().join(', ')
}

function totals(servers: readonly Published[], suites: readonly string[]): string {
  const head = ['Suite', 'Server', 'Cases', ...VERDICTS]
  const rows = suites.flatMap((suite) =>
    servers.flatMap((server) => {
      const report = server.reports.find((one) => one.suite === suite)
      if (!report) return []
      return [[suite, server.name, report.results.length, ...VERDICTS.map((verdict) => report.counts[verdict])]]
    }),
  )
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function formatServer({ name, version, note, reports }: Published, suites: readonly string[]): string {
  const parts = suites.flatMap((suite) => {
    const report = reports.find((one) => one.suite === suite)
    const findings = report ? findingsOf(report) : []
    return report ? [`### ${name}: ${suite}\n\n${summary(report)}\n\n${findings.map(formatFinding).join('\n')}`] : []
  })
  return `## ${name} ${version}\n\n${note === null ? '' : `${note}\n\n`}${parts.join('\n')}`
}

const findingsOf = ({ results }: RunReport): readonly CaseResult[] =>
  results.filter(({ verdict }) => !['pass', 'skip'].includes(verdict))

function summary(report: RunReport): string {
  const { counts, results } = report
  const judged = results.length - counts.skip - counts.blocked
  const clean = counts.pass === judged ? 'All passed.' : `${counts.pass} of them passed.`
  return `${judged} of ${results.length} cases were judged. ${clean}`
}

function formatFinding({ facts, verdict, reason, remark, transcript }: CaseResult): string {
  const lines = formatTranscript(transcript)
  const shown =
    lines.length <= LINES ? lines : [`-- ${lines.length - LINES} lines before these`, ...lines.slice(-LINES)]
  const dialogue = shown.length === 0 ? '' : `\n${fenced(shown)}\n`
  return `#### \`${facts.id}\`: ${verdict}

${facts.level.toUpperCase()}, ${facts.rfc}: ${inline(facts.requirement)}

${inline(capital(reason ?? ''))}.${remark ? `\n\nKnown: ${remark.trim()}.` : ''}
${dialogue}`
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1).replace(/\.$/, '')

/** Text of a server's in running text: nothing of it is markup. */
const inline = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\\`*_<>[\]|#]/g, '\\$&')

function fenced(lines: readonly string[]): string {
  const fence = '`'.repeat(Math.max(3, ...lines.map((line) => (/`+/.exec(line)?.[0].length ?? 0) + 1)))
  return `${fence}text\n${lines.join('\n')}\n${fence}`
}
