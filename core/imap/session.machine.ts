// The chart of an IMAP session (RFC 9051 §3): what is allowed when. What a command does stands in commands/<command>.ts.
import { type ActorLogic, initialTransition, type SnapshotFrom, setup, transition } from 'xstate'

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

type Snapshot = SnapshotFrom<typeof imapMachine>

const [initial] = initialTransition(imapMachine)
/** One snapshot a state, and what each event makes of it. */
const states = new Map([[JSON.stringify(initial.value), initial]])
const known = new Map<Snapshot, Map<ImapEvent['type'] | CommandEvent['allowed'], Snapshot>>()

/**
 * The chart as the logic of an actor. It has neither context nor actions, so that a transition is the same for every
 * session: XState works each out once, and from then on it is looked up.
 */
export const imapLogic: ActorLogic<Snapshot, ImapEvent> = {
  getInitialSnapshot: () => initial,
  transition(snapshot, event) {
    const key = event.type === 'imap.command' ? event.allowed : event.type
    const seen = known.get(snapshot)?.get(key)
    if (seen !== undefined) return seen
    const [next] = transition(imapMachine, snapshot, event)
    const value = JSON.stringify(next.value)
    const state = states.get(value) ?? next
    states.set(value, state)
    known.set(snapshot, (known.get(snapshot) ?? new Map()).set(key, state))
    return state
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}
