// The chart of one outgoing connection: from connecting, over greeting, TLS and AUTH, through any number of mails, to the goodbye.
import { type Actor, createActor, setup } from 'xstate'
import type { Reply } from '../base/failure.ts'

/** What the chart asks of the connection. Questions change nothing; orders write to the socket or note an outcome. */
export interface ClientDuties {
  // questions
  wantsTls(reply: Reply): boolean
  /** TLS is demanded and not there. */
  lacksTls(): boolean
  tlsIsOptional(): boolean
  wantsAuth(): boolean
  mayUseHelo(): boolean
  /** After this reply, as far as the transaction knows: more commands or replies, the message, or its end. */
  envelopeStep(reply: Reply): 'more' | 'content' | 'refused' | 'over'
  isLastAnswer(): boolean
  // orders
  sayHello(verb: 'extended' | 'HELO'): void
  readHello(reply: Reply): void
  sayStartTls(): void
  beginTls(): void
  beginAuth(): void
  answerChallenge(reply: Reply): void
  announceReady(): void
  sendEnvelope(): void
  takeEnvelopeReply(reply: Reply): void
  sendContent(): void
  takeAnswer(reply: Reply): void
  takeEarlyAnswer(reply: Reply): void
  sayReset(): void
  sayQuit(): void
  /** Notes why the connection cannot be used; the chart then closes it. */
  refuse(step: RefusedStep, reply: Reply): void
  lose(reason: string): void
  close(): void
}

export type RefusedStep = 'greeting' | 'hello' | 'tls' | 'auth' | 'unasked'

export type ClientEvent =
  | { type: 'net.connected' }
  | { type: 'net.secured' }
  | { type: 'net.lost'; reason: string }
  | { type: 'smtp.reply'; reply: Reply }
  | { type: 'mail.start' }
  | { type: 'mail.written' }
  | { type: 'smtp.quit' }

export type ClientState =
  | 'connecting'
  | 'greeting'
  | 'hello'
  | 'helo'
  | 'startingTls'
  | 'securing'
  | 'authenticating'
  | 'ready'
  | 'envelope'
  | 'content'
  | 'committing'
  | 'resetting'
  | 'quitting'
  | 'closed'

const SECOND = 1000
const MINUTE = 60 * SECOND

/** How long each state waits for the other side, ms (RFC 5321 §4.5.3.2); the client's sweep enforces it. */
export const waits: { readonly [state in ClientState]: number } = {
  connecting: 30 * SECOND,
  greeting: 5 * MINUTE, // §4.5.3.2.1
  hello: 5 * MINUTE,
  helo: 5 * MINUTE,
  startingTls: 2 * MINUTE,
  securing: 2 * MINUTE,
  authenticating: 2 * MINUTE,
  ready: Number.POSITIVE_INFINITY, // the pool closes what is idle
  envelope: 5 * MINUTE, // §4.5.3.2.2, §4.5.3.2.3; 2 minutes for DATA (§4.5.3.2.4) are not told apart from these
  content: 3 * MINUTE, // §4.5.3.2.5, renewed whenever octets move
  committing: 10 * MINUTE, // §4.5.3.2.6
  resetting: 20 * SECOND,
  quitting: 10 * SECOND,
  closed: Number.POSITIVE_INFINITY,
}

const is = (event: ClientEvent, digit: number): boolean =>
  event.type === 'smtp.reply' && Math.floor(event.reply.code / 100) === digit
const replyOf = (event: ClientEvent): Reply => {
  if (event.type !== 'smtp.reply') throw new TypeError(`no reply in ${event.type}`)
  return event.reply
}

const chart = setup({
  types: {
    context: {} as { readonly duties: ClientDuties },
    input: {} as { readonly duties: ClientDuties },
    events: {} as ClientEvent,
  },
  guards: {
    is2xx: ({ event }) => is(event, 2),
    is334: ({ event }) => replyOf(event).code === 334,
    wantsTls: ({ context, event }) => is(event, 2) && context.duties.wantsTls(replyOf(event)),
    lacksTls: ({ context, event }) => is(event, 2) && context.duties.lacksTls(),
    wantsAuth: ({ context, event }) => is(event, 2) && context.duties.wantsAuth(),
    wantsAuthInClear: ({ context }) => context.duties.tlsIsOptional() && context.duties.wantsAuth(),
    tlsIsOptional: ({ context }) => context.duties.tlsIsOptional(),
    mayUseHelo: ({ context, event }) => is(event, 5) && context.duties.mayUseHelo(),
    startsContent: ({ context, event }) => context.duties.envelopeStep(replyOf(event)) === 'content',
    isRefused: ({ context, event }) => context.duties.envelopeStep(replyOf(event)) === 'refused',
    isOver: ({ context, event }) => context.duties.envelopeStep(replyOf(event)) === 'over',
    isLastAnswer: ({ context, event }) => replyOf(event).code !== 421 && context.duties.isLastAnswer(),
    isGoodbye: ({ event }) => replyOf(event).code === 421,
  },
  actions: {
    sayEhlo: ({ context }) => context.duties.sayHello('extended'),
    sayHelo: ({ context }) => context.duties.sayHello('HELO'),
    readHello: ({ context, event }) => context.duties.readHello(replyOf(event)),
    sayStartTls: ({ context }) => context.duties.sayStartTls(),
    beginTls: ({ context }) => context.duties.beginTls(),
    beginAuth: ({ context }) => context.duties.beginAuth(),
    answerChallenge: ({ context, event }) => context.duties.answerChallenge(replyOf(event)),
    announceReady: ({ context }) => context.duties.announceReady(),
    sendEnvelope: ({ context }) => context.duties.sendEnvelope(),
    takeEnvelopeReply: ({ context, event }) => context.duties.takeEnvelopeReply(replyOf(event)),
    sendContent: ({ context }) => context.duties.sendContent(),
    takeAnswer: ({ context, event }) => context.duties.takeAnswer(replyOf(event)),
    takeEarlyAnswer: ({ context, event }) => context.duties.takeEarlyAnswer(replyOf(event)),
    sayReset: ({ context }) => context.duties.sayReset(),
    sayQuit: ({ context }) => context.duties.sayQuit(),
    refuse: ({ context, event }, { step }: { step: RefusedStep }) => context.duties.refuse(step, replyOf(event)),
    lose: ({ context, event }) => context.duties.lose(event.type === 'net.lost' ? event.reason : ''),
    close: ({ context }) => context.duties.close(),
  },
})

