// The chart alone: from every state, every command leads where RFC 1939 wants it, and every state is reached.
import { describe, expect, test } from 'vitest'
import { initialTransition, transition } from 'xstate'
import { type SessionEvent, type SessionState, sessionLogic, sessionMachine, stateFacts } from './session.machine.ts'
import { VERBS, type Verb } from './wire/command.ts'

function walk(events: readonly SessionEvent['type'][]) {
  let [snapshot] = initialTransition(sessionMachine)
  let known = sessionLogic.getInitialSnapshot({} as never, undefined)
  for (const type of events) {
    ;[snapshot] = transition(sessionMachine, snapshot, { type })
    // the logic that actors run looks up what the machine works out
    known = sessionLogic.transition(known, { type }, {} as never)
    expect(known.value).toEqual(snapshot.value)
  }
  return snapshot
}

const LOGIN = ['pop3.user', 'pop3.pass', 'login.accepted'] as const
const PATHS: { readonly [state in SessionState]: readonly SessionEvent['type'][] } = {
  authorization: [],
  loggingIn: ['pop3.pass'],
  authenticating: ['pop3.auth', 'auth.challenged'],
  startingTls: ['pop3.stls', 'stls.accepted'],
  transaction: LOGIN,
  sending: [...LOGIN, 'pop3.retr'],
  updating: [...LOGIN, 'pop3.quit'],
  closing: ['session.goodbye'],
  closed: ['net.closed'],
}

describe('every state', () => {
  for (const [state, path] of Object.entries(PATHS))
    test(`${state} is reached`, () => expect(walk(path).value).toBe(state))

  test('is in the chart and the other way round', () =>
    expect(Object.keys(sessionMachine.states).sort()).toEqual(Object.keys(PATHS).sort()))

  for (const [state, path] of Object.entries(PATHS).filter(([name]) => name !== 'closed'))
    test(`${state} ends with the connection, and a goodbye closes it`, () => {
      expect(walk([...path, 'net.closed']).value).toBe('closed')
      expect(walk([...path, 'session.goodbye']).value).toBe('closing')
    })
})

describe('outcomes', () => {
  const cases: [SessionState, readonly SessionEvent['type'][], SessionState][] = [
    ['loggingIn', ['command.refused'], 'authorization'],
    ['loggingIn', ['auth.challenged'], 'authenticating'],
    ['authenticating', ['pop3.response'], 'loggingIn'],
    ['authenticating', ['pop3.response', 'login.accepted'], 'transaction'],
    ['startingTls', ['tls.started'], 'authorization'],
    ['sending', ['answer.sent'], 'transaction'],
    ['sending', ['command.refused'], 'transaction'],
  ]
  for (const [from, events, to] of cases)
    test(`${from} + ${events.join(', ')} = ${to}`, () => expect(walk([...PATHS[from], ...events]).value).toBe(to))
})

/** RFC 1939 §4, §5: what each state that takes commands does with each verb: runs it, or answers -ERR. */
describe('verbs', () => {
  const both: Verb[] = ['capa', 'lang', 'quit']
  const allowed: { readonly [state: string]: readonly Verb[] } = {
    authorization: [...both, 'user', 'pass', 'apop', 'auth', 'stls', 'utf8'],
    transaction: [...both, 'stat', 'list', 'uidl', 'retr', 'top', 'dele', 'rset', 'noop'],
  }
  for (const [state, verbs] of Object.entries(allowed))
    for (const verb of VERBS)
      test(`${verb} in ${state}: ${verbs.includes(verb) ? 'runs' : '-ERR'}`, () =>
        expect(stateFacts[state as SessionState].takes.has(`pop3.${verb}`)).toBe(verbs.includes(verb)))

  for (const state of ['loggingIn', 'startingTls', 'sending', 'updating', 'closing'] as const)
    test(`${state} takes no input`, () => expect(stateFacts[state].input).toBeNull())
})

test('every state but the last has a time-out of at least ten minutes, or is over soon', () => {
  for (const [state, { timeoutMs }] of Object.entries(stateFacts))
    if (state === 'closing') expect(timeoutMs).toBeLessThanOrEqual(10_000)
    else if (state !== 'closed') expect(timeoutMs).toBeGreaterThanOrEqual(600_000) // RFC 1939 §3
})
