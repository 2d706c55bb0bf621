// The chart of a POP3 session (RFC 1939 §3): which command is allowed when, what each state waits for, and for how long.
import { type ActorLogic, type SnapshotFrom, setup } from 'xstate'
import { chartLogic } from '../net/chart.machine.ts'
import type { Verb } from './wire/command.ts'
import { ANSWER_TIMEOUT_MS, CLOSING_TIMEOUT_MS, IDLE_TIMEOUT_MS } from './wire/limits.ts'

/** A command, or a line of an AUTH dialogue. */
export type CommandName = `pop3.${Verb}` | 'pop3.response'

/** What came of something that the session waited for. */
export type Outcome =
  | 'stls.accepted'
  | 'tls.started'
  | 'auth.challenged'
  | 'login.accepted'
  | 'command.refused'
  | 'answer.sent'
  | 'session.goodbye'
  | 'net.closed'

export interface SessionEvent {
  readonly type: CommandName | Outcome
}

/** What a state takes from the client: commands, one line of an AUTH dialogue, or nothing for now. */
export type Input = 'commands' | 'line'

const chart = setup({
  types: {
    events: {} as SessionEvent,
    tags: {} as Input,
    meta: {} as { waitsFor: string; timeoutMs: number },
  },
})

const command = (waitsFor: string) => ({ waitsFor, timeoutMs: IDLE_TIMEOUT_MS })

export const sessionMachine = chart.createMachine({
  id: 'pop3',
  initial: 'authorization',
  on: {
    'session.goodbye': '.closing',
    'net.closed': '.closed',
  },
  states: {
    authorization: {
      tags: ['commands'],
      meta: command('USER, AUTH, APOP or STLS'),
      on: {
        'pop3.user': {},
        'pop3.pass': 'loggingIn',
        'pop3.apop': 'loggingIn',
        'pop3.auth': 'loggingIn',
        'pop3.stls': 'loggingIn',
        'pop3.utf8': {},
        'pop3.quit': {},
        'pop3.capa': {},
        'pop3.lang': {},
      },
    },
    loggingIn: {
      meta: { waitsFor: 'the password check and the lock on the maildrop', timeoutMs: ANSWER_TIMEOUT_MS },
      on: {
        'stls.accepted': 'startingTls',
        'auth.challenged': 'authenticating',
        'login.accepted': 'transaction',
        'command.refused': 'authorization',
      },
    },
    authenticating: {
      tags: ['line'],
      meta: command('the response to a challenge'),
      on: { 'pop3.response': 'loggingIn' },
    },
    startingTls: {
      meta: { waitsFor: 'the TLS handshake', timeoutMs: ANSWER_TIMEOUT_MS },
      on: { 'tls.started': 'authorization' },
    },
    transaction: {
      tags: ['commands'],
      meta: command('RETR, DELE and their like, or QUIT'),
      on: {
        'pop3.stat': {},
        'pop3.dele': {},
        'pop3.rset': {},
        'pop3.noop': {},
        'pop3.list': 'sending',
        'pop3.uidl': 'sending',
        'pop3.retr': 'sending',
        'pop3.top': 'sending',
        'pop3.quit': 'updating',
        'pop3.capa': {},
        'pop3.lang': {},
      },
    },
    sending: {
      meta: { waitsFor: 'a message or a listing to be read and taken', timeoutMs: IDLE_TIMEOUT_MS },
      on: { 'answer.sent': 'transaction', 'command.refused': 'transaction' },
    },
    updating: {
      meta: { waitsFor: 'deleted messages to be removed', timeoutMs: ANSWER_TIMEOUT_MS },
    },
    closing: {
      meta: { waitsFor: 'the client to close', timeoutMs: CLOSING_TIMEOUT_MS },
    },
    closed: { type: 'final' },
  },
})

export type SessionState =
  | 'authorization'
  | 'loggingIn'
  | 'authenticating'
  | 'startingTls'
  | 'transaction'
  | 'sending'
  | 'updating'
  | 'closing'
  | 'closed'

export const sessionLogic: ActorLogic<SnapshotFrom<typeof sessionMachine>, SessionEvent> = chartLogic(
  sessionMachine,
  ({ type }) => type,
)

interface StateFacts {
  readonly input: Input | null
  readonly timeoutMs: number
  /** Commands that the state has events for; any other is out of place. */
  readonly takes: ReadonlySet<string>
}

/** What the chart says of each state, read from it once. */
const facts: { [state: string]: StateFacts } = Object.fromEntries(
  Object.entries(sessionMachine.states).map(([name, node]) => [
    name,
    {
      input: (node.tags[0] as Input | undefined) ?? null,
      timeoutMs: node.meta?.timeoutMs ?? 0,
      takes: new Set(Object.keys(node.config.on ?? {}).filter((event) => event.startsWith('pop3.'))),
    },
  ]),
)
export const stateFacts = facts as { readonly [S in SessionState]: StateFacts }
