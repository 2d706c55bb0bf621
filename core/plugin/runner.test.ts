import { describe, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { type Logger, silentLogger } from '../base/log.ts'
import { token } from '../base/token.ts'
import type { PluginEntry } from '../config/load.ts'
import { loadConfig } from '../config/load.ts'
import { contentBytes, memoryBody } from '../message/content.ts'
import { replies } from '../message/reply.ts'
import { hookTrace } from './ask.ts'
import { buildChains } from './chains.ts'
import { admit, defer, discard, type Hooks, pass, reject } from './contract.ts'
import { fakeMessage, fakeQueued, fakeQueuedRecipient, fakeRecipient, fakeSession, fakeTransaction } from './fakes.ts'
import type { HookTrace } from './generation.ts'
import { ChainRunner } from './runner.ts'

const clock = new FakeClock()
const { site } = loadConfig({ overrides: { hostname: 'mail.example.com', domains: ['example.com'] } })
const session = fakeSession({}, site, clock)
const transaction = (to: string[] = []) => fakeTransaction({ to }, site, clock)
const message = (text: string, to: string[] = ['ana@example.com']) => fakeMessage(text, { to }, site, clock)
const blocked = reject(replies.blocked('no'))
const later = defer(replies.tryLater('later'))
/** A promise that only its signal ends. */
const never = (signal: AbortSignal) =>
  new Promise<never>((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)))

interface Part extends Partial<PluginEntry> {
  readonly hooks: Hooks
}

function runnerOf(...parts: Part[]) {
  const traces: HookTrace[] = []
  const logged: unknown[] = []
  const log: Logger = { ...silentLogger, error: (...line) => logged.push(line), warn: (...line) => logged.push(line) }
  const plugins = parts.map(({ hooks, ...own }, i) => {
    const name = own.name ?? `plugin-${i}`
    const entry: PluginEntry = {
      name,
      use: name,
      folder: '/',
      enabled: true,
      onError: 'defer',
      timeout: null,
      listeners: null,
      authenticated: null,
      before: [],
      after: [],
      settings: {},
      ...own,
    }
    return { entry, definition: { name: own.use ?? name, description: '', setup: () => hooks }, hooks }
  })
  const runner = new ChainRunner(buildChains(plugins), {
    clock,
    log,
    isLocalDomain: (domain) => domain === 'example.com',
    record: (...asked) => traces.push(hookTrace(...asked)),
  })
  return { runner, traces, logged, asked: () => traces.map(({ plugin, verdict }) => `${plugin} ${verdict}`) }
}

describe('gates', () => {
  it('passes at once, without a promise, when no plugin waits', () => {
    expect(runnerOf().runner.connect(session)).toEqual({ kind: 'pass' })
    expect(runnerOf({ hooks: { connect: () => pass() } }).runner.connect(session)).toEqual({ kind: 'pass' })
  })
  it('lets the first reject or defer decide, and asks nobody after it', async () => {
    const { runner, asked } = runnerOf(
      { hooks: { mail: async () => pass() } },
      { hooks: { mail: () => later } },
      { hooks: { mail: () => blocked } },
    )
    expect(await runner.mail(transaction())).toEqual(later)
    expect(asked()).toEqual(['plugin-0 pass', 'plugin-1 defer'])
  })
  it('asks stages in order, whatever the order of the list', () => {
    const { runner, asked } = runnerOf(
      { name: 'sealing', hooks: { connect: { stage: 'seal', run: () => pass() } } },
      { name: 'plain', hooks: { connect: () => pass() } },
      { name: 'late', hooks: { connect: { stage: 'late', run: () => pass() } } },
      { name: 'first', hooks: { connect: { stage: 'early', run: () => pass() } } },
    )
    void runner.connect(session)
    expect(asked()).toEqual(['first pass', 'plain pass', 'late pass', 'sealing pass'])
  })
  it('asks only those whose entry wants this service and this kind of client', () => {
    const { runner, asked } = runnerOf(
      { name: 'here', listeners: ['smtp'], hooks: { connect: () => pass() } },
      { name: 'elsewhere', listeners: ['submission'], hooks: { connect: () => pass() } },
      { name: 'users', authenticated: true, hooks: { connect: () => pass() } },
      { name: 'strangers', authenticated: false, hooks: { connect: () => pass() } },
    )
    void runner.connect(session)
    expect(asked()).toEqual(['here pass', 'strangers pass'])
  })
  it('makes reply texts from outside safe for the wire', () => {
    const { runner } = runnerOf({ hooks: { connect: () => reject(replies.blocked('a\r\n250 ok \u00e9')) } })
    expect(runner.connect(session)).toMatchObject({ reply: { text: 'a?250 ok ?' } })
  })
})

