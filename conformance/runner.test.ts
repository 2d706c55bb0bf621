// The runner against servers that hang, flood, reset and lie: every case ends with its verdict, and the run with its code.
import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { createAuthority } from '../test/kit/certificates.ts'
import { runSuite } from './index.ts'
import { Blocked, Skipped, Violation } from './judgement.ts'
import { exitCodeOf, runCases } from './runner.ts'
import type { Smtp } from './smtp/client.ts'
import { type SmtpCase, smtpSuite } from './smtp/suite.ts'
import { createTarget, type TargetOptions } from './target.ts'
import { smtpServer, startTestServer } from './test-server.ts'
import type { CaseResult, RunReport, Suite, Verdict } from './types.ts'

const PORTS = { plain: 25, tls: 465 }

const oneCase = (more: Partial<SmtpCase> = {}): SmtpCase => ({
  id: 'test/topic/slug',
  rfc: 'RFC 5321 §4.1.1.9',
  level: 'must',
  requirement: 'NOOP is answered by 250.',
  state: 'ehlo',
  run: async (s) => void (await s.send('NOOP', '250')),
  ...more,
})

/** Runs cases against a server that plays so. */
async function runAgainst(
  play: (socket: Socket) => void,
  cases: readonly SmtpCase[],
  { caseMs = 10_000, parallel = 1, ...more }: Partial<TargetOptions> & { caseMs?: number; parallel?: number } = {},
): Promise<RunReport> {
  await using server = await startTestServer(play)
  const target = createTarget({ host: '127.0.0.1', port: server.port, answerSeconds: 0.4, ...more }, PORTS)
  const suite = smtpSuite({ name: 'test', description: '', port: PORTS, hello: 'EHLO', login: true, cases })
  return await runCases(suite, target, { cases, caseMs, parallel })
}

async function verdictAgainst(
  play: (socket: Socket) => void,
  more: Partial<SmtpCase> = {},
  options: Parameters<typeof runAgainst>[2] = {},
): Promise<CaseResult> {
  const { results } = await runAgainst(play, [oneCase(more)], options)
  return results[0]!
}

