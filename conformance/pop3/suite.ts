// What the POP3 cases share: their states, the fixtures in the maildrop, and how a session ends.
import { feed } from '../feed.ts'
import { Blocked, check, Skipped } from '../judgement.ts'
import type { Case, CaseFacts, Context, Suite } from '../types.ts'
import { Pop3 } from './client.ts'

/** `bare`: a connection without TLS, whatever the target says; `connected`: nothing read; `authorization`: greeted, CAPA asked, TLS as the target says; `transaction`: logged in by USER and PASS. */
const STATES = ['bare', 'connected', 'authorization', 'transaction'] as const

export interface Pop3Case extends Case<Pop3> {
  readonly state: (typeof STATES)[number]
}

/** Bodies with what transparency and TOP are about. */
export const FIXTURES: { readonly [name: string]: readonly string[] } = {
  dots: ['.', '..', '.x', 'no dot', '.', ''],
  lines: ['one', 'two', 'three', 'four', 'five'],
  eight: ['gr\xc3\xbc\xc3\x9fe'],
}
/** Messages for the cases that remove some. */
const SPARE = 6
const SUBJECT = 'Subject: Conformance fixture'
/** How often the maildrop is looked at for what was handed in. */
const LOOKS = 40
const LOOK_EVERY_MS = 250

export const pop3Suite = (cases: readonly Pop3Case[]): Suite<Pop3> => ({
  name: 'pop3',
  description: 'a server that gives mail out of a maildrop (RFC 1939)',
  port: { plain: 110, tls: 995 },
  alone: true,
  cases,
  before,
  after,
  connect,
  finish,
})

/** Hands the fixtures in, when there is a feed and a case needs messages; without a feed, what lies there must do. */
async function before(context: Context, selected: readonly CaseFacts[]): Promise<void> {
  const { feed: url, rcpt } = context.target
  if (url === null || rcpt === null || !selected.some(({ needs }) => needs?.messages)) return
  const had = await count(context)
  const texts = [
    ...Object.entries(FIXTURES).map(([name, body]) => fixtureText(context, name, body)),
    ...Array.from({ length: SPARE }, (_, i) => fixtureText(context, `spare${i}`, ['spare', String(i)])),
  ]
  await feed(context, texts)
  for (let looks = 0; looks < LOOKS; looks++) {
    if ((await count(context)) >= had + texts.length) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  throw new Blocked('the messages that were handed in did not come to the maildrop')
}

/** Removes what `before` and the cases handed in, where the owner allows changes. */
async function after(context: Context): Promise<void> {
  if (context.target.feed === null || !context.target.consent.includes('mailbox')) return
  const p = await open(context)
  await p.login()
  const { count: all } = await p.stat()
  for (let number = 1; number <= all; number++)
    if ((await p.multi(`RETR ${number}`)).some((line) => line.startsWith(SUBJECT))) await p.send(`DELE ${number}`)
  await p.send('QUIT')
}

async function count(context: Context): Promise<number> {
  const p = await open(context)
  await p.login()
  const found = await p.stat()
  await p.send('QUIT')
  p.wire.destroy()
  return found.count
}

export const fixtureText = ({ target }: Context, name: string, body: readonly string[]): string =>
  [
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `From: <${target.from}>`,
    `To: <${target.rcpt}>`,
    `Message-ID: <${name}.${Date.now()}@${target.helo}>`,
    `${SUBJECT} ${name}`,
    '',
    ...body,
    '',
  ].join('\r\n')

async function open(context: Context): Promise<Pop3> {
  const p = new Pop3(await context.open())
  p.greeting = (await p.response('the connection', '+OK')).text
  await p.capa()
  if (context.target.tls === 'starttls') {
    await p.send('STLS', '+OK')
    await p.wire.startTls()
    await p.capa()
  }
  return p
}

/** What belongs to the case of this connection: its context, and how another connection is opened, not logged in. */
export function beside(p: Pop3): { readonly context: Context; open(): Promise<Pop3> } {
  const context = contexts.get(p)
  if (!context) throw new Blocked('this connection was not opened by the suite')
  return { context, open: () => open(context) }
}

/** Another session of the same account, logged in; a maildrop that is in use still is waited for. */
export async function again(p: Pop3): Promise<Pop3> {
  for (let looks = 1; ; looks++) {
    const other = await beside(p).open()
    try {
      await other.login()
      return other
    } catch (thrown) {
      other.wire.destroy()
      if (looks >= LOOKS) throw thrown
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
}

const contexts = new WeakMap<Pop3, Context>()

async function connect(context: Context, one: CaseFacts): Promise<Pop3> {
  if (one.state === 'connected' || one.state === 'bare') {
    const raw = new Pop3(await context.open(one.state === 'bare' ? 'none' : undefined))
    contexts.set(raw, context)
    return raw
  }
  if (one.needs?.capabilities?.includes('STLS') && context.target.tls !== 'none')
    throw new Skipped('the connection has TLS already')
  const p = await open(context)
  contexts.set(p, context)
  p.need(...(one.needs?.capabilities ?? []))
  if (one.state !== 'transaction') return p
  await p.login()
  const wanted = one.needs?.messages ?? 0
  const has = wanted > 0 ? (await p.stat()).count : 0
  if (has < wanted) throw new Blocked(`needs ${wanted} messages in the maildrop; it has ${has} (--feed hands some in)`)
  return p
}

async function finish(p: Pop3): Promise<void> {
  check(!p.wire.over, 'the session to be open still', 'a closed connection')
  const waiting = p.wire.waiting()
  check(waiting === '', 'no response that nothing asked for', JSON.stringify(waiting.slice(0, 200)))
  await p.send('QUIT', '+OK')
  await p.wire.closed('the server to close the connection after QUIT')
}
