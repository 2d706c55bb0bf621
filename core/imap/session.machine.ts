// The chart of an IMAP session (RFC 9051 §3): what is allowed when. What a command does stands in commands/<command>.ts.
import { setup } from 'xstate'

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

/** What the chart tells its session to do. */
export interface SessionPort {
  run(): void
  refuse(): void
  end(): void
}

/** The session may pull and send the next command. */
export const ACCEPTS = 'acceptsCommands'

export const imapMachine = setup({
  types: {
    context: {} as { readonly session: SessionPort },
    input: {} as { readonly session: SessionPort },
    events: {} as ImapEvent,
    tags: {} as typeof ACCEPTS,
  },
  guards: {
    allowedIn: ({ event }, state: ProtocolState) => event.type === 'imap.command' && event.allowed.includes(state),
  },
  actions: {
    run: ({ context }) => context.session.run(),
    refuse: ({ context }) => context.session.refuse(),
    end: ({ context }) => context.session.end(),
  },
}).createMachine({
  id: 'imap',
  context: ({ input }) => input,
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
          tags: ACCEPTS,
          on: {
            'imap.command': [
              { guard: { type: 'allowedIn', params: 'notAuthenticated' }, target: 'executing', actions: 'run' },
              { actions: 'refuse' },
            ],
          },
        },
        executing: {
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
          tags: ACCEPTS,
          on: {
            'imap.command': [
              { guard: { type: 'allowedIn', params: 'authenticated' }, target: 'executing', actions: 'run' },
              { actions: 'refuse' },
            ],
          },
        },
        executing: { on: { 'imap.done': 'ready', 'imap.unselected': 'ready', 'imap.idleStarted': 'idling' } },
        idling: { on: { 'imap.done': 'ready' } },
      },
    },
    selected: {
      initial: 'ready',
      on: { 'imap.unselected': 'authenticated', 'imap.selected': { target: 'selected', reenter: true } },
      states: {
        ready: {
          tags: ACCEPTS,
          on: {
            'imap.command': [
              { guard: { type: 'allowedIn', params: 'selected' }, target: 'executing', actions: 'run' },
              { actions: 'refuse' },
            ],
          },
        },
        executing: { on: { 'imap.done': 'ready', 'imap.idleStarted': 'idling' } },
        idling: { on: { 'imap.done': 'ready' } },
      },
    },
    logout: { entry: 'end', on: { 'imap.loggedOut': {} } },
    closed: { type: 'final' },
  },
})
