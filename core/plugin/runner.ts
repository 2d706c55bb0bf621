// Runs each hook's chain: order, deadlines, how answers combine, what a plugin's failure means. Never throws but at `expand`.
import type { Clock } from '../base/clock.ts'
import { asFailure, Failure, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { formatAddress } from '../message/address.ts'
import type { Recipient } from '../message/envelope.ts'
import { replies, replyLine } from '../message/reply.ts'
import type { NewRecipient, QueuedRecipient } from '../queue/queue.ts'
import type { TraceEvent } from '../trace/trace.ts'
import { checkExpansion, checkRcptVerdict, checkRoute, checkSecret, checkVerdict, checkVerified } from './answers.ts'
import { type About, type Asked, type Asker, createAsker, type OnAnswer, type Question, type Told } from './ask.ts'
import type { Chains, Link } from './chains.ts'
import type {
  Answer,
  AuthHook,
  Courier,
  Defer,
  Identity,
  NextHop,
  QueuedFacts,
  RcptVerdict,
  Reject,
  SessionFacts,
  TransactionFacts,
  Verdict,
} from './contract.ts'
import { Deadlines } from './deadlines.ts'
import type { AuthDecision, HookRunner, RcptDecision } from './generation.ts'
import type { HookName } from './hook-kinds.ts'
import { runMessageChain } from './message-chain.ts'
import { concerns, onFailure, PASS, toldVerdict, withCleanReply } from './verdicts.ts'

export interface RunnerDeps {
  readonly clock: Clock
  readonly log: Logger
  /** The site's final destinations and virtual domains. */
  readonly isLocalDomain: (domain: string) => boolean
  readonly record: OnAnswer
}

const concernsSession = (link: Link<unknown>, session: SessionFacts): boolean =>
  concerns(link, session.service, session.identity !== null)

const concernsQueued = (link: Link<unknown>, { origin }: QueuedFacts): boolean =>
  concerns(link, origin.service, origin.account !== null)

export class ChainRunner implements HookRunner {
  readonly #chains: Chains
  readonly #deps: RunnerDeps
  readonly #deadlines: Deadlines
  readonly #ask: Asker
  readonly #complained = new Set<string>()

  constructor(chains: Chains, deps: RunnerDeps) {
    this.#chains = chains
    this.#deps = deps
    this.#deadlines = new Deadlines(deps.clock)
    this.#ask = createAsker({ clock: deps.clock, log: deps.log, deadlines: this.#deadlines, record: deps.record })
  }

  /** The same chains, each answer told to `record` instead: for a dry run. */
  recording(record: RunnerDeps['record']): ChainRunner {
    return new ChainRunner(this.#chains, { ...this.#deps, record })
  }

  close(): void {
    this.#deadlines.close()
  }

  // -------------------------------------------------------------- gates

  connect(session: SessionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.connect, { hook: 'connect', sid: session.id }, session, session)
  }
  helo(session: SessionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.helo, { hook: 'helo', sid: session.id }, session, session)
  }
  mail(transaction: TransactionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.mail, aboutTransaction('mail', transaction), transaction.session, transaction)
  }
  data(transaction: TransactionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.data, aboutTransaction('data', transaction), transaction.session, transaction)
  }
  mailbox(event: Parameters<HookRunner['mailbox']>[0]): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.mailbox, { hook: 'mailbox', sid: event.session?.id }, event.session, event)
  }

  #gate<S>(
    chain: readonly Link<(subject: S, signal: AbortSignal) => Answer<Verdict>>[],
    about: About,
    session: SessionFacts | null,
    subject: S,
    from = 0,
  ): Verdict | Promise<Verdict> {
    for (let i = from; i < chain.length; i++) {
      const link = chain[i]!
      if (session !== null && !concernsSession(link, session)) continue
      const asked = this.#ask(VERDICT, about, link, (signal) => link.run(subject, signal))
      if (asked instanceof Promise)
        return asked.then((late) => {
          const verdict = decided(link, about, late)
          return verdict.kind === 'pass' ? this.#gate(chain, about, session, subject, i + 1) : verdict
        })
      const verdict = decided(link, about, asked)
      if (verdict.kind !== 'pass') return verdict
    }
    return PASS
  }

  // -------------------------------------------------------------- rcpt

  rcpt(transaction: TransactionFacts, recipient: Recipient): RcptDecision | Promise<RcptDecision> {
    return this.#admission(transaction, { recipient, as: null }, 0)
  }

  #admission(transaction: TransactionFacts, so: Admission, from: number): RcptDecision | Promise<RcptDecision> {
    const chain = this.#chains.rcpt
    let state = so
    let about = aboutRecipient(transaction, so.recipient)
    for (let i = from; i < chain.length; i++) {
      const link = chain[i]!
      if (!concernsSession(link, transaction.session)) continue
      const { recipient } = state
      const asked = this.#ask(RCPT_VERDICT, about, link, (signal) => link.run(transaction, recipient, signal))
      if (asked instanceof Promise)
        return asked.then((result) => {
          const next = this.#admitted(state, link, result)
          return 'kind' in next ? next : this.#admission(transaction, next, i + 1)
        })
      const next = this.#admitted(state, link, asked)
      if ('kind' in next) return next
      if (next.recipient !== recipient) about = aboutRecipient(transaction, next.recipient)
      state = next
    }
    if (state.as !== null) return { kind: 'accept', as: state.as, recipient: state.recipient }
    return this.#isLocal(state.recipient)
      ? {
          kind: 'reject',
          reply: replies.userUnknown(formatAddress(state.recipient.address)),
          detail: 'nobody admitted it',
        }
      : { kind: 'reject', reply: replies.relayDenied(), detail: 'nobody admitted it' }
  }

  #admitted(state: Admission, link: Link<unknown>, asked: Asked<RcptVerdict>): Admission | Reject | Defer {
    const verdict = asked instanceof Failure ? onFailure(link, 'rcpt') : asked
    if (verdict.kind === 'reject' || verdict.kind === 'defer') return withCleanReply(verdict)
    if (verdict.kind !== 'admit') return state
    // an admission counts only where it belongs: a relay right does not make a local user, nor the other way
    const fits = (verdict.as === 'local') === this.#isLocal(state.recipient)
    const recipient = verdict.rewrite && fits ? { ...state.recipient, address: verdict.rewrite } : state.recipient
    return { recipient, as: state.as ?? (fits ? verdict.as : null) }
  }

  #isLocal({ address }: Recipient): boolean {
    return address.domain === '' || this.#deps.isLocalDomain(address.domain)
  }

  // -------------------------------------------------------------- auth

  async authVerify(user: string, password: string, session: SessionFacts): Promise<AuthDecision> {
    const found = await this.#authenticate('verify', VERIFIED, session, (hook, signal) =>
      hook.verify ? hook.verify(user, password, session, signal) : null,
    )
    if (found === 'unavailable') return { kind: 'unavailable' }
    return found === null || found === 'wrong' ? { kind: 'denied' } : { kind: 'identity', identity: found }
  }

  async authSecret(
    user: string,
    scheme: string,
  ): Promise<{ identity: Identity; secret: string } | null | 'unavailable'> {
    return this.#authenticate('secret', SECRET, null, (hook, signal) =>
      hook.secret ? hook.secret(user, scheme, signal) : null,
    )
  }

  async #authenticate<T>(
    method: keyof AuthHook,
    question: Question<T | null>,
    session: SessionFacts | null,
    invoke: (hook: AuthHook, signal: AbortSignal) => Answer<T | null>,
  ): Promise<T | null | 'unavailable'> {
    let failed = false
    for (const link of this.#chains.auth) {
      if (link.run[method] === undefined || (session !== null && !concernsSession(link, session))) continue
      const about: About = { hook: 'auth', sid: session?.id }
      const asked = await this.#ask(question, about, link, (signal) => invoke(link.run, signal))
      if (!(asked instanceof Failure)) {
        if (asked !== null) return asked
        continue
      }
      if (link.onError !== 'pass') return 'unavailable'
      failed = true
    }
    return failed ? 'unavailable' : null
  }

  // -------------------------------------------------------------- message

  message(...[hook, message]: Parameters<HookRunner['message']>): ReturnType<HookRunner['message']> {
    const chain = this.#chains[hook]
    return runMessageChain({ chain, hook, ask: this.#ask, clock: this.#deps.clock }, message)
  }

  // -------------------------------------------------------------- dispatch

  expand(recipient: QueuedRecipient, message: QueuedFacts): ReturnType<HookRunner['expand']> {
    return this.#expansion(aboutQueued('expand', recipient, message), recipient, message, 0)
  }

  #expansion(
    about: About,
    recipient: QueuedRecipient,
    message: QueuedFacts,
    from: number,
  ): ReturnType<HookRunner['expand']> {
    const chain = this.#chains.expand
    for (let i = from; i < chain.length; i++) {
      const link = chain[i]!
      if (!concernsQueued(link, message)) continue
      const asked = this.#ask(EXPANSION, about, link, (signal) => link.run(recipient, message, signal))
      if (asked instanceof Promise)
        return asked.then((late) => expanded(link, late) ?? this.#expansion(about, recipient, message, i + 1))
      const into = expanded(link, asked)
      if (into !== null) return into
    }
    return null
  }

  route(recipient: QueuedRecipient, message: QueuedFacts): ReturnType<HookRunner['route']> {
    return this.#routing(aboutQueued('route', recipient, message), recipient, message, 0)
  }

  #routing(
    about: About,
    recipient: QueuedRecipient,
    message: QueuedFacts,
    from: number,
  ): ReturnType<HookRunner['route']> {
    const chain = this.#chains.route
    for (let i = from; i < chain.length; i++) {
      const link = chain[i]!
      if (!concernsQueued(link, message)) continue
      const asked = this.#ask(ROUTE, about, link, (signal) => link.run(recipient, message, signal))
      if (asked instanceof Promise)
        return asked.then((late) => this.#routed(link, late) ?? this.#routing(about, recipient, message, i + 1))
      const hop = this.#routed(link, asked)
      if (hop !== null) return hop
    }
    return null
  }

  #routed(link: Link<unknown>, asked: Asked<NextHop | Reject | Defer | null>): NextHop | Reject | Defer | null {
    if (asked instanceof Failure)
      return {
        kind: 'defer',
        reply: asked.reply ?? replies.routingFailed('Routing failed for now'),
        detail: `plugin ${link.plugin}: ${asked.detail}`,
      }
    return asked === null ? null : this.#ownCourier(link.plugin, asked)
  }

  /** A second instance of a plugin routes to its own couriers, which bear the entry's name. */
  #ownCourier(plugin: string, hop: NextHop | Reject | Defer): NextHop | Reject | Defer {
    if ('kind' in hop) return withCleanReply(hop)
    const own = `${plugin}.${hop.courier}`
    return this.#chains.couriers.has(own) ? { ...hop, courier: own } : hop
  }

  courier(name: string): Courier | null {
    return this.#chains.couriers.get(name)?.courier ?? null
  }

  // -------------------------------------------------------------- the rest

  observe(event: TraceEvent): void {
    for (const { plugin, run } of this.#chains.observe) {
      try {
        // an async one may be meant where nobody waits
        const told: unknown = run(event)
        if (told instanceof Promise) told.catch((error: unknown) => this.#complain(plugin, error))
      } catch (error) {
        this.#complain(plugin, error)
      }
    }
  }

  #complain(plugin: string, error: unknown): void {
    if (this.#complained.has(plugin)) return
    this.#complained.add(plugin)
    const { detail } = asFailure(error)
    this.#deps.log.error(`plugin ${plugin} failed at observe, said once: ${detail}`, { plugin, hook: 'observe' })
  }

  has(hook: 'message' | 'queued' | 'expand' | 'mailbox'): boolean {
    return this.#chains[hook].length > 0
  }
}