describe('verdicts', () => {
  test('a server that does what the case wants passes, its dialogue is recorded to the octet', async () => {
    const { verdict, reason, transcript } = await verdictAgainst(smtpServer())
    expect([verdict, reason]).toEqual(['pass', null])
    const said = (who: string) => transcript.filter(({ from }) => from === who).map(({ text }) => text)
    expect(said('client').join('')).toBe('EHLO conformance.example.org\r\nNOOP\r\nQUIT\r\n')
    expect(said('server').join('')).toBe(
      '220 test.example ready\r\n250-test.example\r\n250 PIPELINING\r\n250 ok\r\n221 bye\r\n',
    )
  })

  test('no password is to be read in a result, plain or as SASL sends it', async () => {
    const run = async (c: Smtp) => {
      await c.send(`NOOP ${Buffer.from('\0ana\0trustno1').toString('base64')} trustno1`, '999')
    }
    const { reason, transcript } = await verdictAgainst(
      smtpServer(),
      { run, client: 'anonymous' },
      { user: 'ana', password: 'trustno1' },
    )
    expect(reason).toContain('NOOP <password> <password>')
    expect(transcript.map(({ text }) => text).join('')).toContain('NOOP <password> <password>\r\n')
  })

  test.each<[Verdict, SmtpCase['level']]>([
    ['fail', 'must'],
    ['warn', 'should'],
    ['warn', 'may'],
  ])('a wrong answer is a %s for %s, with what was expected and what came', async (wanted, level) => {
    const { verdict, reason } = await verdictAgainst(smtpServer({ NOOP: '502 no\r\n' }), { level })
    expect([verdict, reason]).toEqual([wanted, 'expected 250 to "NOOP"; got "502 no"'])
  })

  test('a capability that is not announced skips', async () => {
    const { verdict, reason } = await verdictAgainst(smtpServer(), { needs: { capabilities: ['CHUNKING'] } })
    expect([verdict, reason]).toEqual(['skip', 'the server does not announce CHUNKING'])
  })

  test.each([
    ['an account', { account: true as const }, 'needs an account (--user, --password)'],
    ['a recipient', { recipient: true as const }, 'needs a recipient (--rcpt)'],
    ['consent', { consent: ['mail' as const, 'load' as const] }, 'needs consent to mail, load (--consent)'],
  ])('a case that lacks %s is skipped, and never connects', async (_, needs, reason) => {
    await using server = await startTestServer(smtpServer())
    const target = createTarget({ host: '127.0.0.1', port: server.port }, PORTS)
    const cases = [oneCase({ needs })]
    const suite = smtpSuite({ name: 'test', description: '', port: PORTS, hello: 'EHLO', login: true, cases })
    const { results } = await runCases(suite, target, { cases })
    expect([results[0]!.verdict, results[0]!.reason, server.connections]).toEqual(['skip', reason, 0])
  })

  test('set-up that fails blocks', async () => {
    const refusing = smtpServer({ RCPT: '550 not here\r\n' })
    const { verdict, reason } = await verdictAgainst(refusing, { state: 'rcpt' }, { rcpt: 'ana@test.example' })
    expect([verdict, reason]).toEqual(['blocked', 'the server does not take mail for ana@test.example: "550 not here"'])
  })

  test.each([
    ['421 busy', 'the server gave up at "NOOP": "421 busy"'],
    ['530 login first', 'the server wants more before "NOOP": "530 login first"'],
  ])('%s in place of the answer blocks', async (line, reason) => {
    const result = await verdictAgainst(smtpServer({ NOOP: `${line}\r\n` }))
    expect([result.verdict, result.reason]).toEqual(['blocked', reason])
  })

  test.each<[string, { [verb: string]: string | ((socket: Socket) => void) }, RegExp]>([
    ['a wrong answer to QUIT', { QUIT: '250 no\r\n' }, /expected 221 to "QUIT"/],
    ['a connection that stays open', { QUIT: '221 bye\r\n' }, /close the connection after 221; got nothing/],
    [
      'words behind the answer to QUIT',
      { QUIT: (s) => s.end('221 bye\r\n250 more\r\n') },
      /nothing behind the reply to QUIT/,
    ],
    [
      'a reply that nothing asked for',
      { NOOP: '250 ok\r\n250 again\r\n' },
      /221 to "QUIT"|no reply that nothing asked for/,
    ],
    ['an end without QUIT', { NOOP: (s) => s.end('250 ok\r\n') }, /closed/],
  ])('the right answer and then %s is unclean', async (_, answers, reason) => {
    const result = await verdictAgainst(smtpServer(answers))
    expect(result.verdict).toBe('unclean')
    expect(result.reason).toMatch(reason)
  })

  test('a case that may end as it likes is not asked to end politely', async () => {
    expect(await verdictAgainst(smtpServer({ QUIT: '250 no\r\n' }), { ending: 'any' })).toMatchObject({
      verdict: 'pass',
    })
  })

  test('what a case throws decides: Skipped, Blocked, Violation, and a mistake of its own blocks with its place', async () => {
    const thrown = [new Skipped('s'), new Blocked('b'), new Violation('v'), new TypeError('oops')]
    const cases = thrown.map((error, i) => oneCase({ id: `test/t/${i}`, run: () => Promise.reject(error) }))
    const { results } = await runAgainst(smtpServer(), cases)
    expect(results.map(({ verdict }) => verdict)).toEqual(['skip', 'blocked', 'fail', 'blocked'])
    expect(results[3]!.reason).toMatch(/the case itself failed: TypeError: oops\n.*runner\.test\.ts/)
  })
})

