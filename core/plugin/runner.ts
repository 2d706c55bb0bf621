// Runs each hook's chain: order, deadlines, how answers combine, what a plugin's failure means. Never throws but at `expand`.
import type { Clock } from '../base/clock.ts'
import { asFailure, Failure, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { formatAddress } from '../message/address.ts'
import type { Recipient } from '../message/envelope.ts'
import { replies } from '../message/reply.ts'
import type { NewRecipient, QueuedRecipient } from '../queue/queue.ts'
import type { TraceEvent } from '../trace/trace.ts'
import { checkExpansion, checkRcptVerdict, checkRoute, checkSecret, checkVerdict, checkVerified } from './answers.ts'
import { type About, type AskDeps, type Asked, type OnAnswer, type Question, Round, type Told, told } from './ask.ts'
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
import { Controllers } from './controllers.ts'
import { Deadlines } from './deadlines.ts'
import type { AuthDecision, HookRunner, RcptDecision } from './generation.ts'
import type { HookName } from './hook-kinds.ts'
import { runMessageChain } from './message-chain.ts'
import { soundCourier } from './outcomes.ts'
import { thrownAt } from './thrown-at.ts'
import { onFailure, PASS, toldVerdict, withCleanReply } from './verdicts.ts'

export interface RunnerDeps {
  readonly clock: Clock
  readonly log: Logger
  /** The site's final destinations and virtual domains. */
  readonly isLocalDomain: (domain: string) => boolean
  readonly record: OnAnswer
}

export class ChainRunner implements HookRunner {
  readonly #chains: Chains
  readonly #deps: RunnerDeps
  readonly #asks: AskDeps
  readonly #complained = new Set<string>()
  readonly #couriers: ReadonlyMap<string, Courier>

  constructor(chains: Chains, deps: RunnerDeps) {
    this.#chains = chains
    this.#deps = deps
    const { clock, log, record } = deps
    this.#asks = { clock, log, record, deadlines: new Deadlines(clock), controllers: new Controllers() }
    this.#couriers = new Map(Array.from(chains.couriers, ([name, courier]) => [name, soundCourier(name, courier, log)]))
  }

  /** The same chains, each answer told to `record` instead: for a dry run. */
  recording(record: RunnerDeps['record']): ChainRunner {
    return new ChainRunner(this.#chains, { ...this.#deps, record })
  }

  close(): void {
    this.#asks.deadlines.close()
  }

  #round(about: About, session: SessionFacts | null): Round {
    return session === null
      ? new Round(this.#asks, about, null, false)
      : new Round(this.#asks, about, session.service, session.identity !== null)
  }

  // -------------------------------------------------------------- gates

  connect(session: SessionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.connect, 'connect', session, session)
  }
  helo(session: SessionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.helo, 'helo', session, session)
  }
  mail(transaction: TransactionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.mail, 'mail', transaction.session, transaction, transaction.id)
  }
  data(transaction: TransactionFacts): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.data, 'data', transaction.session, transaction, transaction.id)
  }
  mailbox(event: Parameters<HookRunner['mailbox']>[0]): Verdict | Promise<Verdict> {
    return this.#gate(this.#chains.mailbox, 'mailbox', event.session, event)
  }

  #gate<S>(
    chain: readonly Link<(subject: S, signal: AbortSignal) => Answer<Verdict>>[],
    hook: HookName,
    session: SessionFacts | null,
    subject: S,
    tid?: string,
  ): Verdict | Promise<Verdict> {
    if (chain.length === 0) return PASS
    const about = { hook, sid: session?.id, tid, qid: undefined, rcpt: undefined }
    const refusal = this.#round(about, session).through(
      chain,
      VERDICT,
      (run, signal) => run(subject, signal),
      refusalIn,
    )
    return refusal instanceof Promise ? refusal.then(orPass) : orPass(refusal)
  }

  // -------------------------------------------------------------- rcpt

  rcpt(transaction: TransactionFacts, asked: Recipient): RcptDecision | Promise<RcptDecision> {
    let recipient = asked
    let as: 'local' | 'relay' | null = null
    const round = this.#round(aboutRecipient(transaction, recipient), transaction.session)
    const decide = (answer: Asked<RcptVerdict>, link: Link<unknown>): Reject | Defer | null => {
      const verdict = answer instanceof Failure ? onFailure(link, 'rcpt') : answer
      if (verdict.kind === 'reject' || verdict.kind === 'defer') return withCleanReply(verdict)
      // an admission counts only where it belongs: a relay right does not make a local user, nor the other way
      if (verdict.kind === 'pass' || (verdict.as === 'local') !== this.#isLocal(recipient)) return null
      as ??= verdict.as
      if (verdict.rewrite) {
        recipient = { ...recipient, address: verdict.rewrite }
        round.about = aboutRecipient(transaction, recipient)
      }
      return null
    }
    const decision = (refusal: Reject | Defer | null): RcptDecision => {
      if (refusal !== null) return refusal
      return as === null ? this.#nobodyAdmitted(recipient) : { kind: 'accept', as, recipient }
    }
    const refusal = round.through(
      this.#chains.rcpt,
      RCPT_VERDICT,
      (run, signal) => run(transaction, recipient, signal),
      decide,
    )
    return refusal instanceof Promise ? refusal.then(decision) : decision(refusal)
  }

  #nobodyAdmitted(recipient: Recipient): Reject {
    const reply = this.#isLocal(recipient)
      ? replies.userUnknown(formatAddress(recipient.address))
      : replies.relayDenied()
    return { kind: 'reject', reply, detail: 'nobody admitted it' }
  }

  isLocalDomain(domain: string): boolean {
    return this.#deps.isLocalDomain(domain)
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
    const chain = this.#chains.auth.filter(({ run }) => run[method] !== undefined)
    const about: About = { hook: 'auth', sid: session?.id, tid: undefined, qid: undefined, rcpt: undefined }
    const round = this.#round(about, session)
    let failed = false
    const known = await round.through(chain, question, invoke, (asked, link) => {
      if (!(asked instanceof Failure)) return asked
      if (link.onError !== 'pass') return 'unavailable' as const
      failed = true
      return null
    })
    return known ?? (failed ? 'unavailable' : null)
  }

  // -------------------------------------------------------------- message

  message(...[hook, message]: Parameters<HookRunner['message']>): ReturnType<HookRunner['message']> {
    return runMessageChain(this.#asks, this.#chains[hook], hook, message)
  }

  // -------------------------------------------------------------- dispatch

  expand(recipient: QueuedRecipient, message: QueuedFacts): ReturnType<HookRunner['expand']> {
    const round = this.#queuedRound('expand', recipient, message)
    return round.through(this.#chains.expand, EXPANSION, (run, signal) => run(recipient, message, signal), expanded)
  }

  route(recipient: QueuedRecipient, message: QueuedFacts): ReturnType<HookRunner['route']> {
    const round = this.#queuedRound('route', recipient, message)
    return round.through(
      this.#chains.route,
      ROUTE,
      (run, signal) => run(recipient, message, signal),
      (asked, link) => this.#routed(asked, link),
    )
  }

  #queuedRound(hook: HookName, { address }: QueuedRecipient, { queueId, origin }: QueuedFacts): Round {
    const about = { hook, sid: undefined, tid: undefined, qid: queueId, rcpt: formatAddress(address) }
    return new Round(this.#asks, about, origin.service, origin.account !== null)
  }

  #routed(asked: Asked<NextHop | Reject | Defer | null>, link: Link<unknown>): NextHop | Reject | Defer | null {
    if (asked instanceof Failure)
      return {
        kind: 'defer',
        reply: asked.reply ?? replies.routingFailed('Routing failed for now'),
        detail: `plugin ${link.plugin}: ${asked.detail}`,
      }
    return asked === null ? null : this.#ownCourier(link, asked)
  }

  /** A second instance of a plugin routes to its own couriers, which bear the entry's name. */
  #ownCourier({ plugin, renamed }: Link<unknown>, hop: NextHop | Reject | Defer): NextHop | Reject | Defer {
    if ('kind' in hop) return withCleanReply(hop)
    if (!renamed) return hop
    const own = `${plugin}.${hop.courier}`
    return this.#couriers.has(own) ? { ...hop, courier: own } : hop
  }

  courier(name: string): Courier | null {
    return this.#couriers.get(name) ?? null
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
    const where = { plugin, hook: 'observe', place: thrownAt(error) }
    this.#deps.log.error(`plugin ${plugin} failed at observe, said once: ${detail}`, where)
  }

  has(hook: 'message' | 'queued' | 'expand' | 'mailbox'): boolean {
    return this.#chains[hook].length > 0
  }
}

