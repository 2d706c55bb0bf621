// The chart of an SMTP, submission or LMTP session: which command is allowed when, what each state waits for, and for how long.
import { type ActorLogic, type SnapshotFrom, setup } from 'xstate'
import { chartLogic } from '../net/chart.machine.ts'
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

/** A command, or a line of an AUTH dialogue. It is an event when what it asks for takes time. */
export type CommandName = `smtp.${Verb}` | 'smtp.response'

/** What came of a command, or of something else that the session waited for. */
export type Outcome =
  | 'connect.admitted'
  | 'connect.refused'
  | 'hello.accepted'
  | 'hello.refused'
  | 'starttls.accepted'
  | 'tls.started'
  | 'auth.challenged'
  | 'auth.accepted'
  | 'mail.accepted'
  | 'rcpt.accepted'
  | 'data.accepted'
  | 'bdat.expected'
  | 'command.refused'
  | 'chunk.received'
  | 'message.received'
  | 'message.refused'
  | 'message.answered'
  | 'transaction.reset'
  | 'session.goodbye'
  | 'net.closed'

/** Where a session stands between commands, by what it has gathered. */
export type Standing = 'start' | 'ready' | 'mail' | 'recipients' | 'chunking'

export interface SessionEvent {
  readonly type: CommandName | Outcome
  /** Of `command.refused`: where to go back to. */
  readonly standing?: Standing
}

/** What a state takes from the client: commands, one line of an AUTH dialogue, message content, or nothing for now. */
export type Input = 'commands' | 'line' | 'content'

const chart = setup({
  types: {
    events: {} as SessionEvent,
    tags: {} as Input,
    meta: {} as { waitsFor: string; timeoutMs: number },
  },
  guards: {
    hasChunks: ({ event }) => event.standing === 'chunking',
    hasRecipients: ({ event }) => event.standing === 'recipients',
    inTransaction: ({ event }) => event.standing === 'mail',
    greeted: ({ event }) => event.standing === 'ready',
  },
})

/** Taken, and nothing changes. */
const here = {}

/** Answered on the spot in any state that takes commands. */
const courtesies = {
  'smtp.noop': here,
  'smtp.vrfy': here,
  'smtp.expn': here,
  'smtp.help': here,
  'smtp.etrn': here,
  'smtp.rset': here,
  'smtp.quit': here,
} as const

const hello = {
  'smtp.ehlo': 'asking',
  'smtp.helo': 'asking',
  'smtp.lhlo': 'asking',
  'hello.accepted': 'ready',
  'hello.refused': 'start',
} as const

/** RFC 3030 §2: the octets behind a BDAT follow whatever the answer will be, so they are read in every state. */
const chunk = { 'smtp.bdat': 'asking', 'bdat.expected': 'receivingChunk' } as const

/** RCPT, and an early DATA that is refused for want of recipients. */
const recipients = {
  'smtp.rcpt': 'asking',
  'rcpt.accepted': 'recipients',
  'smtp.data': 'asking',
  'transaction.reset': 'ready',
} as const

/** Back to where the session stood before it asked. */
const back = [
  { guard: 'hasChunks', target: 'chunking' },
  { guard: 'hasRecipients', target: 'recipients' },
  { guard: 'inTransaction', target: 'mail' },
  { guard: 'greeted', target: 'ready' },
  { target: 'start' },
] as const

const command = (waitsFor: string) => ({ waitsFor, timeoutMs: COMMAND_TIMEOUT_MS })

/**
 * A state takes the commands that it has events for; any other is a 503. A command that is answered at once is no
 * event, only its outcome is; one whose hooks take time sends the session to `asking` until the outcome is known.
 */
export const sessionMachine = chart.createMachine({
  id: 'smtp',
  initial: 'connecting',
  on: {
    'session.goodbye': '.closing',
    'net.closed': '.closed',
  },
  states: {
    connecting: {
      meta: { waitsFor: 'the connect hooks', timeoutMs: ANSWER_TIMEOUT_MS },
      on: {
        'connect.admitted': 'start',
        'connect.refused': 'refusing',
      },
    },
    start: {
      tags: ['commands'],
      meta: command('EHLO, HELO or LHLO'),
      on: { ...hello, ...courtesies, ...chunk },
    },
    ready: {
      tags: ['commands'],
      meta: command('MAIL, AUTH or STARTTLS'),
      on: {
        ...hello,
        'smtp.starttls': 'asking',
        'starttls.accepted': 'startingTls',
        'smtp.auth': 'asking',
        'auth.challenged': 'authenticating',
        'smtp.mail': 'asking',
        'mail.accepted': 'mail',
        ...courtesies,
        ...chunk,
      },
    },
    mail: {
      tags: ['commands'],
      meta: command('the first RCPT that is accepted'),
      on: { ...hello, ...recipients, ...courtesies, ...chunk },
    },
    recipients: {
      tags: ['commands'],
      meta: command('RCPT, DATA or BDAT'),
      on: {
        ...hello,
        ...recipients,
        'rcpt.accepted': here,
        'data.accepted': 'receivingData',
        ...courtesies,
        ...chunk,
      },
    },
    chunking: {
      tags: ['commands'],
      meta: command('the next BDAT'),
      on: { ...hello, 'transaction.reset': 'ready', ...courtesies, ...chunk },
    },
    asking: {
      meta: { waitsFor: 'the hooks of a command', timeoutMs: ANSWER_TIMEOUT_MS },
      on: {
        'hello.accepted': 'ready',
        'hello.refused': 'start',
        'auth.challenged': 'authenticating',
        'auth.accepted': 'ready',
        'mail.accepted': 'mail',
        'rcpt.accepted': 'recipients',
        'data.accepted': 'receivingData',
        'bdat.expected': 'receivingChunk',
        'command.refused': back,
      },
    },
    authenticating: {
      tags: ['line'],
      meta: command('the response to a challenge'),
      on: { 'smtp.response': 'asking', 'auth.challenged': here, 'command.refused': 'ready' },
    },
    startingTls: {
      meta: { waitsFor: 'the TLS handshake', timeoutMs: ANSWER_TIMEOUT_MS },
      on: { 'tls.started': 'start' },
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
      on: { 'smtp.quit': here }, // RFC 5321 §3.1
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

export const sessionLogic: ActorLogic<SnapshotFrom<typeof sessionMachine>, SessionEvent> = chartLogic(
  sessionMachine,
  ({ type, standing }) => (standing === undefined ? type : `${type} ${standing}`),
)

export interface StateFacts {
  readonly input: Input | null
  readonly timeoutMs: number
  /** Commands that the state has events for. */
  readonly takes: ReadonlySet<string>
}

/** What the chart says of each state, read from it once. */
const facts: { [state: string]: StateFacts } = Object.fromEntries(
  Object.entries(sessionMachine.states).map(([name, node]) => [
    name,
    {
      input: (node.tags[0] as Input | undefined) ?? null,
      timeoutMs: node.meta?.timeoutMs ?? 0,
      takes: new Set(Object.keys(node.config.on ?? {}).filter((event) => event.startsWith('smtp.'))),
    },
  ]),
)
export const stateFacts = facts as { readonly [S in SessionState]: StateFacts }
