// The reports: JUnit is well-formed XML whatever servers say, TAP keeps its lines, the text shows the dialogue to the octet.
import { expect, test } from 'vitest'
import type { CaseResult, RunReport, Verdict } from '../types.ts'
import { VERDICTS } from '../types.ts'
import { formatJson } from './json.ts'
import { formatJunit } from './junit.ts'
import { formatTap } from './tap.ts'
import { formatProgress, formatText } from './text.ts'
import { formatTranscript } from './transcript.ts'

/** All that has no place in XML, and all that has a meaning there. */
const EVIL = `${Array.from({ length: 0xa0 }, (_, i) => String.fromCharCode(i)).join('')}]]><!-- &amp; "'\ufffe\uffff\ud800 \u{1f4a9}`

const result = (id: string, verdict: Verdict, more: Partial<CaseResult> = {}): CaseResult => ({
  facts: { id, rfc: 'RFC 5321 §4.1', level: 'must', requirement: 'It must, & <soon>.', state: 'ehlo' },
  verdict,
  reason: verdict === 'pass' ? null : `expected this; got "${EVIL}"`,
  transcript: [
    { connection: 1, from: 'note', text: 'connecting' },
    { connection: 1, from: 'client', text: 'NOOP\r\n\0\x1b[2J' },
    { connection: 1, from: 'server', text: `250-a\r\n250 b\n${EVIL}` },
  ],
  ms: 12,
  expectation: null,
  remark: null,
  ...more,
})

const RESULTS: readonly CaseResult[] = [
  ...VERDICTS.map((verdict) => result(`smtp/topic/${verdict}`, verdict)),
  result('smtp/topic/known', 'fail', { expectation: 'known', remark: `an old # bug\n${EVIL}` }),
  result('smtp/topic/surprise', 'pass', { expectation: 'surprise', remark: 'mended since' }),
]

const REPORT: RunReport = {
  suite: 'smtp',
  product: `Some <MTA> ${EVIL}`,
  server: '127.0.0.1:25',
  startedAt: '2026-01-01T00:00:00.000Z',
  ms: 1234,
  results: RESULTS,
  counts: { pass: 2, fail: 2, warn: 1, unclean: 1, blocked: 1, skip: 1 },
  exitCode: 1,
}