describe('a failed plugin', () => {
  const broken = () => {
    throw new Error('broken')
  }
  it('is logged with the place where it threw; one that answers nonsense has none', async () => {
    const { runner, logged } = runnerOf({ onError: 'pass', hooks: { mail: broken, helo: () => 'yes' as never } })
    await runner.mail(transaction())
    await runner.helo(session)
    expect(logged).toEqual([
      [
        'plugin plugin-0 failed at mail: broken',
        expect.objectContaining({ place: expect.stringMatching(/runner\.test\.ts:\d+/) }),
      ],
      [
        'plugin plugin-0 failed at helo: it answered no verdict',
        expect.not.objectContaining({ place: expect.anything() }),
      ],
    ])
  })
  it.each([
    ['defer', { kind: 'defer', reply: replies.filterFailed() }],
    ['reject', { kind: 'reject', reply: replies.checkFailed() }],
    ['pass', { kind: 'pass' }],
  ] as const)('means what its entry says: %s', async (onError, verdict) => {
    expect(runnerOf({ onError, hooks: { mail: broken } }).runner.mail(transaction())).toMatchObject(verdict)
    const rejecting = runnerOf({ onError, hooks: { mail: async () => broken() } })
    expect(await rejecting.runner.mail(transaction())).toMatchObject(verdict)
    expect(rejecting.traces).toMatchObject([{ verdict: 'failed', detail: `broken; onError: ${onError}` }])
  })
  it('ends the session with 421 at connect', () => {
    const verdict = runnerOf({ hooks: { connect: broken } }).runner.connect(session)
    expect(verdict).toMatchObject({ kind: 'defer', disconnect: true, reply: { code: 421 } })
  })
  it('is one that answers too late, and is told so by its signal', async () => {
    let reason: unknown
    const { runner, traces } = runnerOf({
      timeout: 5000,
      hooks: {
        mail: (_, signal) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
          })
          return never(signal)
        },
      },
    })
    const verdict = runner.mail(transaction())
    clock.advance(4000)
    expect(traces).toEqual([])
    clock.advance(1100)
    expect(await verdict).toMatchObject({ kind: 'defer' })
    expect(traces).toMatchObject([{ verdict: 'failed', detail: 'no answer within 5000 ms; onError: defer' }])
    expect(reason).toMatchObject({ message: 'no answer within 5000 ms' })
  })
  it.each([
    ['nothing', undefined, 'it answered no verdict'],
    ['another verdict', { kind: 'accept' }, "'accept' is no verdict here"],
    ['an admission outside of rcpt', admit('local'), "'admit' is no verdict here"],
    ['a reject without reply', { kind: 'reject' }, 'the verdict has no reply'],
    ['a reject with 4xx', reject(replies.tryLater('x')), "the reply's code 451 does not fit the verdict"],
    ['a defer with 5xx', defer(replies.blocked('x')), "the reply's code 550 does not fit the verdict"],
  ])('is one that answers %s', (_, answer, why) => {
    const { runner, traces } = runnerOf({ hooks: { data: () => answer as never } })
    expect(runner.data(transaction())).toMatchObject({ kind: 'defer' })
    expect(traces[0]!.detail).toBe(`${why}; onError: defer`)
  })
})

