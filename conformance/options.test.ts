// Which cases run, against what, and what is known to fail: selection, target and expectations.
import { describe, expect, test } from 'vitest'
import { parseExpectations } from './expectations.ts'
import { runSuite } from './index.ts'
import { hindrance, matches, select } from './selection.ts'
import { suites } from './suites.ts'
import { createTarget, type TargetOptions } from './target.ts'
import { smtpServer, startTestServer } from './test-server.ts'
import type { CaseFacts } from './types.ts'

const PORTS = { plain: 25, tls: 465 }

const facts = (id: string, rfc = 'RFC 5321 §4.1', level: CaseFacts['level'] = 'must'): CaseFacts => ({
  id,
  rfc,
  level,
  requirement: '',
  state: '',
})

describe('selection', () => {
  test.each<[string, boolean]>([
    ['smtp/data/dot-line', true],
    ['smtp/data', true],
    ['smtp', true],
    ['smtp/da', false],
    ['smtp/d*', true],
    ['smtp/*/dot-*', true],
    ['*/*/dot-line', true],
    ['smtp/data/dot-line/more', false],
    ['smtp/rcpt', false],
    ['smtp/data/dot.line', false],
    ['RFC 5321', true],
    ['rfc5321 §4.1', true],
    ['RFC 5321 §4', true],
    ['RFC 5321 §4.10', false],
    ['RFC 5321 §4.1.1.4', true],
    ['RFC 5321 §4.1.1.4.1', false],
    ['RFC 532', false],
  ])('%s selects smtp/data/dot-line of RFC 5321 §4.1.1.4: %s', (pattern, wanted) => {
    expect(matches(facts('smtp/data/dot-line', 'RFC 5321 §4.1.1.4'), pattern)).toBe(wanted)
  })

  test('filters add up, what is excluded goes, and a level takes the stronger ones along', () => {
    const cases = [
      facts('a/x/1'),
      facts('a/x/2', 'RFC 2033 §4', 'should'),
      facts('a/y/3', 'RFC 2033 §4', 'may'),
      facts('b/x/4'),
    ]
    const ids = (selection: Parameters<typeof select>[1]) => select(cases, selection).map(({ id }) => id)
    expect(ids({})).toEqual(['a/x/1', 'a/x/2', 'a/y/3', 'b/x/4'])
    expect(ids({ filter: ['a/x', 'b'] })).toEqual(['a/x/1', 'a/x/2', 'b/x/4'])
    expect(ids({ filter: ['a'], exclude: ['RFC 2033'] })).toEqual(['a/x/1'])
    expect(ids({ level: 'should' })).toEqual(['a/x/1', 'a/x/2', 'b/x/4'])
    expect(ids({ level: 'must', exclude: ['a'] })).toEqual(['b/x/4'])
  })
})

describe('target', () => {
  const target = (more: TargetOptions = {}) => createTarget({ host: 'mail.example.com', ...more }, PORTS)

  test('everything but the host has a default', () => {
    expect(target()).toMatchObject({ port: 25, tls: 'none', consent: [], rcpt: null, unknown: null, answerMs: 10_000 })
    expect(target({ tls: 'implicit' }).port).toBe(465)
    expect(target({ rcpt: 'ana@example.com' })).toMatchObject({
      from: 'ana@example.com',
      unknown: 'no-such-user-here@example.com',
    })
    // who logs in may send as himself, and perhaps as nobody else
    const user = { user: 'ana@example.com', password: 'x', rcpt: 'paco@example.com' }
    expect(target(user).from).toBe('ana@example.com')
    expect(target({ ...user, user: 'ana' }).from).toBe('paco@example.com')
  })

  test('every mistake is told at once', () => {
    const wrong = { port: 70_000, tls: 'maybe', rcpt: 'ana', consent: ['everything'], answerSeconds: 0, hots: 'x' }
    expect(() => createTarget(wrong as unknown as TargetOptions, PORTS)).toThrow(
      /unknown key hots.*no host.*1 to 65535.*tls is none.*rcpt wants an address.*no consent named everything.*answerSeconds/s,
    )
  })

  test.each(['mail.example.com', '127.0.0.1', '::1'])('nothing is allowed on %s unless it is said', (host) => {
    const risky = suites.flatMap(({ cases }) => cases).filter(({ needs }) => (needs?.consent ?? []).length > 0)
    expect(risky.length).toBeGreaterThan(50)
    const open = target({ host, rcpt: 'ana@example.com', user: 'ana', password: 'x' })
    for (const one of risky) expect(hindrance(one, open)).not.toBeNull()
  })

  test('consent to all is consent to each', () => {
    expect(target({ consent: ['all'] }).consent).toEqual(['mail', 'mailbox', 'load'])
    expect(target({ consent: ['load'] }).consent).toEqual(['load'])
  })
})