const refused = (step: RefusedStep) => ({ target: 'closed', actions: { type: 'refuse', params: { step } } }) as const

export const clientMachine = chart.createMachine({
  id: 'smtp-client',
  context: ({ input }) => ({ duties: input.duties }),
  initial: 'connecting',
  on: { 'net.lost': { target: '.closed', actions: 'lose' } },
  states: {
    connecting: { on: { 'net.connected': 'greeting' } },
    greeting: { on: { 'smtp.reply': [{ guard: 'is2xx', target: 'hello' }, refused('greeting')] } },
    hello: {
      entry: 'sayEhlo',
      on: {
        'smtp.reply': [
          { guard: 'wantsTls', target: 'startingTls', actions: 'readHello' },
          { guard: 'lacksTls', ...refused('tls') },
          { guard: 'wantsAuth', target: 'authenticating', actions: 'readHello' },
          { guard: 'is2xx', target: 'ready', actions: 'readHello' },
          { guard: 'mayUseHelo', target: 'helo' },
          refused('hello'),
        ],
      },
    },
    helo: {
      entry: 'sayHelo',
      on: {
        'smtp.reply': [
          { guard: 'lacksTls', ...refused('tls') },
          { guard: 'wantsAuth', target: 'authenticating', actions: 'readHello' },
          { guard: 'is2xx', target: 'ready', actions: 'readHello' },
          refused('hello'),
        ],
      },
    },
    startingTls: {
      entry: 'sayStartTls',
      on: {
        'smtp.reply': [
          { guard: 'is2xx', target: 'securing' },
          { guard: 'isGoodbye', ...refused('tls') },
          { guard: 'wantsAuthInClear', target: 'authenticating' },
          { guard: 'tlsIsOptional', target: 'ready' },
          refused('tls'),
        ],
      },
    },
    securing: { entry: 'beginTls', on: { 'net.secured': 'hello', 'smtp.reply': refused('tls') } },
    authenticating: {
      entry: 'beginAuth',
      on: {
        'smtp.reply': [
          { guard: 'is334', actions: 'answerChallenge' },
          { guard: 'is2xx', target: 'ready' },
          refused('auth'),
        ],
      },
    },
    ready: {
      entry: 'announceReady',
      on: { 'mail.start': 'envelope', 'smtp.quit': 'quitting', 'smtp.reply': refused('unasked') },
    },
    envelope: {
      entry: 'sendEnvelope',
      on: {
        'smtp.reply': [
          { guard: 'isGoodbye', target: 'closed', actions: 'takeEnvelopeReply' },
          { guard: 'startsContent', target: 'content', actions: 'takeEnvelopeReply' },
          { guard: 'isRefused', target: 'resetting', actions: 'takeEnvelopeReply' },
          { guard: 'isOver', target: 'ready', actions: 'takeEnvelopeReply' },
          { actions: 'takeEnvelopeReply' },
        ],
      },
    },
    content: {
      entry: 'sendContent',
      on: { 'mail.written': 'committing', 'smtp.reply': { target: 'closed', actions: 'takeEarlyAnswer' } },
    },
    committing: {
      on: {
        'smtp.reply': [
          { guard: 'isLastAnswer', target: 'ready', actions: 'takeAnswer' },
          { guard: 'isGoodbye', target: 'closed', actions: 'takeAnswer' },
          { actions: 'takeAnswer' },
        ],
      },
    },
    resetting: {
      entry: 'sayReset',
      on: { 'smtp.reply': [{ guard: 'is2xx', target: 'ready' }, refused('unasked')] },
    },
    quitting: { entry: 'sayQuit', on: { 'smtp.reply': 'closed' } },
    closed: { entry: 'close', type: 'final' },
  },
})

/** The chart at work for one connection. Orders that throw must be caught by `duties`: a chart dies of them. */
export function startChart(duties: ClientDuties): Actor<typeof clientMachine> {
  return createActor(clientMachine, { input: { duties } }).start()
}