describe('rcpt', () => {
  const ask = (address: string, ...parts: Part[]) =>
    runnerOf(...parts).runner.rcpt(transaction(), fakeRecipient(address))

  it('refuses what nobody admitted: unknown users here, relaying elsewhere', () => {
    const hooks: Hooks = { rcpt: () => pass() }
    expect(ask('x@example.com', { hooks })).toMatchObject({ kind: 'reject', reply: { code: 550, enhanced: '5.1.1' } })
    expect(ask('x@example.net', { hooks })).toMatchObject({ kind: 'reject', reply: { code: 550, enhanced: '5.7.1' } })
    expect(ask('x@example.net')).toMatchObject({ kind: 'reject', reply: { code: 550, enhanced: '5.7.1' } })
    expect(ask('postmaster')).toMatchObject({ kind: 'reject', reply: { code: 550, enhanced: '5.1.1' } })
  })
  it('counts a local admission for our domains only, a relay one for others only', async () => {
    const local: Part = { hooks: { rcpt: async () => admit('local') } }
    const relay: Part = { hooks: { rcpt: () => admit('relay') } }
    expect(await ask('ana@example.com', local)).toMatchObject({ kind: 'accept', as: 'local' })
    expect(ask('ana@example.com', relay)).toMatchObject({ reply: { enhanced: '5.1.1' } })
    expect(ask('x@example.net', relay)).toMatchObject({ kind: 'accept', as: 'relay' })
    expect(await ask('x@example.net', local)).toMatchObject({ reply: { enhanced: '5.7.1' } })
    expect(await ask('x@example.net', local, relay)).toMatchObject({ kind: 'accept', as: 'relay' })
  })
  it('asks all plugins: a later one may refuse whom an earlier one admitted', () => {
    const { runner, asked } = runnerOf({ hooks: { rcpt: () => admit('local') } }, { hooks: { rcpt: () => later } })
    expect(runner.rcpt(transaction(), fakeRecipient('ana@example.com'))).toEqual(later)
    expect(asked()).toEqual(['plugin-0 admit local', 'plugin-1 defer'])
  })
  it('shows a rewritten recipient to those that follow, and gives it back', async () => {
    const rewrite = fakeRecipient('ana.new@example.com').address
    const seen: string[] = []
    const decision = await ask(
      'ana@example.com',
      { hooks: { rcpt: async () => admit('local', { rewrite }) } },
      { hooks: { rcpt: (_, { address }) => pass(String(seen.push(address.local))) } },
    )
    expect(decision).toMatchObject({ kind: 'accept', as: 'local', recipient: { address: { local: 'ana.new' } } })
    expect(seen).toEqual(['ana.new'])
  })
  it('never admits by a failed plugin', () => {
    const failing = { rcpt: () => Promise.reject(new Error('down')) }
    return expect(ask('ana@example.com', { onError: 'pass', hooks: failing })).resolves.toMatchObject({
      kind: 'reject',
    })
  })
})

describe('auth', () => {
  const identity = { account: 'ana', authcid: 'ana', authzid: 'ana', addresses: [] }
  const verify = (...parts: Part[]) => runnerOf(...parts).runner.authVerify('ana', 'secret', session)
  const down: Hooks = { auth: { verify: () => Promise.reject(new Error('down')) } }
  const found: Hooks = { auth: { verify: () => identity } }

  it('takes the first answer other than "not mine"', async () => {
    expect(await verify({ hooks: { auth: { verify: () => null } } }, { hooks: found })).toEqual({
      kind: 'identity',
      identity,
    })
    expect(await verify({ hooks: { auth: { verify: () => 'wrong' } } }, { hooks: found })).toEqual({ kind: 'denied' })
    expect(await verify()).toEqual({ kind: 'denied' })
  })
  it('cannot say when a plugin failed, unless a later one knows and the entry lets it', async () => {
    expect(await verify({ hooks: down }, { hooks: found })).toEqual({ kind: 'unavailable' })
    expect(await verify({ hooks: down, onError: 'pass' }, { hooks: found })).toEqual({ kind: 'identity', identity })
    expect(await verify({ hooks: down, onError: 'pass' })).toEqual({ kind: 'unavailable' })
  })
  it('gives the stored secret of a scheme', async () => {
    const hooks: Hooks = { auth: { secret: (_, scheme) => (scheme === 'A' ? { identity, secret: 's' } : null) } }
    const { runner } = runnerOf({ hooks })
    expect(await runner.authSecret('ana', 'A')).toEqual({ identity, secret: 's' })
    expect(await runner.authSecret('ana', 'B')).toBeNull()
  })
  it('tells the trace neither password nor secret', async () => {
    const { runner, traces } = runnerOf({
      hooks: { auth: { secret: () => ({ identity, secret: 'hush' }), verify: () => identity } },
    })
    await runner.authSecret('ana', 'A')
    await runner.authVerify('ana', 'hush', session)
    expect(JSON.stringify(traces)).not.toContain('hush')
  })
})

