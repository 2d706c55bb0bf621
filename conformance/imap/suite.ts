// What the IMAP cases share: their states, the mailboxes made for them, and how a session ends.
import { randomBytes } from 'node:crypto'
import { Blocked, check, Skipped, visible } from '../judgement.ts'
import type { Case, CaseFacts, Context, Needs, Suite, Target } from '../types.ts'
import { Imap, quoted, type Result } from './client.ts'
import { CORPUS } from './corpus.ts'

/**
 * `connected`: nothing read. `greeted`: greeting read, capabilities known, TLS as the target says. `authenticated`: logged in.
 * `selected`: a mailbox of the case's own with CORPUS in it is selected. `examined`: one with CORPUS that all cases share is
 * opened by EXAMINE. In both, UIDs are not the message numbers. Where a case needs IMAP4rev2, or what only that has, and the
 * server also has IMAP4rev1, it is enabled before the mailbox is opened.
 */
const STATES = ['connected', 'greeted', 'authenticated', 'selected', 'examined'] as const
type State = (typeof STATES)[number]

export interface ImapCase extends Case<Imap> {
  readonly state: State
}

/** What cases need that log in and look, and those that make mailboxes of their own. */
export const ACCOUNT: Needs = { account: true }
export const MAILBOX: Needs = { account: true, consent: ['mailbox'] }

/** `MAILBOX` and capabilities. */
export const withCapabilities = (...capabilities: readonly string[]): Needs => ({ ...MAILBOX, capabilities })

/** A topic's own way to write a case: `topic/slug`, a MUST with a polite ending unless `more` says otherwise. */
export const casesOf =
  (topic: string, defaults: Pick<ImapCase, 'state' | 'needs'>) =>
  (
    slug: string,
    rfc: string,
    requirement: string,
    run: (c: Imap) => Promise<void>,
    more: Partial<Pick<ImapCase, 'state' | 'needs' | 'level' | 'ending'>> = {},
  ): ImapCase => ({ level: 'must', ...defaults, ...more, id: `imap/${topic}/${slug}`, rfc, requirement, run })

/** What is there without logging in. */
export const NOTHING: Needs = {}

export const imapSuite = (cases: readonly ImapCase[]): Suite<Imap> => ({
  name: 'imap',
  description: 'a server that gives access to mailboxes (RFC 3501, RFC 9051)',
  port: { plain: 143, tls: 993 },
  // all cases work in one account, whose INBOX and subscriptions are but one
  alone: true,
  cases,
  before,
  after,
  connect,
  finish,
})

/** What one run has made on the server. */
interface Run {
  /** All names begin with it; the personal namespace's prefix, if one is needed, is in it. */
  readonly root: string
  /** Between the parts of a name; null when names are flat. */
  readonly separator: string | null
  /** The mailbox of the state `examined`. */
  readonly shared: string
  made: number
  /** What `made` was when the mailboxes of cases were removed last. */
  swept: number
}

const runs = new WeakMap<Target, Run | Error>()
const contexts = new WeakMap<Imap, Context>()

const makesMailboxes = ({ needs }: CaseFacts): boolean => needs?.consent?.includes('mailbox') ?? false

/** Finds out where mailboxes can be made, and makes the shared one. What goes wrong blocks only the cases that need mailboxes. */
async function before(context: Context, selected: readonly CaseFacts[]): Promise<void> {
  if (!selected.some(makesMailboxes)) return
  try {
    runs.set(context.target, await prepare(context, selected))
  } catch (thrown) {
    runs.set(context.target, thrown as Error)
  }
}

async function prepare(context: Context, selected: readonly CaseFacts[]): Promise<Run> {
  const c = await loggedIn(context)
  const separator = (await c.must('LIST "" ""')).untagged.find(({ name }) => name === 'LIST')?.values[1]
  const delimiter = separator === undefined || separator.kind === 'nil' ? null : separator.text
  const name = `conformance-${randomBytes(4).toString('hex')}`
  const prefixes = ['', ...(delimiter === null ? [] : [`INBOX${delimiter}`])]
  for (const prefix of prefixes) {
    const root = `${prefix}${name}`
    const shared = `${root}-shared`
    const { status } = await c.send(`CREATE ${quoted(shared)}`)
    if (status !== 'OK') continue
    if (selected.some(({ state }) => state === 'examined')) {
      await raiseUids(c, shared)
      await fill(c, shared)
    }
    await end(c)
    return { root, separator: delimiter, shared, made: 0, swept: 0 }
  }
  throw new Blocked(
    `the server makes no mailbox named ${prefixes.map((prefix) => `${prefix}${name}-shared`).join(' or ')}`,
  )
}

/** Takes away all mailboxes and subscriptions of the run. */
async function after(context: Context): Promise<void> {
  const run = runs.get(context.target)
  if (run === undefined || run instanceof Error) return
  const c = await loggedIn(context)
  for (const name of await namesOf(c, run, 'LIST')) await c.send(`DELETE ${quoted(name)}`)
  for (const name of await namesOf(c, run, 'LSUB')) await c.send(`UNSUBSCRIBE ${quoted(name)}`)
  await end(c)
}

/** Takes away what the case before has made, so that a server never holds more than one case's mailboxes. */
async function sweep(context: Context): Promise<void> {
  const run = runs.get(context.target)
  if (run === undefined || run instanceof Error || run.swept === run.made) return
  const c = await loggedIn(context)
  const { made } = run
  for (const name of await namesOf(c, run, 'LIST')) if (name !== run.shared) await c.send(`DELETE ${quoted(name)}`)
  run.swept = made
  await end(c)
}

