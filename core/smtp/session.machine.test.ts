// The chart alone: from every state, every event leads where RFC 5321 wants it, and every state is reached.
import { describe, expect, test } from 'vitest'
import { initialTransition, transition } from 'xstate'
import {
  type ChartedSession,
  type SessionEvent,
  type SessionState,
  sessionMachine,
  stateFacts,
} from './session.machine.ts'

const nothing: ChartedSession = { greeted: false, inTransaction: false, hasRecipients: false, hasChunks: false }
const greeted: ChartedSession = { ...nothing, greeted: true }
const inMail: ChartedSession = { ...greeted, inTransaction: true }
const withRecipients: ChartedSession = { ...inMail, hasRecipients: true }
const withChunks: ChartedSession = { ...withRecipients, hasChunks: true }

/** Where a list of events leads. */
function walk(session: ChartedSession, events: readonly SessionEvent['type'][]): SessionState {
  let [snapshot] = initialTransition(sessionMachine, session)
  for (const type of events) [snapshot] = transition(sessionMachine, snapshot, { type })
  return snapshot.value as SessionState
}

const START = ['connect.admitted'] as const
const READY = [...START, 'hello.accepted'] as const
const MAIL = [...READY, 'mail.accepted'] as const
const RECIPIENTS = [...MAIL, 'rcpt.accepted'] as const
const CHUNKING = [...RECIPIENTS, 'bdat.expected', 'chunk.received'] as const

const paths: readonly [SessionState, ChartedSession, readonly SessionEvent['type'][]][] = [
  ['connecting', nothing, []],
  ['refusing', nothing, ['connect.refused']],
  ['start', nothing, START],
  ['asking', nothing, [...START, 'smtp.ehlo']],
  ['start', nothing, [...START, 'smtp.ehlo', 'hello.refused']],
  ['start', nothing, [...START, 'smtp.bdat', 'bdat.expected', 'command.refused']],
  ['ready', greeted, [...START, 'smtp.ehlo', 'hello.accepted']],
  ['ready', greeted, READY],
  ['start', nothing, [...READY, 'hello.refused']],
  ['startingTls', greeted, [...READY, 'starttls.accepted']],
  ['start', nothing, [...READY, 'starttls.accepted', 'tls.started']],
  ['authenticating', greeted, [...READY, 'auth.challenged']],
  ['authenticating', greeted, [...READY, 'auth.challenged', 'auth.challenged']],
  ['asking', greeted, [...READY, 'auth.challenged', 'smtp.response']],
  ['ready', greeted, [...READY, 'auth.challenged', 'smtp.response', 'auth.accepted']],
  ['ready', greeted, [...READY, 'auth.challenged', 'command.refused']],
  ['ready', greeted, [...READY, 'smtp.auth', 'command.refused']],
  ['mail', inMail, [...READY, 'smtp.mail', 'mail.accepted']],
  ['ready', greeted, [...READY, 'smtp.mail', 'command.refused']],
  ['mail', inMail, MAIL],
  ['mail', inMail, [...MAIL, 'smtp.rcpt', 'command.refused']],
  ['ready', greeted, [...MAIL, 'transaction.reset']],
  ['recipients', withRecipients, RECIPIENTS],
  ['recipients', withRecipients, [...RECIPIENTS, 'rcpt.accepted']],
  ['recipients', withRecipients, [...RECIPIENTS, 'smtp.rcpt', 'command.refused']],
  ['ready', greeted, [...RECIPIENTS, 'transaction.reset']],
  ['ready', greeted, [...RECIPIENTS, 'hello.accepted']],
  ['receivingData', withRecipients, [...RECIPIENTS, 'data.accepted']],
  ['receivingData', withRecipients, [...RECIPIENTS, 'smtp.data', 'data.accepted']],
  ['ready', greeted, [...RECIPIENTS, 'data.accepted', 'message.refused']],
  ['committing', withRecipients, [...RECIPIENTS, 'data.accepted', 'message.received']],
  ['ready', greeted, [...RECIPIENTS, 'data.accepted', 'message.received', 'message.answered']],
  ['receivingChunk', withRecipients, [...RECIPIENTS, 'bdat.expected']],
  ['chunking', withChunks, CHUNKING],
  ['receivingChunk', withChunks, [...CHUNKING, 'bdat.expected']],
  ['committing', withChunks, [...CHUNKING, 'bdat.expected', 'message.received']],
  ['chunking', withChunks, [...CHUNKING, 'bdat.expected', 'command.refused']],
  ['recipients', withRecipients, [...RECIPIENTS, 'bdat.expected', 'command.refused']],
  ['mail', inMail, [...MAIL, 'bdat.expected', 'command.refused']],
  ['ready', greeted, [...CHUNKING, 'transaction.reset']],
  ['closing', greeted, [...READY, 'session.goodbye']],
  ['closed', greeted, [...READY, 'session.goodbye', 'net.closed']],
]

describe('paths', () => {
  test.each(paths)('%s', (state, session, events) => expect(walk(session, events)).toBe(state))

  test('reach every state', () =>
    expect(new Set(paths.map(([state]) => state))).toEqual(new Set(Object.keys(sessionMachine.states))))
})

test('from every state the session can end, and a lost connection is the end', () => {
  for (const [state, session, events] of paths) {
    expect(walk(session, [...events, 'net.closed']), state).toBe('closed')
    if (state !== 'closed') expect(walk(session, [...events, 'session.goodbye']), state).toBe('closing')
  }
})

describe('which command is taken where (RFC 5321 §4.1.4)', () => {
  const courtesies = ['noop', 'rset', 'vrfy', 'expn', 'help', 'etrn', 'quit', 'bdat', 'ehlo', 'helo', 'lhlo']
  const expected: { readonly [state: string]: readonly string[] } = {
    connecting: [],
    start: courtesies,
    ready: [...courtesies, 'starttls', 'auth', 'mail'],
    mail: [...courtesies, 'rcpt', 'data'],
    recipients: [...courtesies, 'rcpt', 'data'],
    chunking: courtesies,
    asking: [],
    authenticating: ['response'],
    startingTls: [],
    receivingData: [],
    receivingChunk: [],
    committing: [],
    refusing: ['quit'],
    closing: [],
    closed: [],
  }
  test.each(Object.entries(expected))('%s', (state, verbs) =>
    expect([...stateFacts[state as SessionState].takes].sort()).toEqual(verbs.map((verb) => `smtp.${verb}`).sort()),
  )
})

test('every state but the last has a time-out, five minutes where a command is awaited (RFC 5321 §4.5.3.2.7)', () => {
  for (const [state, { timeoutMs, input }] of Object.entries(stateFacts)) {
    if (state === 'closed') continue
    expect(timeoutMs, state).toBeGreaterThan(0)
    if (input !== null) expect(timeoutMs, state).toBeGreaterThanOrEqual(300_000)
  }
})
