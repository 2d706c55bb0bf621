// The chart of an SMTP, submission or LMTP session: which command is allowed when, what each state waits for, and for how long.
import { setup } from 'xstate'
import { ANSWER_TIMEOUT_MS, CLOSING_TIMEOUT_MS, COMMAND_TIMEOUT_MS, DATA_BLOCK_TIMEOUT_MS } from './wire/limits.ts'

export type Verb =
  | 'ehlo'
  | 'helo'
  | 'lhlo'
  | 'starttls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'bdat'
  | 'rset'
  | 'noop'
  | 'vrfy'
  | 'expn'
  | 'help'
  | 'etrn'
  | 'quit'

/** A command, or a line of an AUTH dialogue, with what stands behind the verb. */
export interface CommandEvent {
  readonly type: `smtp.${Verb}` | 'smtp.response'
  readonly args: string
}

/** What came of something that the session waited for. */
export interface OutcomeEvent {
  readonly type:
    | 'connect.admitted'
    | 'connect.refused'
    | 'hello.accepted'
    | 'starttls.accepted'
    | 'tls.started'
    | 'auth.challenged'
    | 'auth.accepted'
    | 'mail.accepted'
    | 'rcpt.accepted'
    | 'data.accepted'
    | 'command.refused'
    | 'chunk.received'
    | 'message.received'
    | 'message.refused'
    | 'message.answered'
    | 'session.goodbye'
    | 'net.closed'
}

export type SessionEvent = CommandEvent | OutcomeEvent

/** What the chart asks of a session. Nothing here may throw: an exception would end the actor. */
export interface ChartedSession {
  /** EHLO, HELO or LHLO was accepted. */
  readonly greeted: boolean
  readonly inTransaction: boolean
  readonly hasRecipients: boolean
  /** BDAT has brought a part of the message. */
  readonly hasChunks: boolean
  /** Does what the verb asks for, and sends an outcome event where the state waits for one. */
  run(event: CommandEvent): void
  greet(): void
  /** 503: the command does not belong here. */
  badSequence(event: CommandEvent): void
  reset(): void
}

/** What a state takes from the client: commands, one line of an AUTH dialogue, message content, or nothing for now. */
export type Input = 'commands' | 'line' | 'content'

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
    greet: ({ context }) => context.session.greet(),
    badSequence: ({ context, event }) => context.session.badSequence(event as CommandEvent),
    reset: ({ context }) => context.session.reset(),
  },
  guards: {
    hasChunks: ({ context }) => context.session.hasChunks,
    hasRecipients: ({ context }) => context.session.hasRecipients,
    inTransaction: ({ context }) => context.session.inTransaction,
    greeted: ({ context }) => context.session.greeted,
  },
})

/** Answered on the spot in any state that takes commands. */
const courtesies = {
  'smtp.noop': { actions: 'run' },
  'smtp.vrfy': { actions: 'run' },
  'smtp.expn': { actions: 'run' },
  'smtp.help': { actions: 'run' },
  'smtp.etrn': { actions: 'run' },
  'smtp.quit': { actions: 'run' },
} as const

const hello = {
  'smtp.ehlo': { target: 'asking', actions: 'run' },
  'smtp.helo': { target: 'asking', actions: 'run' },
  'smtp.lhlo': { target: 'asking', actions: 'run' },
} as const

/** RFC 3030 §2: the octets behind a BDAT follow whatever the answer will be, so they are read in every state. */
const chunk = { 'smtp.bdat': { target: 'receivingChunk', actions: 'run' } } as const

const otherwise = { 'smtp.*': { actions: 'badSequence' } } as const

/** Back to where the session stood before it asked. */
const back = [
  { guard: 'hasChunks', target: 'chunking' },
  { guard: 'hasRecipients', target: 'recipients' },
  { guard: 'inTransaction', target: 'mail' },
  { guard: 'greeted', target: 'ready' },
  { target: 'start' },
] as const

const command = (waitsFor: string) => ({ waitsFor, timeoutMs: COMMAND_TIMEOUT_MS })

