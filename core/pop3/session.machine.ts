// The chart of a POP3 session (RFC 1939 §3): which command is allowed when, what each state waits for, and for how long.
import { setup } from 'xstate'
import type { Verb } from './wire/command.ts'
import { ANSWER_TIMEOUT_MS, CLOSING_TIMEOUT_MS, IDLE_TIMEOUT_MS } from './wire/limits.ts'

/** A command, or a line of an AUTH dialogue, with what stands behind the verb. */
export interface CommandEvent {
  readonly type: `pop3.${Verb}` | 'pop3.response'
  readonly args: string
}

/** What came of something that the session waited for. */
export interface OutcomeEvent {
  readonly type:
    | 'stls.accepted'
    | 'tls.started'
    | 'auth.challenged'
    | 'login.accepted'
    | 'command.refused'
    | 'answer.sent'
    | 'session.goodbye'
    | 'net.closed'
}

export type SessionEvent = CommandEvent | OutcomeEvent

/** What the chart asks of a session. Nothing here may throw: an exception would end the actor. */
export interface ChartedSession {
  /** Does what the verb asks for, and sends an outcome event where the state waits for one. */
  run(event: CommandEvent): void
  /** -ERR: the command does not belong here. */
  badSequence(event: CommandEvent): void
  /** After STLS nothing learned before counts (RFC 2595 §4). */
  forget(): void
}

/** What a state takes from the client: commands, one line of an AUTH dialogue, or nothing for now. */
export type Input = 'commands' | 'line'

const chart = setup({
  types: {
    context: {} as { session: ChartedSession },
    input: {} as ChartedSession,
    events: {} as SessionEvent,
    tags: {} as Input,
    meta: {} as { waitsFor: string; timeoutMs: number },
  },
  actions: {
    run: ({ context, event }) => context.session.run(event as CommandEvent),
    badSequence: ({ context, event }) => context.session.badSequence(event as CommandEvent),
    forget: ({ context }) => context.session.forget(),
  },
})

/** Answered on the spot in every state that takes commands. */
const courtesies = { 'pop3.capa': { actions: 'run' }, 'pop3.lang': { actions: 'run' } } as const
const otherwise = { 'pop3.*': { actions: 'badSequence' } } as const
const command = (waitsFor: string) => ({ waitsFor, timeoutMs: IDLE_TIMEOUT_MS })

export const sessionMachine = chart.createMachine({
  id: 'pop3',
  context: ({ input }) => ({ session: input }),
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
        'pop3.user': { actions: 'run' },
        'pop3.pass': { target: 'loggingIn', actions: 'run' },
        'pop3.apop': { target: 'loggingIn', actions: 'run' },
        'pop3.auth': { target: 'loggingIn', actions: 'run' },
        'pop3.stls': { target: 'loggingIn', actions: 'run' },
        'pop3.utf8': { actions: 'run' },
        'pop3.quit': { actions: 'run' },
        ...courtesies,
        ...otherwise,
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
      on: { 'pop3.response': { target: 'loggingIn', actions: 'run' } },
    },
    startingTls: {
      meta: { waitsFor: 'the TLS handshake', timeoutMs: ANSWER_TIMEOUT_MS },
      on: { 'tls.started': { target: 'authorization', actions: 'forget' } },
    },
    transaction: {
      tags: ['commands'],
      meta: command('RETR, DELE and their like, or QUIT'),
      on: {
        'pop3.stat': { actions: 'run' },
        'pop3.list': { actions: 'run' },
        'pop3.uidl': { actions: 'run' },
        'pop3.dele': { actions: 'run' },
        'pop3.rset': { actions: 'run' },
        'pop3.noop': { actions: 'run' },
        'pop3.retr': { target: 'sending', actions: 'run' },
        'pop3.top': { target: 'sending', actions: 'run' },
        'pop3.quit': { target: 'updating', actions: 'run' },
        ...courtesies,
        ...otherwise,
      },
    },
    sending: {
      meta: { waitsFor: 'a message to be read and taken', timeoutMs: IDLE_TIMEOUT_MS },
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

interface StateFacts {
  readonly input: Input | null
  readonly timeoutMs: number
}

/** Tags and time-outs by state, read from the chart once. */
export const stateFacts = Object.fromEntries(
  Object.entries(sessionMachine.states).map(([name, node]) => [
    name,
    {
      input: (node.tags[0] as Input | undefined) ?? null,
      timeoutMs: (node.meta?.timeoutMs as number | undefined) ?? 0,
    },
  ]),
) as { readonly [S in SessionState]: StateFacts }