interface Admission {
  readonly recipient: Recipient
  readonly as: 'local' | 'relay' | null
}

const aboutTransaction = (hook: HookName, { id, session }: TransactionFacts): About => ({
  hook,
  tid: id,
  sid: session.id,
})

const aboutQueued = (hook: HookName, recipient: QueuedRecipient, message: QueuedFacts): About => ({
  hook,
  qid: message.queueId,
  rcpt: formatAddress(recipient.address),
})

const aboutRecipient = (transaction: TransactionFacts, { address }: Recipient): About => ({
  hook: 'rcpt',
  tid: transaction.id,
  sid: transaction.session.id,
  rcpt: formatAddress(address),
})

const VERDICT: Question<Verdict> = { check: checkVerdict, told: toldVerdict }
const RCPT_VERDICT: Question<RcptVerdict> = { check: checkRcptVerdict, told: toldVerdict }

const toldIdentity = (answer: unknown): Told => ({
  verdict: answer === null ? 'not mine' : answer === 'wrong' ? 'wrong' : 'identity',
})
const VERIFIED: Question<Identity | 'wrong' | null> = { check: checkVerified, told: toldIdentity }
const SECRET: Question<{ identity: Identity; secret: string } | null> = { check: checkSecret, told: toldIdentity }

const NOT_MINE: Told = { verdict: 'not mine' }
const EXPANSION: Question<readonly NewRecipient[] | null> = {
  check: checkExpansion,
  told: (into) => (into === null ? NOT_MINE : { verdict: 'expanded', detail: into.map(targetOf).join(', ') }),
}
const ROUTE: Question<NextHop | Reject | Defer | null> = { check: checkRoute, told: toldRoute }

const decided = (link: Link<unknown>, { hook }: About, asked: Asked<Verdict>): Verdict =>
  asked instanceof Failure ? onFailure(link, hook) : withCleanReply(asked)

function expanded(link: Link<unknown>, asked: Asked<readonly NewRecipient[] | null>): readonly NewRecipient[] | null {
  if (asked instanceof Failure) throw temporary(`plugin ${link.plugin}: ${asked.detail}`, failureReply(asked))
  return asked
}

const targetOf = ({ address }: NewRecipient): string => formatAddress(address)

const failureReply = ({ reply }: Failure) => (reply === null ? {} : { reply })

function toldRoute(answer: NextHop | Reject | Defer | null): Told {
  if (answer === null) return NOT_MINE
  if ('kind' in answer) return { ...toldVerdict(answer), detail: answer.detail ?? replyLine(answer.reply) }
  return { verdict: 'routed', detail: `${answer.courier}:${answer.destination}` }
}