describe('cases', () => {
  test.each(suites.map((suite) => [suite.name, suite] as const))(
    '%s: ids are unique slugs with section and requirement',
    (name, { cases }) => {
      expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length)
      for (const one of cases) {
        expect(one.id).toMatch(new RegExp(`^${name}/[a-z0-9-]+/[a-z0-9-]+$`))
        expect(one.rfc).toMatch(/^(?:RFC \d{3,5}(?: §[\dA-Z][\d.]*(?: [\w-]+)?)?|draft-[a-z\d-]+)$/)
        expect(one.requirement).toMatch(/^.{15,}[.)]$/s)
      }
    },
  )

  test('the SMTP family has no case that sends a message, or much, without consent', () => {
    const family = suites.filter(({ name }) => ['smtp', 'submission', 'lmtp'].includes(name))
    const sending = family.flatMap(({ cases }) => cases).filter(({ run }) => /\.message\(|endData\(`/.test(String(run)))
    expect(sending.length).toBeGreaterThan(20)
    for (const { id, needs } of sending)
      expect([id, needs?.consent ?? []]).toEqual([id, expect.arrayContaining(['mail'])])
  })
})

describe('expectations', () => {
  const known = new Set(['smtp/noop/ok', 'smtp/quit/221'])

  test('a product and its known failures with their reasons', () => {
    const { product, fails } = parseExpectations(
      'product: Some MTA\nfails:\n  smtp/noop/ok: no NOOP\n  smtp/quit/221:\n',
      known,
    )
    expect([product, [...fails]]).toEqual([
      'Some MTA',
      [
        ['smtp/noop/ok', 'no NOOP'],
        ['smtp/quit/221', ''],
      ],
    ])
    expect(parseExpectations('product: Nobody\n', known).fails.size).toBe(0)
  })

  test.each([
    ['product: x\nfails: [smtp/noop/ok]\n', '`fails` wants a map'],
    ['product: x\nfails:\n  smtp/nop/ok: typo\n', 'no such cases: smtp/nop/ok'],
    ['fails: {}\n', '`product` wants a name'],
    ['product: x\nfailures: {}\n', 'unknown keys: failures'],
    ['just words\n', 'wants `product:` and `fails:`'],
    ['product: "x\n', 'not YAML'],
  ])('%j is refused', (text, message) => {
    expect(() => parseExpectations(text, known)).toThrow(message)
  })

  test('a run tells known failures and unexpected passes apart, and knows the product', async () => {
    await using server = await startTestServer(smtpServer({ NOOP: '502 no\r\n' }))
    const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs')
    const { join } = await import('node:path')
    const { tmpdir } = await import('node:os')
    const folder = mkdtempSync(join(tmpdir(), 'estafeta-conformance-'))
    try {
      const expectations = join(folder, 'some.yaml')
      writeFileSync(expectations, 'product: Some MTA\nfails:\n  smtp/noop/ok: no NOOP\n  smtp/quit/221: once\n')
      const run = { host: '127.0.0.1', port: server.port, filter: ['smtp/noop/ok', 'smtp/quit/221'], expectations }
      const report = await runSuite('smtp', run)
      const found = report.results.map(({ facts: { id }, verdict, expectation }) => [id, verdict, expectation])
      expect(found).toEqual([
        // NOOP fails, as it is known to
        ['smtp/noop/ok', 'fail', 'known'],
        ['smtp/quit/221', 'pass', 'surprise'],
      ])
      expect([report.product, report.exitCode]).toEqual(['Some MTA', 0])
      expect((await runSuite('smtp', { ...run, strict: true })).exitCode).toBe(1)
      await expect(runSuite('smtp', { ...run, expectations: join(folder, 'none.yaml') })).rejects.toThrow(
        /cannot read .*ENOENT/,
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
