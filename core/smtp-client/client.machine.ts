// The chart of one outgoing connection: from connecting, over greeting, TLS and AUTH, through any number of mails, to the goodbye.
import { type ActorLogic, type SnapshotFrom, setup } from 'xstate'
import { chartLogic } from '../net/chart.machine.ts'

/** What a reply, or the socket, has led to. A reply that is one of several in its state is no event. */
export type ClientEvent =
  | 'net.connected'
  | 'net.secured'
  | 'net.lost'
  | 'greeting.accepted'
  | 'hello.accepted'
  | 'hello.unknown'
  | 'starttls.wanted'
  | 'starttls.accepted'
  | 'starttls.declined'
  | 'auth.wanted'
  | 'auth.accepted'
  | 'mail.started'
  | 'data.accepted'
  | 'mail.refused'
  | 'mail.over'
  | 'mail.written'
  | 'mail.answered'
  | 'reset.accepted'
  | 'session.done'
  | 'session.refused'
  | 'session.ended'

const SECOND = 1000
const MINUTE = 60 * SECOND

const chart = setup({
  types: {
    events: {} as { type: ClientEvent },
    meta: {} as { waitsFor: string; timeoutMs?: number },
  },
})

/** How long each state waits is RFC 5321 §4.5.3.2; the pool's sweep enforces it. */
export const clientMachine = chart.createMachine({
  id: 'smtp-client',
  initial: 'connecting',
  on: {
    'net.lost': '.closed',
    'session.refused': '.quitting', // by the server, which hears a goodbye all the same: §4.1.1.10
    'session.ended': '.closed', // by the server: its goodbye
  },
  states: {
    connecting: {
      meta: { waitsFor: 'the connection', timeoutMs: 30 * SECOND },
      on: { 'net.connected': 'greeting' },
    },
    greeting: {
      meta: { waitsFor: 'the greeting', timeoutMs: 5 * MINUTE }, // §4.5.3.2.1
      on: { 'greeting.accepted': 'hello' },
    },
    hello: {
      meta: { waitsFor: 'the reply to EHLO or LHLO', timeoutMs: 5 * MINUTE },
      on: {
        'starttls.wanted': 'startingTls',
        'auth.wanted': 'authenticating',
        'hello.accepted': 'ready',
        'hello.unknown': 'helo',
      },
    },
    helo: {
      meta: { waitsFor: 'the reply to HELO', timeoutMs: 5 * MINUTE },
      on: { 'auth.wanted': 'authenticating', 'hello.accepted': 'ready' },
    },
    startingTls: {
      meta: { waitsFor: 'the reply to STARTTLS', timeoutMs: 2 * MINUTE },
      on: {
        'starttls.accepted': 'securing',
        'auth.wanted': 'authenticating',
        'starttls.declined': 'ready',
      },
    },
    securing: {
      meta: { waitsFor: 'the TLS handshake', timeoutMs: 2 * MINUTE },
      on: { 'net.secured': 'hello' },
    },
    authenticating: {
      meta: { waitsFor: 'the next challenge, or the end of AUTH', timeoutMs: 2 * MINUTE },
      on: { 'auth.accepted': 'ready' },
    },
    ready: {
      meta: { waitsFor: 'the next mail' }, // the pool closes what is idle
      on: { 'mail.started': 'envelope', 'session.done': 'quitting' },
    },
    envelope: {
      // §4.5.3.2.2, §4.5.3.2.3; 2 minutes for DATA (§4.5.3.2.4) are not told apart from these
      meta: { waitsFor: 'replies to MAIL, RCPT and DATA', timeoutMs: 5 * MINUTE },
      on: { 'data.accepted': 'content', 'mail.refused': 'resetting', 'mail.over': 'ready' },
    },
    content: {
      meta: { waitsFor: 'the server to read the message', timeoutMs: 3 * MINUTE }, // §4.5.3.2.5, renewed whenever octets move
      on: { 'mail.written': 'committing' },
    },
    committing: {
      meta: { waitsFor: 'the replies to the message', timeoutMs: 10 * MINUTE }, // §4.5.3.2.6
      on: { 'mail.answered': 'ready' },
    },
    resetting: {
      meta: { waitsFor: 'the reply to RSET', timeoutMs: 20 * SECOND },
      on: { 'reset.accepted': 'ready' },
    },
    quitting: {
      meta: { waitsFor: 'the reply to QUIT', timeoutMs: 10 * SECOND },
    },
    closed: { type: 'final' },
  },
})

export type ClientState = keyof typeof clientMachine.states & string

/** The chart as the logic of an actor. */
export const clientLogic: ActorLogic<SnapshotFrom<typeof clientMachine>, { type: ClientEvent }> = chartLogic(
  clientMachine,
  (event) => event.type,
)

const waits: { readonly [state: string]: number } = Object.fromEntries(
  Object.entries(clientMachine.states).map(([name, node]) => [name, node.meta?.timeoutMs ?? Number.POSITIVE_INFINITY]),
)

/** Milliseconds that a state waits for the other side. */
export const waitOf = (state: ClientState): number => waits[state]!
