// The published page: totals in the order of suites and products, deviations with section and dialogue, nothing of the machine.
import { hostname, tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import type { CaseResult, RunReport, Verdict } from '../../../conformance/index.ts'
import { VERDICTS } from '../../../conformance/index.ts'
import { formatPage } from './page.ts'
import { createScrubber } from './scrub.ts'

const result = (id: string, verdict: Verdict, text = '250 ok\r\n'): CaseResult => ({
  facts: { id, rfc: 'RFC 5321 §4.1', level: 'must', requirement: 'A *rule*.', state: 'ready' },
  verdict,
  reason: verdict === 'pass' ? null : 'expected `a`; got <b>',
  transcript: [{ connection: 1, from: 'server', text }],
  ms: 3,
  expectation: null,
  remark: verdict === 'fail' ? 'an old habit' : null,
})

const report = (suite: string, ...results: CaseResult[]): RunReport => ({
  suite,
  product: '',
  server: '127.0.0.1:2525',
  startedAt: '2026-03-04T05:06:07.000Z',
  ms: 1,
  results,
  counts: Object.fromEntries(
    VERDICTS.map((verdict) => [verdict, results.filter((one) => one.verdict === verdict).length]),
  ) as RunReport['counts'],
  exitCode: 0,
})

test('tells totals by suite, then every deviation with what was said and what is known of it', () => {
  const page = formatPage(
    [
      {
        name: 'One',
        version: '1.0',
        note: 'A note.',
        reports: [report('lmtp', result('lmtp/a/b', 'fail')), report('smtp', result('smtp/a/b', 'pass'))],
      },
      {
        name: 'Two',
        version: '2.0',
        note: null,
        reports: [report('smtp', result('smtp/a/b', 'warn', '250 ``` \r\n'))],
      },
    ],
    ['smtp', 'lmtp'],
  )
  expect(page.split('\n').filter((line) => /^\| (smtp|lmtp) /.test(line))).toEqual([
    '| smtp | One | 1 | 1 | 0 | 0 | 0 | 0 | 0 |',
    '| smtp | Two | 1 | 0 | 0 | 1 | 0 | 0 | 0 |',
    '| lmtp | One | 1 | 0 | 1 | 0 | 0 | 0 | 0 |',
  ])
  expect(page).toContain('on 2026-03-04.')
  expect(page).toContain('## One 1.0\n\nA note.\n')
  expect(page).toContain(
    '#### `lmtp/a/b`: fail\n\nMUST, RFC 5321 §4.1: A \\*rule\\*.\n\nExpected \\`a\\`; got \\<b\\>.\n\nKnown: an old habit.\n',
  )
  // a fence is longer than any in the dialogue
  expect(page).toContain('````text\nS: 250 ``` \\r\\n\n````')
})

test('long dialogues are cut at their beginning', () => {
  const long = Array.from({ length: 40 }, (_, i) => `250-${i}\r\n`).join('')
  const page = formatPage(
    [{ name: 'One', version: '1', note: null, reports: [report('smtp', result('smtp/a/b', 'fail', long))] }],
    ['smtp'],
  )
  expect(page).toContain('-- 16 lines before these\nS: 250-16\\r\\n')
  expect(page).toContain('S: 250-39\\r\\n')
})

test('names and folders of the machine, and ports, are taken out', () => {
  const name = hostname()
  const text = `220 ${name} and ${name}. not x${name}y, 250-${name}, ${tmpdir()}/estafeta-postfix-a1B2c3/queue\r\n`
  const scrubbed = createScrubber()(report('smtp', { ...result('smtp/a/b', 'fail', text), reason: `at ${name}` }))
  expect(scrubbed.server).toBe('127.0.0.1')
  expect(scrubbed.results[0]?.reason).toBe('at host.example')
  expect(scrubbed.results[0]?.transcript[0]?.text).toBe(
    `220 host.example and host.example. not x${name}y, 250-host.example, /scratch/queue\r\n`,
  )
})