/** Elements in order, with their attributes; throws for what is not well-formed XML 1.0. */
function parseXml(text: string): { name: string; attributes: { [name: string]: string } }[] {
  if (!/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(text))
    throw new Error('a character that XML has not')
  const open: string[] = []
  const found: { name: string; attributes: { [name: string]: string } }[] = []
  let rest = text.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
  while (rest !== '') {
    const [whole = '', close, name = '', attributes = '', empty] =
      /^<(\/?)([a-z-]+)((?: [a-z]+="(?:[^<&"]|&(?:amp|lt|gt|quot|#\d+);)*")*)(\/?)>/.exec(rest) ?? []
    const [data = ''] = whole === '' ? (/^(?:[^<&]|&(?:amp|lt|gt|quot|#\d+);)+/.exec(rest) ?? []) : ['']
    if (whole === '' && (data === '' || data.includes(']]>'))) throw new Error(`not XML: ${rest.slice(0, 80)}`)
    rest = rest.slice((whole || data).length)
    if (whole === '') continue
    if (close) {
      if (open.pop() !== name) throw new Error(`</${name}> closes nothing`)
      continue
    }
    if (!empty) open.push(name)
    const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!])
    found.push({ name, attributes: Object.fromEntries(pairs) })
  }
  if (open.length > 0) throw new Error(`${open.join(', ')} left open`)
  return found
}

test('JUnit: well-formed, with the counts that its elements have', () => {
  const elements = parseXml(formatJunit(REPORT))
  const named = (name: string) => elements.filter((one) => one.name === name)
  expect(named('testsuite')[0]!.attributes).toMatchObject({ tests: '8', failures: '2', errors: '1', skipped: '1' })
  expect(named('testcase').map(({ attributes }) => attributes.name)).toEqual([...VERDICTS, 'known', 'surprise'])
  // fail and unclean; what is blocked is an error; a missed SHOULD and a known failure are none
  expect([named('failure').length, named('error').length, named('skipped').length]).toEqual([2, 1, 1])
  expect(named('failure').map(({ attributes }) => attributes.type)).toEqual(['fail', 'unclean'])
  expect(named('testcase')[0]!.attributes).toMatchObject({ classname: 'smtp.topic', time: '0.012' })
})

test('the check of well-formedness can fail', () => {
  for (const text of ['<a><b></a></b>', '<a x="<"/>', '<a>&</a>', '<a>\0</a>', '<a>', 'x ]]> y', '<a>\ufffe</a>'])
    expect(() => parseXml(text)).toThrow()
})

test('TAP: a plan, a line a case, and blocks that no server can break out of', () => {
  const lines = formatTap(REPORT).split('\n')
  expect(lines.slice(0, 2)).toEqual(['TAP version 13', '1..8'])
  expect(lines.filter((line) => /^(not )?ok /.test(line)).map((line) => line.replace(/(#\s*\w+).*/, '$1'))).toEqual([
    'ok 1 - smtp/topic/pass',
    'not ok 2 - smtp/topic/fail',
    'ok 3 - smtp/topic/warn',
    'not ok 4 - smtp/topic/unclean',
    'not ok 5 - smtp/topic/blocked',
    'ok 6 - smtp/topic/skip # SKIP',
    'not ok 7 - smtp/topic/known # TODO',
    'ok 8 - smtp/topic/surprise # TODO',
  ])
  for (const line of lines) expect(line).toMatch(/^(?:TAP version 13|1\.\.8|(?:not )?ok \d.*| {2}.*|)$/)
})

test('JSON: the whole report', () => {
  expect(JSON.parse(formatJson(REPORT))).toEqual(JSON.parse(JSON.stringify(REPORT)))
})

test('text: what did not pass with requirement, section, reason and dialogue; then the totals', () => {
  const text = formatText(REPORT)
  expect(text).toContain('fail  smtp/topic/fail  (MUST, RFC 5321 §4.1)')
  expect(text).toContain('C: NOOP\\r\\n')
  expect(text).toContain('C: \\x00\\x1b[2J')
  expect(text).toContain('S: 250-a\\r\\n')
  expect(text).toContain('unexpected pass  smtp/topic/surprise')
  expect(text).toContain('known  smtp/topic/known: an old # bug')
  expect(text).not.toContain('pass  smtp/topic/pass')
  // what the server said is shown, not obeyed
  expect(formatText({ ...REPORT, product: '', results: [result('smtp/topic/fail', 'fail')] })).not.toMatch(/\x1b/)
  expect(text.trimEnd().split('\n').at(-1)).toMatch(
    /: 8 cases, 2 pass, 2 fail, 1 warn, 1 unclean, 1 blocked, 1 skip \(1 known\), in 1\.2 s$/,
  )
})

test('text: why cases were skipped, by count', () => {
  const skipped = (id: string, reason: string) => result(id, 'skip', { reason })
  const results = [skipped('a/b/1', 'needs X'), skipped('a/b/2', 'needs Y'), skipped('a/b/3', 'needs Y')]
  expect(formatText({ ...REPORT, results })).toMatch(/skipped: 2 × needs Y\nskipped: 1 × needs X\n/)
  expect(formatText({ ...REPORT, results }, { skipped: true })).toContain('skip  a/b/1: needs X')
})

test('progress: the place, the verdict, the case', () => {
  expect(formatProgress(RESULTS[1]!, 7, 120)).toBe('  7/120 fail         smtp/topic/fail')
})

test('a transcript of a flood is cut in its middle, and long lines at their end', () => {
  const lines = formatTranscript([{ connection: 1, from: 'server', text: 'x\r\n'.repeat(1000) }])
  expect([lines.length, lines[100]]).toEqual([201, '-- 800 lines left out'])
  expect(formatTranscript([{ connection: 1, from: 'server', text: 'y'.repeat(1000) }])).toEqual([
    `S: ${'y'.repeat(400)}… (1000 octets)`,
  ])
})

test('connections of one case are told apart', () => {
  const entries = [1, 2].map((connection) => ({ connection, from: 'server' as const, text: '220 a\r\n' }))
  expect(formatTranscript(entries)).toEqual(['1 S: 220 a\\r\\n', '2 S: 220 a\\r\\n'])
})