describe('hostile servers', () => {
  const flood = (text: string) => (socket: Socket) => {
    const pour = (): void => {
      while (!socket.destroyed && socket.write(text));
    }
    socket.on('drain', pour)
    pour()
  }

  test('a server that says nothing blocks the set-up', async () => {
    const { verdict, reason } = await verdictAgainst(() => {})
    expect([verdict, reason]).toEqual(['blocked', 'expected a reply to the connection; got nothing within 0.4 s'])
  })

  test('a server that does not answer fails', async () => {
    const { verdict, reason } = await verdictAgainst(smtpServer({ NOOP: '' }))
    expect([verdict, reason]).toEqual(['fail', 'expected a reply to "NOOP"; got nothing within 0.4 s'])
  })

  test('a server that sends half a line fails', async () => {
    expect(await verdictAgainst(smtpServer({ NOOP: '250 o' }))).toMatchObject({ verdict: 'fail' })
  })

  test('a server that drips ends with the time of the case', async () => {
    const drip = (socket: Socket) => {
      const timer = setInterval(() => socket.write('250-more\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    }
    const result = await verdictAgainst(smtpServer({ NOOP: drip }), {}, { caseMs: 500 })
    expect(result).toMatchObject({
      verdict: 'fail',
      reason: expect.stringMatching(/time was over|no end within 0.5 s/),
    })
  })

  test.each([
    ['one line without an end', 'x'.repeat(65_536), /more than 8388608 octets without a line end/],
    ['a reply without an end', '250-more\r\n'.repeat(5_000), /expected an end of the reply to "NOOP"; got 1001 lines/],
    ['lines that are no replies', 'nonsense\r\n'.repeat(5_000), /three digits, then a space or hyphen; got "nonsense"/],
    ['other codes in one reply', '250-a\r\n251 b\r\n'.repeat(5_000), /same code in every line/],
  ])('%s is cut off', async (_, text, reason) => {
    const result = await verdictAgainst(smtpServer({ NOOP: flood(text) }))
    expect(result).toMatchObject({ verdict: 'fail', reason: expect.stringMatching(reason) })
    const kept = result.transcript.reduce((sum, { text: { length } }) => sum + length, 0)
    expect(kept).toBeLessThan(300_000)
  })

  test('a flood behind the answer to QUIT ends in the time of an answer', async () => {
    const result = await verdictAgainst(smtpServer({ QUIT: flood('221 bye\r\n'.repeat(5_000)) }))
    expect(result).toMatchObject({ verdict: 'unclean', reason: expect.stringContaining('got ever more') })
  })

  test.each<[string, (socket: Socket) => void, Verdict]>([
    ['at once', (socket) => socket.resetAndDestroy(), 'blocked'],
    ['behind the greeting', (socket) => socket.write('220 a\r\n', () => socket.resetAndDestroy()), 'blocked'],
    ['in place of an answer', smtpServer({ NOOP: (socket) => socket.resetAndDestroy() }), 'fail'],
    ['in place of the end', smtpServer({ QUIT: (socket) => socket.resetAndDestroy() }), 'unclean'],
  ])('a reset %s is a verdict', async (_, play, verdict) => {
    expect(await verdictAgainst(play)).toMatchObject({ verdict })
  })

  test.each<[string, string | ((socket: Socket) => void)]>([
    ['a reset', (socket) => socket.write('220 go\r\n', () => socket.resetAndDestroy())],
    ['silence', '220 go\r\n'],
    ['words in the clear', '220 go\r\n250 more\r\n'],
  ])('%s in place of a TLS handshake is a verdict', async (_, answer) => {
    const offer = smtpServer({ EHLO: '250-test.example\r\n250 STARTTLS\r\n', STARTTLS: answer })
    const result = await verdictAgainst(offer, {
      needs: { capabilities: ['STARTTLS'] },
      run: (s) => s.startTls(),
    })
    expect(result.verdict).toBe('fail')
  })

  test('a server that does not read does not hold the client', async () => {
    const deaf = smtpServer({ NOOP: (socket) => socket.pause() })
    const result = await verdictAgainst(deaf, {
      async run(s) {
        await s.wire.write('NOOP\r\n')
        for (;;) await s.wire.write('x'.repeat(1024 * 1024))
      },
    })
    expect(result).toMatchObject({ verdict: 'fail', reason: expect.stringContaining('to read what is sent') })
  })

  test('a case that never ends has its time limit', async () => {
    const result = await verdictAgainst(smtpServer(), { run: () => new Promise(() => {}) }, { caseMs: 300 })
    expect([result.verdict, result.reason]).toEqual(['fail', 'no end within 0.3 s'])
  })

  test('nobody listening blocks every case, and nothing could be judged: 2', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const report = await runSuite('smtp', { host: '127.0.0.1', port, filter: ['smtp/noop/ok', 'smtp/rset/ok'] })
    expect(new Set(report.results.map(({ verdict }) => verdict))).toEqual(new Set(['blocked']))
    expect(report.results[0]!.reason).toMatch(/no connection to 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
    expect(report.exitCode).toBe(2)
  })

  test('one bad case does not touch the others', async () => {
    let number = 0
    const server = (socket: Socket): void => (++number === 2 ? void socket.resetAndDestroy() : smtpServer()(socket))
    const cases = [1, 2, 3].map((n) => oneCase({ id: `test/t/${n}` }))
    const { results, counts } = await runAgainst(server, cases)
    expect(results.map(({ verdict }) => verdict)).toEqual(['pass', 'blocked', 'pass'])
    expect(counts).toEqual({ pass: 2, fail: 0, warn: 0, skip: 0, blocked: 1, unclean: 0 })
  })
})

describe('TLS', () => {
  /** TLS from the first octet, or behind STARTTLS; offers STARTTLS in the clear alone. */
  async function secureServer(implicit: boolean) {
    const { cert, key } = await (await createAuthority()).issue()
    const secure = (socket: Socket): void => {
      const tls = new TLSSocket(socket, { isServer: true, cert, key })
      tls.on('error', () => {})
      smtpServer(implicit ? {} : { hello: '' })(tls)
    }
    const plain = smtpServer({
      EHLO: '250-test.example\r\n250 STARTTLS\r\n',
      STARTTLS(socket) {
        socket.removeAllListeners('data')
        socket.write('220 go\r\n', () => secure(socket))
      },
    })
    return implicit ? secure : plain
  }

  test('implicit: the connection has TLS before the greeting', async () => {
    const seen: boolean[] = []
    const run: SmtpCase['run'] = async (s) => void seen.push(s.wire.secure)
    expect(await verdictAgainst(await secureServer(true), { run }, { tls: 'implicit' })).toMatchObject({
      verdict: 'pass',
    })
    expect(seen).toEqual([true])
  })

  test('implicit against a server without TLS blocks', async () => {
    expect(await verdictAgainst(smtpServer(), {}, { tls: 'implicit' })).toMatchObject({ verdict: 'blocked' })
  })

  test('starttls: cases begin within TLS, except those about STARTTLS itself', async () => {
    const seen: boolean[] = []
    const run: SmtpCase['run'] = async (s) => void seen.push(s.wire.secure)
    const own = oneCase({ id: 'test/t/2', run, needs: { capabilities: ['STARTTLS'] } })
    const report = await runAgainst(await secureServer(false), [oneCase({ run }), own], { tls: 'starttls' })
    expect([report.counts.pass, ...seen]).toEqual([2, true, false])
  })

  test('starttls against a server that does not offer it blocks', async () => {
    const { verdict, reason } = await verdictAgainst(smtpServer(), {}, { tls: 'starttls' })
    expect([verdict, reason]).toEqual(['blocked', 'the server does not announce STARTTLS'])
  })

  test('none: nothing is secured, though it is offered', async () => {
    const result = await verdictAgainst(await secureServer(false), {
      run: async (s) => void expect(s.wire.secure).toBe(false),
    })
    expect(result.verdict).toBe('pass')
  })
})

describe('runs', () => {
  test('cases run side by side as asked, and the results keep their order', async () => {
    const waiting: (() => void)[] = []
    const together = (socket: Socket): void => {
      waiting.push(() => smtpServer()(socket))
      // nobody is greeted before four are there
      if (waiting.length === 4) for (const greet of waiting.splice(0)) greet()
    }
    const cases = Array.from({ length: 8 }, (_, i) => oneCase({ id: `test/t/${i}` }))
    const { results } = await runAgainst(together, cases, { parallel: 4, answerSeconds: 5 })
    expect(results.map(({ facts, verdict }) => `${facts.id} ${verdict}`)).toEqual(cases.map(({ id }) => `${id} pass`))
  })

  test('one at a time by default', async () => {
    let [open, most] = [0, 0]
    const counting = oneCase({
      async run(s) {
        most = Math.max(most, ++open)
        await s.send('NOOP', '250')
        open--
      },
    })
    const { counts } = await runAgainst(smtpServer(), [counting, counting, counting])
    expect([counts.pass, most]).toEqual([3, 1])
  })

  test('a suite that cannot be set up blocks all of its cases, and is 2; what it leaves is taken away only when it was', async () => {
    const done: string[] = []
    const suiteOf = (before: () => Promise<void>): Suite<Smtp> => ({
      ...smtpSuite({ name: 'test', description: '', port: PORTS, hello: 'EHLO', login: true, cases: [oneCase()] }),
      before,
      after: async () => void done.push('after'),
    })
    await using server = await startTestServer(smtpServer())
    const target = createTarget({ host: '127.0.0.1', port: server.port }, PORTS)
    const bad = await runCases(
      suiteOf(() => Promise.reject(new Blocked('no maildrop'))),
      target,
      { cases: [oneCase()] },
    )
    expect([bad.results[0]!.verdict, bad.results[0]!.reason, bad.exitCode]).toEqual([
      'blocked',
      'set-up: no maildrop',
      2,
    ])
    expect([server.connections, done]).toEqual([0, []])
    const good = await runCases(
      suiteOf(async () => void done.push('before')),
      target,
      { cases: [oneCase()] },
    )
    expect([good.exitCode, done]).toEqual([0, ['before', 'after']])
  })

  test('a suite whose server lets one session in runs alone, whatever is asked', async () => {
    let [open, most] = [0, 0]
    const counting = oneCase({
      async run(s) {
        most = Math.max(most, ++open)
        await s.send('NOOP', '250')
        open--
      },
    })
    const cases = [counting, counting, counting]
    await using server = await startTestServer(smtpServer())
    const target = createTarget({ host: '127.0.0.1', port: server.port }, PORTS)
    const suite = smtpSuite({ name: 'test', description: '', port: PORTS, hello: 'EHLO', login: true, cases })
    await runCases({ ...suite, alone: true }, target, { cases, parallel: 3 })
    expect(most).toBe(1)
  })

  test('each result is told as it comes', async () => {
    await using server = await startTestServer(smtpServer())
    const told: string[] = []
    await runSuite('smtp', {
      host: '127.0.0.1',
      port: server.port,
      filter: ['smtp/noop/ok', 'smtp/quit/221'],
      onResult: ({ verdict }, done, total) => void told.push(`${done}/${total} ${verdict}`),
    })
    expect(told).toEqual(['1/2 pass', '2/2 pass'])
  })
})

describe('exit codes', () => {
  const result = (verdict: Verdict, level: SmtpCase['level'], expectation: CaseResult['expectation'] = null) =>
    ({ verdict, facts: { level }, expectation }) as CaseResult

  test.each<[string, CaseResult[], number, number]>([
    ['all well', [result('pass', 'must')], 0, 0],
    ['a MUST failed', [result('pass', 'must'), result('fail', 'must')], 1, 1],
    ['a SHOULD missed', [result('warn', 'should')], 0, 1],
    ['a MAY missed', [result('warn', 'may')], 0, 0],
    ['an unclean MUST', [result('unclean', 'must')], 1, 1],
    ['an unclean SHOULD', [result('unclean', 'should')], 0, 1],
    ['a known failure', [result('fail', 'must', 'known')], 0, 0],
    ['an unexpected pass', [result('pass', 'must', 'surprise')], 0, 1],
    ['skipped and passed', [result('skip', 'must'), result('pass', 'must')], 0, 0],
    ['nothing but skips', [result('skip', 'must'), result('blocked', 'must')], 2, 2],
    ['blocked beside passed', [result('blocked', 'must'), result('pass', 'must')], 2, 2],
    ['blocked as expected', [result('blocked', 'must', 'known'), result('pass', 'must')], 0, 0],
    ['nothing at all', [], 2, 2],
  ])('%s', (_, results, plain, strict) => {
    expect([exitCodeOf(results, false), exitCodeOf(results, true)]).toEqual([plain, strict])
  })
})
