// Runs each hook's chain: order, deadlines, how answers combine, what a plugin's failure means. Never throws but at `expand`.
import type { Clock } from '../base/clock.ts'
import { type Failure, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { formatAddress } from '../message/address.ts'
import type { Recipient } from '../message/envelope.ts'
import { replies, replyLine } from '../message/reply.ts'
import type { NewRecipient, QueuedRecipient } from '../queue/queue.ts'
import type { TraceEvent } from '../trace/trace.ts'
import {
  type Check,
  checkExpansion,
  checkRcptVerdict,
  checkRoute,
  checkSecret,
  checkVerdict,
  checkVerified,
} from './answers.ts'
import { type About, type Asked, type Asker, createAsker, type Told } from './ask.ts'
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
import type { AuthDecision, HookRunner, HookTrace, RcptDecision } from './generation.ts'
import type { HookName } from './hook-kinds.ts'
import { runMessageChain } from './message-chain.ts'
import { concerns, onFailure, PASS, toldVerdict, withCleanReply } from './verdicts.ts'

export interface RunnerDeps {
  readonly clock: Clock
  readonly log: Logger
  /** The site's final destinations and virtual domains. */
  readonly isLocalDomain: (domain: string) => boolean
  readonly record: (trace: HookTrace, about: About) => void
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
    const about: About = { hook: 'connect', sid: session.id }
    return this.#gate(this.#chains.connect, about, session, (run, signal) => run(session, signal))
  }
  helo(session: SessionFacts): Verdict | Promise<Verdict> {
    const about: About = { hook: 'helo', sid: session.id }
    return this.#gate(this.#chains.helo, about, session, (run, signal) => run(session, signal))
  }
  mail(transaction: TransactionFacts): Verdict | Promise<Verdict> {
    const about = aboutTransaction('mail', transaction)
    return this.#gate(this.#chains.mail, about, transaction.session, (run, signal) => run(transaction, signal))
  }
  data(transaction: TransactionFacts): Verdict | Promise<Verdict> {
    const about = aboutTransaction('data', transaction)
    return this.#gate(this.#chains.data, about, transaction.session, (run, signal) => run(transaction, signal))
  }
  mailbox(event: Parameters<HookRunner['mailbox']>[0]): Verdict | Promise<Verdict> {
    const about: About = { hook: 'mailbox', sid: event.session?.id }
    return this.#gate(this.#chains.mailbox, about, event.session, (run, signal) => run(event, signal))
  }

  #gate<F>(
    chain: readonly Link<F>[],
    about: About,
    session: SessionFacts | null,
    invoke: (run: F, signal: AbortSignal) => Answer<Verdict>,
    from = 0,
  ): Verdict | Promise<Verdict> {
    for (let i = from; i < chain.length; i++) {
      const link = chain[i]!
      if (session !== null && !concernsSession(link, session)) continue
      const asked = this.#ask({
        about,
        link,
        check: checkVerdict,
        told: toldVerdict,
        invoke: (s) => invoke(link.run, s),
      })
      const decide = (result: Asked<Verdict>): Verdict =>
        result.ok ? withCleanReply(result.answer) : onFailure(link, about.hook)
      if (asked instanceof Promise)
        return asked.then((result) => {
          const verdict = decide(result)
          return verdict.kind === 'pass' ? this.#gate(chain, about, session, invoke, i + 1) : verdict
        })
      const verdict = decide(asked)
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
    for (let i = from; i < chain.length; i++) {
      const link = chain[i]!
      if (!concernsSession(link, transaction.session)) continue
      const { recipient } = state
      const asked = this.#ask<RcptVerdict>({
        about: { ...aboutTransaction('rcpt', transaction), rcpt: formatAddress(recipient.address) },
        link,
        check: checkRcptVerdict,
        told: toldVerdict,
        invoke: (signal) => link.run(transaction, recipient, signal),
      })
      if (asked instanceof Promise)
        return asked.then((result) => {
          const next = this.#admitted(state, link, result)
          return 'kind' in next ? next : this.#admission(transaction, next, i + 1)
        })
      const next = this.#admitted(state, link, asked)
      if ('kind' in next) return next
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
    const verdict = asked.ok ? asked.answer : onFailure(link, 'rcpt')
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
    const found = await this.#authenticate('verify', checkVerified, session, (hook, signal) =>
      hook.verify ? hook.verify(user, password, session, signal) : null,
    )
    if (found === 'unavailable') return { kind: 'unavailable' }
    return found === null || found === 'wrong' ? { kind: 'denied' } : { kind: 'identity', identity: found }
  }

  async authSecret(
    user: string,
    scheme: string,
  ): Promise<{ identity: Identity; secret: string } | null | 'unavailable'> {
    return this.#authenticate('secret', checkSecret, null, (hook, signal) =>
      hook.secret ? hook.secret(user, scheme, signal) : null,
    )
  }

  async #authenticate<T>(
    method: keyof AuthHook,
    check: Check,
    session: SessionFacts | null,
    invoke: (hook: AuthHook, signal: AbortSignal) => Answer<T | null>,
  ): Promise<T | null | 'unavailable'> {
    let failed = false
    for (const link of this.#chains.auth) {
      if (link.run[method] === undefined || (session !== null && !concernsSession(link, session))) continue
      const asked = await this.#ask<T | null>({
        about: { hook: 'auth', sid: session?.id },
        link,
        check,
        told: (answer) => ({ verdict: answer === null ? 'not mine' : answer === 'wrong' ? 'wrong' : 'identity' }),
        invoke: (signal) => invoke(link.run, signal),
      })
      if (asked.ok && asked.answer !== null) return asked.answer
      if (asked.ok) continue
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

  async expand(recipient: QueuedRecipient, message: QueuedFacts): Promise<readonly NewRecipient[] | null> {
    for (const link of this.#chains.expand) {
      if (!concernsQueued(link, message)) continue
      const asked = await this.#ask<readonly NewRecipient[] | null>({
        about: aboutQueued('expand', recipient, message),
        link,
        check: checkExpansion,
        told: (into) => ({ verdict: into === null ? 'not mine' : 'expanded', detail: into?.map(targetOf).join(', ') }),
        invoke: (signal) => link.run(recipient, message, signal),
      })
      if (!asked.ok) throw temporary(`plugin ${link.plugin}: ${asked.failure.detail}`, failureReply(asked.failure))
      if (asked.answer !== null) return asked.answer
    }
    return null
  }

  async route(recipient: QueuedRecipient, message: QueuedFacts): Promise<NextHop | Reject | Defer | null> {
    for (const link of this.#chains.route) {
      if (!concernsQueued(link, message)) continue
      const asked = await this.#ask<NextHop | Reject | Defer | null>({
        about: aboutQueued('route', recipient, message),
        link,
        check: checkRoute,
        told: toldRoute,
        invoke: (signal) => link.run(recipient, message, signal),
      })
      if (!asked.ok)
        return {
          kind: 'defer',
          reply: asked.failure.reply ?? replies.routingFailed('Routing failed for now'),
          detail: `plugin ${link.plugin}: ${asked.failure.detail}`,
        }
      if (asked.answer !== null) return this.#ownCourier(link.plugin, asked.answer)
    }
    return null
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
        run(event)
      } catch (error) {
        if (this.#complained.has(plugin)) continue
        this.#complained.add(plugin)
        this.#deps.log.error(`plugin ${plugin} failed at observe, said once: ${String(error)}`, {
          plugin,
          hook: 'observe',
        })
      }
    }
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

const targetOf = ({ address }: NewRecipient): string => formatAddress(address)

const failureReply = ({ reply }: Failure) => (reply === null ? {} : { reply })

function toldRoute(answer: NextHop | Reject | Defer | null): Told {
  if (answer === null) return { verdict: 'not mine' }
  if ('kind' in answer) return { ...toldVerdict(answer), detail: answer.detail ?? replyLine(answer.reply) }
  return { verdict: 'routed', detail: `${answer.courier}:${answer.destination}` }
}