const aboutRecipient = ({ id, session }: TransactionFacts, { address }: Recipient): About => ({
  hook: 'rcpt',
  sid: session.id,
  tid: id,
  qid: undefined,
  rcpt: formatAddress(address),
})

const VERDICT: Question<Verdict> = { check: checkVerdict, told: toldVerdict }
const RCPT_VERDICT: Question<RcptVerdict> = { check: checkRcptVerdict, told: toldVerdict }

const NOT_MINE = told('not mine')
const toldIdentity = (answer: unknown): Told =>
  answer === null ? NOT_MINE : told(answer === 'wrong' ? 'wrong' : 'identity')
const VERIFIED: Question<Identity | 'wrong' | null> = { check: checkVerified, told: toldIdentity }
const SECRET: Question<{ identity: Identity; secret: string } | null> = { check: checkSecret, told: toldIdentity }

const EXPANSION: Question<readonly NewRecipient[] | null> = {
  check: checkExpansion,
  told: (into) => (into === null ? NOT_MINE : told('expanded', into.map(targetOf).join(', '))),
}
const ROUTE: Question<NextHop | Reject | Defer | null> = { check: checkRoute, told: toldRoute }

const orPass = (refusal: Verdict | null): Verdict => refusal ?? PASS

function refusalIn(asked: Asked<Verdict>, link: Link<unknown>, { hook }: About): Verdict | null {
  const verdict = asked instanceof Failure ? onFailure(link, hook) : asked
  return verdict.kind === 'pass' ? null : withCleanReply(verdict)
}

function expanded(asked: Asked<readonly NewRecipient[] | null>, link: Link<unknown>): readonly NewRecipient[] | null {
  if (asked instanceof Failure) throw temporary(`plugin ${link.plugin}: ${asked.detail}`, failureReply(asked))
  return asked
}

const targetOf = ({ address }: NewRecipient): string => formatAddress(address)

const failureReply = ({ reply }: Failure) => (reply === null ? {} : { reply })

function toldRoute(answer: NextHop | Reject | Defer | null): Told {
  if (answer === null) return NOT_MINE
  if ('kind' in answer) return told(answer.kind, answer.detail ?? [answer.reply.text].flat().join(' '), answer.reply)
  return told('routed', `${answer.courier}:${answer.destination}`)
}