/** Names of the run, children first. */
async function namesOf(c: Imap, { root }: Run, command: 'LIST' | 'LSUB'): Promise<string[]> {
  const { untagged } = await c.send(`${command} "" ${quoted(`${root}*`)}`)
  return untagged
    .filter(({ name }) => name === command)
    .map(({ values }) => values[2]?.text ?? '')
    .filter((name) => name.startsWith(root))
    .sort((a, b) => b.length - a.length)
}

async function end(c: Imap): Promise<void> {
  await c.send('LOGOUT')
  c.wire.destroy()
}

async function greeted(context: Context): Promise<Imap> {
  const c = new Imap(await context.open())
  contexts.set(c, context)
  c.greeting = await c.response('the connection')
  if (c.greeting.name !== 'OK') throw new Blocked(`the greeting is "${visible(c.greeting.raw)}"`)
  if (context.target.tls === 'starttls') {
    await c.must('STARTTLS')
    await c.wire.startTls()
    c.capabilities = null
  }
  if (c.capabilities === null) await c.capability()
  return c
}

async function loggedIn(context: Context): Promise<Imap> {
  const c = await greeted(context)
  await c.login()
  return c
}

async function connect(context: Context, one: CaseFacts): Promise<Imap> {
  if (one.state === 'connected') {
    const raw = new Imap(await context.open())
    contexts.set(raw, context)
    return raw
  }
  const wanted = one.needs?.capabilities ?? []
  if (wanted.includes('STARTTLS') && context.target.tls !== 'none') throw new Skipped('the connection has TLS already')
  if (one.state === 'greeted') {
    const c = await greeted(context)
    c.need(...wanted)
    return c
  }
  if (makesMailboxes(one)) runOf(context.target)
  const c = await loggedIn(context)
  await c.enableFor(wanted)
  c.need(...wanted)
  if (one.state === 'examined') {
    c.mailbox = runOf(context.target).shared
    c.selected = await c.must(`EXAMINE ${quoted(c.mailbox)}`)
  }
  if (one.state === 'selected') {
    c.mailbox = await freshMailbox(c)
    await raiseUids(c, c.mailbox)
    await fill(c, c.mailbox)
    c.selected = await c.must(`SELECT ${quoted(c.mailbox)}`)
  }
  return c
}

function runOf(target: Target): Run {
  const run = runs.get(target)
  if (run === undefined) throw new Blocked('the suite has made no mailboxes')
  if (run instanceof Error) throw new Blocked(`set-up: ${run.message}`)
  return run
}

/** A name that no mailbox has, which the suite removes at the end of the run, as those of its children. */
export function freshName(c: Imap, word = 'm'): string {
  const run = runOf(contextOf(c).target)
  return `${run.root}-${++run.made}-${word}`
}

/** A new empty mailbox; its name. */
export async function freshMailbox(c: Imap, word = 'm'): Promise<string> {
  const name = freshName(c, word)
  await c.must(`CREATE ${quoted(name)}`)
  return name
}

/** Appends CORPUS to a mailbox. */
export async function fill(c: Imap, mailbox: string): Promise<void> {
  for (const { text, flags, date } of CORPUS) await c.append(mailbox, text, flags, date)
}

/** A message comes to a new mailbox and goes, so that UIDs are not message numbers, and who confuses the two is seen. */
async function raiseUids(c: Imap, mailbox: string): Promise<void> {
  await c.append(mailbox, 'Subject: Soon gone\r\n\r\n')
  await c.must(`SELECT ${quoted(mailbox)}`)
  await c.must('STORE 1 +FLAGS.SILENT (\\Deleted)')
  await c.must('CLOSE')
}

/** The hierarchy separator of the names that freshName gives; throws Skipped when names are flat. */
export function separatorOf(c: Imap): string {
  const { separator } = runOf(contextOf(c).target)
  if (separator === null) throw new Skipped('the server has no hierarchy of names')
  return separator
}

/** Another session of the same account, logged in, in the same case. */
export async function again(c: Imap): Promise<Imap> {
  return loggedIn(contextOf(c))
}

/** Another connection in the same case, greeted. */
export async function anew(c: Imap): Promise<Imap> {
  return greeted(contextOf(c))
}

/** Another session that has the same mailbox selected. */
export async function alongside(c: Imap): Promise<Imap> {
  const other = await again(c)
  other.mailbox = c.mailbox
  other.selected = await other.must(`SELECT ${quoted(c.mailbox)}`)
  return other
}

function contextOf(c: Imap): Context {
  const context = contexts.get(c)
  if (!context) throw new Blocked('this connection was not opened by the suite')
  return context
}

/** LOGOUT as RFC 3501 §6.1.3 says: BYE, then OK, then the server closes. */
async function finish(c: Imap): Promise<void> {
  check(!c.wire.over, 'the session to be open still', 'a closed connection')
  const result: Result = await c.ok('LOGOUT')
  check(
    result.untagged.some(({ name }) => name === 'BYE'),
    'an untagged BYE before the answer to LOGOUT',
    `"${visible(result.raw)}" alone`,
  )
  await c.wire.closed('the server to close the connection after LOGOUT')
  check(c.wire.bareLines === 0, 'lines that end in CR LF', `${c.wire.bareLines} that end in a bare LF`)
  // what goes wrong here says nothing about the case
  await sweep(contextOf(c)).catch(() => {})
}