export const sessionMachine = chart.createMachine({
  id: 'smtp',
  context: ({ input }) => ({ session: input }),
  initial: 'connecting',
  on: {
    'session.goodbye': '.closing',
    'net.closed': '.closed',
  },
  states: {
    connecting: {
      meta: { waitsFor: 'the connect hooks', timeoutMs: ANSWER_TIMEOUT_MS },
      on: {
        'connect.admitted': { target: 'start', actions: 'greet' },
        'connect.refused': 'refusing',
      },
    },
    start: {
      tags: ['commands'],
      meta: command('EHLO, HELO or LHLO'),
      on: { ...hello, ...courtesies, ...chunk, 'smtp.rset': { actions: 'run' }, ...otherwise },
    },
    ready: {
      tags: ['commands'],
      meta: command('MAIL, AUTH or STARTTLS'),
      on: {
        ...hello,
        'smtp.starttls': { target: 'asking', actions: 'run' },
        'smtp.auth': { target: 'asking', actions: 'run' },
        'smtp.mail': { target: 'asking', actions: 'run' },
        ...courtesies,
        ...chunk,
        'smtp.rset': { actions: 'run' },
        ...otherwise,
      },
    },
    mail: {
      tags: ['commands'],
      meta: command('the first RCPT that is accepted'),
      on: {
        ...hello,
        'smtp.rcpt': { target: 'asking', actions: 'run' },
        'smtp.data': { target: 'asking', actions: 'run' },
        ...courtesies,
        ...chunk,
        'smtp.rset': { target: 'ready', actions: 'run' },
        ...otherwise,
      },
    },
    recipients: {
      tags: ['commands'],
      meta: command('RCPT, DATA or BDAT'),
      on: {
        ...hello,
        'smtp.rcpt': { target: 'asking', actions: 'run' },
        'smtp.data': { target: 'asking', actions: 'run' },
        ...courtesies,
        ...chunk,
        'smtp.rset': { target: 'ready', actions: 'run' },
        ...otherwise,
      },
    },
    chunking: {
      tags: ['commands'],
      meta: command('the next BDAT'),
      on: {
        ...hello,
        ...courtesies,
        ...chunk,
        'smtp.rset': { target: 'ready', actions: 'run' },
        ...otherwise,
      },
    },
    asking: {
      meta: { waitsFor: 'the hooks of this command', timeoutMs: ANSWER_TIMEOUT_MS },
      on: {
        'hello.accepted': 'ready',
        'starttls.accepted': 'startingTls',
        'auth.challenged': 'authenticating',
        'auth.accepted': 'ready',
        'mail.accepted': 'mail',
        'rcpt.accepted': 'recipients',
        'data.accepted': 'receivingData',
        'command.refused': back,
      },
    },
    authenticating: {
      tags: ['line'],
      meta: command('the response to a challenge'),
      on: { 'smtp.response': { target: 'asking', actions: 'run' } },
    },
    startingTls: {
      meta: { waitsFor: 'the TLS handshake', timeoutMs: ANSWER_TIMEOUT_MS },
      on: { 'tls.started': { target: 'start', actions: 'reset' } },
    },
    receivingData: {
      tags: ['content'],
      meta: { waitsFor: 'the end of DATA', timeoutMs: DATA_BLOCK_TIMEOUT_MS },
      on: { 'message.received': 'committing', 'message.refused': 'ready' },
    },
    receivingChunk: {
      tags: ['content'],
      meta: { waitsFor: 'the octets of a BDAT', timeoutMs: DATA_BLOCK_TIMEOUT_MS },
      on: {
        'chunk.received': 'chunking',
        'message.received': 'committing',
        'message.refused': 'ready',
        'command.refused': back,
      },
    },
    committing: {
      meta: { waitsFor: 'the message to be filtered and on disk', timeoutMs: ANSWER_TIMEOUT_MS },
      on: { 'message.answered': 'ready' },
    },
    refusing: {
      tags: ['commands'],
      meta: command('QUIT'),
      on: { 'smtp.quit': { actions: 'run' }, ...otherwise }, // RFC 5321 §3.1
    },
    closing: {
      meta: { waitsFor: 'the client to close', timeoutMs: CLOSING_TIMEOUT_MS },
    },
    closed: { type: 'final' },
  },
})

export type SessionState =
  | 'connecting'
  | 'start'
  | 'ready'
  | 'mail'
  | 'recipients'
  | 'chunking'
  | 'asking'
  | 'authenticating'
  | 'startingTls'
  | 'receivingData'
  | 'receivingChunk'
  | 'committing'
  | 'refusing'
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
    { input: (node.tags[0] as Input | undefined) ?? null, timeoutMs: node.meta?.timeoutMs ?? 0 },
  ]),
) as { readonly [S in SessionState]: StateFacts }
