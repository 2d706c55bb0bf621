// The chart of an IMAP session (RFC 9051 §3): what is allowed when. What a command does stands in commands/<command>.ts.
import { type ActorLogic, type SnapshotFrom, setup } from 'xstate'
import { chartLogic } from '../net/chart.machine.ts'

/** The protocol's own states, as commands name those that they are allowed in. */
export type ProtocolState = 'notAuthenticated' | 'authenticated' | 'selected'

export interface CommandEvent {
  readonly type: 'imap.command'
  readonly allowed: readonly ProtocolState[]
}

export type ImapEvent =
  | CommandEvent
  /** The greeting was sent. */
  | { readonly type: 'imap.greeted' }
  /** A command ended without a change of state. */
  | { readonly type: 'imap.done' }
  | { readonly type: 'imap.saslStarted' }
  | { readonly type: 'imap.tlsStarted' }
  | { readonly type: 'imap.idleStarted' }
  | { readonly type: 'imap.authenticated' }
  | { readonly type: 'imap.selected' }
  | { readonly type: 'imap.unselected' }
  /** LOGOUT, or the server said BYE. */
  | { readonly type: 'imap.loggedOut' }
  | { readonly type: 'net.closed' }

/** What the session does in a state: takes the next command, runs one that is allowed, waits for DONE, or ends. */
export type Doing = 'accepts' | 'runs' | 'idles' | 'ends'

export const imapMachine = setup({
  types: {
    events: {} as ImapEvent,
    tags: {} as Doing,
  },
  guards: {
    allowedIn: ({ event }, state: ProtocolState) => event.type === 'imap.command' && event.allowed.includes(state),
  },
}).createMachine({
  id: 'imap',
  initial: 'greeting',
  on: {
    'imap.loggedOut': { target: '.logout' },
    'net.closed': { target: '.closed' },
  },
  states: {
    greeting: { on: { 'imap.greeted': 'notAuthenticated' } },
    notAuthenticated: {
      initial: 'ready',
      on: { 'imap.authenticated': 'authenticated' },
      states: {
        ready: {
          tags: 'accepts',
          on: { 'imap.command': { guard: { type: 'allowedIn', params: 'notAuthenticated' }, target: 'executing' } },
        },
        executing: {
          tags: 'runs',
          on: { 'imap.done': 'ready', 'imap.saslStarted': 'authenticating', 'imap.tlsStarted': 'startingTls' },
        },
        authenticating: { on: { 'imap.done': 'ready' } },
        startingTls: { on: { 'imap.done': 'ready' } },
      },
    },
    authenticated: {
      initial: 'ready',
      on: { 'imap.selected': 'selected' },
      states: {
        ready: {
          tags: 'accepts',
          on: { 'imap.command': { guard: { type: 'allowedIn', params: 'authenticated' }, target: 'executing' } },
        },
        executing: {
          tags: 'runs',
          on: { 'imap.done': 'ready', 'imap.unselected': 'ready', 'imap.idleStarted': 'idling' },
        },
        idling: { tags: 'idles', on: { 'imap.done': 'ready' } },
      },
    },
    selected: {
      initial: 'ready',
      on: { 'imap.unselected': 'authenticated', 'imap.selected': { target: 'selected', reenter: true } },
      states: {
        ready: {
          tags: 'accepts',
          on: { 'imap.command': { guard: { type: 'allowedIn', params: 'selected' }, target: 'executing' } },
        },
        executing: { tags: 'runs', on: { 'imap.done': 'ready', 'imap.idleStarted': 'idling' } },
        idling: { tags: 'idles', on: { 'imap.done': 'ready' } },
      },
    },
    logout: { tags: 'ends', on: { 'imap.loggedOut': {} } },
    closed: { type: 'final' },
  },
})

export const imapLogic: ActorLogic<SnapshotFrom<typeof imapMachine>, ImapEvent> = chartLogic(imapMachine, (event) =>
  event.type === 'imap.command' ? event.allowed : event.type,
)