describe('message', () => {
  const text = 'Subject: one\nX-A: 1\nX-a: 2\n\nbody\n'
  const run = async (parts: Part[], mail = message(text)) => {
    const host = runnerOf(...parts)
    const decision = await host.runner.message('message', mail)
    return { ...host, decision, text: (await contentBytes(decision.content)).toString() }
  }

  it('shows each plugin what those before it changed, and copies all other octets as they were', async () => {
    const seen: (string | null)[] = []
    const result = await run([
      {
        hooks: {
          message: () => ({ add: [{ name: 'X-B', value: 'b' }], remove: [{ name: 'x-a', where: (v) => v === '1' }] }),
        },
      },
      {
        hooks: {
          message: async ({ header, size, score }) => {
            seen.push(header.get('x-b'), header.get('x-a'), String(size), String(score))
            return { append: [{ name: 'X-C', value: 'c' }], score: 1.5 }
          },
        },
      },
    ])
    expect(result.text).toBe('X-B: b\r\nSubject: one\r\nX-a: 2\r\nX-C: c\r\n\r\nbody\r\n')
    expect(seen).toEqual(['b', '2', '38', '0'])
    expect(result.decision).toMatchObject({ all: null, score: 1.5, quarantine: null })
    expect(result.decision.content.size).toBe(result.text.length)
  })
  it('stops at a verdict for all', async () => {
    const { decision, asked } = await run([
      { hooks: { message: () => ({ all: blocked }) } },
      { hooks: { message: () => ({}) } },
    ])
    expect(decision.all).toEqual(blocked)
    expect(asked()).toEqual(['plugin-0 reject'])
  })
  it('keeps the first verdict of each recipient, and stops when each has one', async () => {
    const per = (entries: [number, never][]) => ({ hooks: { message: () => ({ perRecipient: new Map(entries) }) } })
    const { decision, asked } = await run(
      [
        per([[0, discard() as never]]),
        per([
          [0, blocked as never],
          [1, later as never],
        ]),
        { hooks: { message: () => ({}) } },
      ],
      message(text, ['ana@example.com', 'paco@example.com']),
    )
    expect(decision.perRecipient).toEqual([discard(), later])
    expect(asked()).toEqual(['plugin-0 per recipient', 'plugin-1 per recipient'])
  })
  it('keeps a quarantined message going, with the first reason', async () => {
    const { decision, traces } = await run([
      { hooks: { message: () => ({ quarantine: 'odd' }) } },
      { hooks: { message: () => ({ quarantine: 'odder', score: 2 }) } },
    ])
    expect(decision).toMatchObject({ all: null, quarantine: 'odd', score: 2 })
    expect(traces[0]).toMatchObject({ verdict: 'quarantine', detail: 'quarantine: odd' })
  })
  it('takes a new body that begins with the empty line, and releases the one it replaces', async () => {
    let released = 0
    const body = (content: string) => ({ ...memoryBody(Buffer.from(content)), release: () => void released++ })
    const { text: out } = await run([
      { hooks: { message: () => ({ body: body('\r\nfirst\r\n') }) } },
      { hooks: { message: async () => ({ body: body('\r\nsecond\r\n') }) } },
    ])
    expect(out).toBe('Subject: one\r\nX-A: 1\r\nX-a: 2\r\n\r\nsecond\r\n')
    expect(released).toBe(1)
    const wrong = await run([{ hooks: { message: () => ({ body: body('no empty line') }) } }])
    expect(wrong.traces[0]).toMatchObject({ verdict: 'failed' })
    expect(wrong.text).toContain('body')
    expect(released).toBe(2)
  })
  it.each([
    ['a misspelt part', { quarantaine: 'x' }],
    ['a bad field name', { add: [{ name: 'X Y', value: '' }] }],
  ])('releases the new body of an answer that fails for %s', async (_, wrong) => {
    let released = 0
    const body = { ...memoryBody(Buffer.from('\r\nx\r\n')), release: () => void released++ }
    await run([{ onError: 'pass', hooks: { message: () => ({ ...wrong, body }) as never } }])
    expect(released).toBe(1)
  })
  it.each([
    ['a field name with a space', { add: [{ name: 'X Y', value: '' }] }, "bad header field name 'X Y'"],
    ['one field where a list belongs', { add: { name: 'X', value: '' } }, 'add is no list of header fields'],
    ['a name where a removal belongs', { remove: ['Subject'] }, 'remove is no list of header fields'],
    ['a recipient that is not there', { perRecipient: new Map([[3, blocked]]) }, 'there is no recipient 3'],
    ['a score that is no number', { score: Number.NaN }, 'the score is no number'],
    ['a body of its own making', { body: Buffer.from('\r\nx') }, 'the new body was not made by SPOOL'],
    ['a quarantine without a reason', { quarantine: true }, 'the quarantine has no reason'],
    ['a detail that is no text', { detail: { a: 1 } }, 'the detail is no text'],
    ['a bare verdict', blocked, "it answered a bare verdict: one for all recipients stands in 'all'"],
    ['a misspelt part', { quarantaine: 'x' }, "'quarantaine' is no part of an answer"],
    ['a refusal with half a code', { all: reject({ code: 550.5, enhanced: null, text: '' }) }, '550.5 does not fit'],
    [
      'a refusal with another class',
      { all: reject({ code: 550, enhanced: '4.7.1', text: '' }) },
      "'4.7.1' is no enhanced",
    ],
    ['nothing', undefined, 'it answered no object'],
  ])('counts %s as a failure, says why, and changes nothing', async (_, answer, why) => {
    const { decision, traces, text: out } = await run([{ onError: 'pass', hooks: { message: () => answer as never } }])
    expect(traces[0]!.verdict).toBe('failed')
    expect(traces[0]!.detail).toContain(why)
    expect(decision.all).toBeNull()
    expect(out).toBe(text.replace(/\n/g, '\r\n'))
  })
  it('cannot be made to inject a header line', async () => {
    const { text: out } = await run([{ hooks: { message: () => ({ add: [{ name: 'X-B', value: 'b\r\nBcc: x' }] }) } }])
    expect(out).toMatch(/^X-B: b Bcc: x\r\nSubject/)
  })
  it('encodes what is not ASCII, but in a message with SMTPUTF8', async () => {
    const parts = [{ hooks: { message: () => ({ add: [{ name: 'X-B', value: 'naïve' }] }) } }]
    expect((await run(parts)).text).toMatch(/^X-B: =\?UTF-8\?B\?bmHDr3Zl\?=\r\nSubject/)
    const mail = message(text)
    const utf8 = { ...mail, parameters: { ...mail.parameters, smtputf8: true } }
    expect((await run(parts, utf8)).text).toMatch(/^X-B: naïve\r\nSubject/)
  })
  it('gives all hooks of one message 120 s together', async () => {
    const slow: Part = { timeout: 100_000, onError: 'pass', hooks: { message: (_, signal) => never(signal) } }
    const host = runnerOf(slow, slow, { onError: 'pass', hooks: { message: () => ({}) } })
    const decision = host.runner.message('message', message(text))
    for (let i = 0; i < 3; i++) {
      clock.advance(100_200)
      await Promise.resolve().then(() => {})
      await new Promise(setImmediate)
    }
    expect(await decision).toMatchObject({ all: null })
    expect(host.traces.map(({ detail }) => detail)).toEqual([
      'no answer within 100000 ms; onError: pass',
      'no answer within 19800 ms; onError: pass',
      'no time left for it; onError: pass',
    ])
  })
})

