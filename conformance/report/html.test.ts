// The HTML report: everything from a server is escaped, servers stand side by side, and nothing is fetched from elsewhere.
import { describe, expect, test } from 'vitest'
import type { CaseResult, RunReport, Verdict } from '../types.ts'
import { VERDICTS } from '../types.ts'
import { escapeHtml, formatHtml, formatRunHtml } from './html.ts'

const NASTY = `</pre><script>alert("1")</script><img src=x onerror='y'>&amp;\x00\x1b`

const result = (id: string, verdict: Verdict, more: Partial<CaseResult> = {}): CaseResult => ({
  facts: { id, rfc: 'RFC 5321 §4.5.2', level: 'must', requirement: 'A rule', state: 'ready' },
  verdict,
  reason: verdict === 'pass' ? null : 'because',
  transcript: [{ connection: 1, from: 'server', text: '220 hello\r\n' }],
  ms: 1,
  expectation: null,
  remark: null,
  ...more,
})

const report = (suite: string, results: readonly CaseResult[]): RunReport => ({
  suite,
  product: '',
  server: '127.0.0.1:25',
  startedAt: '2026-01-02T03:04:05.000Z',
  ms: 12,
  results,
  counts: Object.fromEntries(
    VERDICTS.map((v) => [v, results.filter(({ verdict }) => verdict === v).length]),
  ) as RunReport['counts'],
  exitCode: 0,
})

/** The page without its own style and script. */
const content = (html: string): string => html.replace(/<(style|script)>[\s\S]*?<\/\1>/g, '')

describe('the HTML report', () => {
  test('shows nothing of what servers say, files hold or cases are called as markup', () => {
    const nasty = result('smtp/data/x', 'fail', {
      facts: { id: `smtp/${NASTY}/x`, rfc: NASTY, level: 'must', requirement: NASTY, state: NASTY },
      reason: NASTY,
      remark: NASTY,
      expectation: 'known',
      transcript: [{ connection: 1, from: 'server', text: `${NASTY}\r\n` }],
    })
    const html = formatHtml(
      [{ name: NASTY, version: NASTY, reports: [{ ...report('smtp', [nasty]), suite: NASTY }] }],
      {
        title: NASTY,
        about: NASTY,
      },
    )
    const page = content(html)
    expect(page).not.toMatch(/<script|<img|<\/pre><[^/]|onerror='/)
    expect(page).not.toMatch(/[\x00-\x08\x0b-\x1f]/)
    // every tag in it is one that the report itself writes
    const tags = new Set([...page.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag))
    expect([...tags].filter((tag) => ['script', 'img', 'iframe', 'object', 'embed'].includes(tag!))).toEqual([])
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;')
  })

  test('escapes for text and for quoted attributes', () => {
    expect(escapeHtml(`<a b="c" d='e'>&\x07`)).toBe('&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;?')
  })

  test('sets servers beside each other, cases by topic, and leaves a dash where a server was not asked', () => {
    const html = formatHtml([
      {
        name: 'One',
        version: '1.0',
        reports: [report('smtp', [result('smtp/data/a', 'pass'), result('smtp/mail/b', 'fail')])],
      },
      {
        name: 'Two',
        reports: [report('smtp', [result('smtp/data/a', 'warn')]), report('lmtp', [result('lmtp/c/d', 'skip')])],
      },
    ])
    expect(html).toContain(
      '<th scope="col">Case</th><th scope="col">One <small>1.0</small></th><th scope="col">Two</th>',
    )
    expect([...html.matchAll(/scope="rowgroup">([^<]+)/g)].map(([, topic]) => topic)).toEqual([
      'smtp/data',
      'smtp/mail',
      'lmtp/c',
    ])
    expect(/<tr class="case" id="smtp\/data\/a"[^>]*data-verdicts="pass warn"/.test(html)).toBe(true)
    expect(/id="smtp\/mail\/b".*?<\/tr>/s.exec(html)?.[0]).toContain('<td>–</td>')
    expect(html).toContain('aria-label="One, smtp: 1 pass, 1 fail, 0 warn, 0 unclean, 0 blocked, 0 skip"')
  })

  test('the bars of a run together are as long as the share of cases that were judged', () => {
    const html = formatHtml([
      {
        name: 'One',
        reports: [
          report('smtp', [result('a/b', 'pass'), result('a/c', 'fail'), result('a/d', 'skip'), result('a/e', 'skip')]),
        ],
      },
    ])
    const widths = [...html.matchAll(/<rect class="(?!rest)\w+" x="[\d.]+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    )
    expect(widths).toEqual([60, 60])
  })

  test('tells of a finding what was said; of what passed only when one run stands alone', () => {
    const run = report('smtp', [result('smtp/data/a', 'pass'), result('smtp/data/b', 'fail')])
    const compared = formatHtml([{ name: 'One', reports: [run] }])
    expect(compared.match(/S: 220 hello/g)).toHaveLength(1)
    expect(formatRunHtml(run).match(/S: 220 hello/g)).toHaveLength(2)
  })

  test('needs nothing from elsewhere, and shows all without its script', () => {
    const html = formatRunHtml(report('smtp', [result('smtp/data/b', 'fail')]))
    expect(html).not.toMatch(/(src|href)="(?!#)|url\(|@import|https?:/)
    expect(content(html)).toContain('<form id="filters" aria-label="Which cases are shown" hidden>')
    expect(content(html)).not.toMatch(/<tr class="case"[^>]*hidden/)
  })
})
