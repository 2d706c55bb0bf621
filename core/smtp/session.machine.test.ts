// The chart alone: from every state, every event leads where RFC 5321 wants it, and every state is reached.
import { describe, expect, test } from 'vitest'
import { initialTransition, transition } from 'xstate'
import {
  type SessionEvent,
  type SessionState,
  type Standing,
  sessionLogic,
  sessionMachine,
  stateFacts,
} from './session.machine.ts'

/** Where a list of events leads; `command.refused` tells that the session stands at `standing`. */
function walk(standing: Standing, events: readonly SessionEvent['type'][]): SessionState {
  let [snapshot] = initialTransition(sessionMachine)
  for (const type of events) {
    const event: SessionEvent = type === 'command.refused' ? { type, standing } : { type }
    const before = snapshot
    ;[snapshot] = transition(sessionMachine, before, event)
    // the logic that actors run looks up what the machine works out
    expect(sessionLogic.transition(before, event, {} as never).value).toEqual(snapshot.value)
    expect(sessionLogic.transition(before, event, {} as never).value).toEqual(snapshot.value)
  }
  return snapshot.value as SessionState
}

const START = ['connect.admitted'] as const
const READY = [...START, 'hello.accepted'] as const
const MAIL = [...READY, 'mail.accepted'] as const
const RECIPIENTS = [...MAIL, 'rcpt.accepted'] as const
const CHUNKING = [...RECIPIENTS, 'bdat.expected', 'chunk.received'] as const

const paths: readonly [SessionState, Standing, readonly SessionEvent['type'][]][] = [
  ['connecting', 'start', []],
  ['refusing', 'start', ['connect.refused']],
  ['start', 'start', START],
  ['asking', 'start', [...START, 'smtp.ehlo']],
  ['start', 'start', [...START, 'smtp.ehlo', 'hello.refused']],
  ['start', 'start', [...START, 'smtp.bdat', 'bdat.expected', 'command.refused']],
  ['ready', 'ready', [...START, 'smtp.ehlo', 'hello.accepted']],
  ['ready', 'ready', READY],
  ['start', 'start', [...READY, 'hello.refused']],
  ['startingTls', 'ready', [...READY, 'starttls.accepted']],
  ['start', 'start', [...READY, 'starttls.accepted', 'tls.started']],
  ['authenticating', 'ready', [...READY, 'auth.challenged']],
  ['authenticating', 'ready', [...READY, 'auth.challenged', 'auth.challenged']],
  ['asking', 'ready', [...READY, 'auth.challenged', 'smtp.response']],
  ['ready', 'ready', [...READY, 'auth.challenged', 'smtp.response', 'auth.accepted']],
  ['ready', 'ready', [...READY, 'auth.challenged', 'command.refused']],
  ['ready', 'ready', [...READY, 'smtp.auth', 'command.refused']],
  ['mail', 'mail', [...READY, 'smtp.mail', 'mail.accepted']],
  ['ready', 'ready', [...READY, 'smtp.mail', 'command.refused']],
  ['mail', 'mail', MAIL],
  ['mail', 'mail', [...MAIL, 'smtp.rcpt', 'command.refused']],
  ['ready', 'ready', [...MAIL, 'transaction.reset']],
  ['recipients', 'recipients', RECIPIENTS],
  ['recipients', 'recipients', [...RECIPIENTS, 'rcpt.accepted']],
  ['recipients', 'recipients', [...RECIPIENTS, 'smtp.rcpt', 'command.refused']],
  ['ready', 'ready', [...RECIPIENTS, 'transaction.reset']],
  ['ready', 'ready', [...RECIPIENTS, 'hello.accepted']],
  ['receivingData', 'recipients', [...RECIPIENTS, 'data.accepted']],
  ['receivingData', 'recipients', [...RECIPIENTS, 'smtp.data', 'data.accepted']],
  ['ready', 'ready', [...RECIPIENTS, 'data.accepted', 'message.refused']],
  ['committing', 'recipients', [...RECIPIENTS, 'data.accepted', 'message.received']],
  ['ready', 'ready', [...RECIPIENTS, 'data.accepted', 'message.received', 'message.answered']],
  ['receivingChunk', 'recipients', [...RECIPIENTS, 'bdat.expected']],
  ['chunking', 'chunking', CHUNKING],
  ['receivingChunk', 'chunking', [...CHUNKING, 'bdat.expected']],
  ['committing', 'chunking', [...CHUNKING, 'bdat.expected', 'message.received']],
  ['chunking', 'chunking', [...CHUNKING, 'bdat.expected', 'command.refused']],
  ['recipients', 'recipients', [...RECIPIENTS, 'bdat.expected', 'command.refused']],
  ['mail', 'mail', [...MAIL, 'bdat.expected', 'command.refused']],
  ['ready', 'ready', [...CHUNKING, 'transaction.reset']],
  ['closing', 'ready', [...READY, 'session.goodbye']],
  ['closed', 'ready', [...READY, 'session.goodbye', 'net.closed']],
]

describe('paths', () => {
  test.each(paths)('%s', (state, standing, events) => expect(walk(standing, events)).toBe(state))

  test('reach every state', () =>
    expect(new Set(paths.map(([state]) => state))).toEqual(new Set(Object.keys(sessionMachine.states))))
})

test('from every state the session can end, and a lost connection is the end', () => {
  for (const [state, standing, events] of paths) {
    expect(walk(standing, [...events, 'net.closed']), state).toBe('closed')
    if (state !== 'closed') expect(walk(standing, [...events, 'session.goodbye']), state).toBe('closing')
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