describe('dispatch', () => {
  const recipient = fakeQueuedRecipient('ana@example.com')
  const queued = fakeQueued({}, clock)
  const into = [{ address: recipient.address, reversePath: null, notify: [], orcpt: null }]

  it('takes the first expansion and the first route', async () => {
    const { runner } = runnerOf(
      { hooks: { expand: () => null, route: () => null } },
      { hooks: { expand: async () => into, route: () => ({ courier: 'local', destination: 'x' }) } },
    )
    expect(await runner.expand(recipient, queued)).toBe(into)
    expect(await runner.route(recipient, queued)).toEqual({ courier: 'local', destination: 'x' })
    expect(await runnerOf().runner.route(recipient, queued)).toBeNull()
  })
  const evil = { local: 'a>\r\nRCPT TO:<b', domain: 'example.net', original: 'a' }
  it.each([
    ['an address with a line end', [{ ...into[0], address: evil }], 'a recipient has no address'],
    ['an address as text', ['ana@example.com'], 'a recipient has no address'],
    ['no reverse-path', [{ address: recipient.address, notify: [], orcpt: null }], 'reversePath is no address or null'],
    ['no wishes', [{ address: recipient.address, reversePath: null, orcpt: null }], 'notify is no list'],
    ['nothing', undefined, 'it answered no list of recipients'],
  ])('defers when an expansion has %s', async (_, answer, why) => {
    const { runner } = runnerOf({ name: 'broken', hooks: { expand: () => answer as never } })
    const asked = (async () => await runner.expand(recipient, queued))()
    await expect(asked).rejects.toMatchObject({ kind: 'temporary', detail: expect.stringContaining(why) })
  })
  it.each([
    ['nothing for a recipient', [], 'gave no outcome'],
    [
      'an outcome for somebody else',
      [{ n: 7, kind: 'delivered', reply: replies.ok(), relay: null }],
      'gave no outcome',
    ],
    ['an unknown outcome', [{ n: 0, kind: 'done', reply: replies.ok(), relay: null }], "the unknown outcome 'done'"],
    ['an outcome without a reply', [{ n: 0, kind: 'delivered', relay: null }], "'delivered' without a fitting reply"],
    [
      'a delivery with a refusal',
      [{ n: 0, kind: 'relayed', reply: replies.userUnknown('x'), relay: null }],
      "'relayed' without a fitting reply",
    ],
    [
      'two outcomes',
      ['delivered', 'failed'].map((kind) => ({ n: 0, kind, reply: replies.ok(), relay: null })),
      'gave several outcomes',
    ],
  ])('defers a recipient when its courier gave %s', async (_, answer, why) => {
    const couriers = { van: { deliver: async () => answer as never } }
    const { runner, logged } = runnerOf({ name: 'van', hooks: { couriers } })
    const nextHop = { courier: 'van', destination: 'x' }
    const { content } = message('Subject: one\n\nbody\n')
    const attempt = { message: queued, nextHop, recipients: [recipient], number: 1, content }
    const outcomes = await runner.courier('van')!.deliver(attempt, AbortSignal.any([]))
    expect(outcomes).toEqual([
      { n: 0, kind: 'deferred', reply: replies.internalError(), relay: null, detail: expect.stringContaining(why) },
    ])
    expect(logged).toEqual([[expect.stringContaining(why), { qid: queued.queueId }]])
  })
  it('defers when a plugin failed, even with onError: pass', async () => {
    const down = () => Promise.reject(new Error('down'))
    const { runner } = runnerOf({ name: 'broken', onError: 'pass', hooks: { expand: down, route: down } })
    await expect(runner.expand(recipient, queued)).rejects.toMatchObject({
      kind: 'temporary',
      detail: 'plugin broken: down',
    })
    expect(await runner.route(recipient, queued)).toMatchObject({ kind: 'defer', detail: 'plugin broken: down' })
  })
  it('keeps the couriers of a second instance apart, and routes it to its own', async () => {
    const hooks = (): Hooks => ({
      route: () => ({ courier: 'smarthost', destination: 'x' }),
      couriers: { smarthost: { deliver: async () => [] } },
    })
    const { runner } = runnerOf(
      { name: 'backup', use: 'smarthost', hooks: hooks() },
      { name: 'smarthost', hooks: hooks() },
    )
    expect(await runner.route(recipient, queued)).toEqual({ courier: 'backup.smarthost', destination: 'x' })
    expect(runner.courier('backup.smarthost')).not.toBe(runner.courier('smarthost'))
    expect(runner.courier('nobody')).toBeNull()
  })
})

it('tells all observers, and says once that one failed', () => {
  const events: string[] = []
  const { runner } = runnerOf(
    { hooks: { observe: () => Promise.reject(new Error('x')) as never } },
    {
      hooks: {
        observe() {
          throw new Error('broken')
        },
      },
    },
    { hooks: { observe: ({ event }) => void events.push(event) } },
  )
  runner.observe({ time: 0, event: 'queued' })
  expect(events).toEqual(['queued'])
})

it('hands notes from one hook to the next, typed by token', () => {
  const SEEN = token<number>('seen')
  const values: (number | undefined)[] = []
  const { runner } = runnerOf(
    { hooks: { connect: (s) => pass(String(s.notes.set(SEEN, 7))) } },
    { hooks: { helo: (s) => pass(String(values.push(s.notes.get(SEEN)))) } },
  )
  const one = fakeSession({}, site, clock)
  void runner.connect(one)
  void runner.helo(one)
  expect(values).toEqual([7])
})
