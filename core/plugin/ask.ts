// A round of questions to plugins about one thing: each with a deadline, an abort signal, a check of its answer, a record. Never throws.
import type { Clock } from '../base/clock.ts'
import { asFailure, Failure, type Reply, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { Check } from './answers.ts'
import type { Link } from './chains.ts'
import type { Answer, HeaderEdit } from './contract.ts'
import type { Controllers } from './controllers.ts'
import type { Deadlines } from './deadlines.ts'
import type { HookTrace } from './generation.ts'
import { HOOK_KINDS, type HookName } from './hook-kinds.ts'
import { thrownAt } from './thrown-at.ts'

/** Whom a question is about, for the record. */
export interface About {
  readonly hook: HookName
  readonly sid: string | undefined
  readonly tid: string | undefined
  readonly qid: string | undefined
  readonly rcpt: string | undefined
}

/** A checked answer, or why there is none. */
export type Asked<T> = T | Failure

/** How an answer stands in trace and `explain`. */
export interface Told {
  readonly verdict: string
  readonly detail: string | undefined
  readonly reply: Reply | undefined
  readonly edits: readonly HeaderEdit[]
}

export const NO_EDITS: readonly HeaderEdit[] = []

export const told = (
  verdict: string,
  detail?: string | undefined,
  reply?: Reply | undefined,
  edits: readonly HeaderEdit[] = NO_EDITS,
): Told => ({ verdict, detail, reply, edits })

/** Gets every plugin's answer. `ms` is how long it took. */
export type OnAnswer = (about: About, link: Link<unknown>, told: Told, ms: number) => void

export interface AskDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly deadlines: Deadlines
  readonly controllers: Controllers
  readonly record: OnAnswer
}

export interface Question<T> {
  readonly check: Check
  readonly told: (answer: T) => Told
  /** Told of an answer that came too late to count. */
  readonly unused?: (answer: T) => void
}

/** Of one client: a chain's plugins are asked whose entry wants to hear of it. */
export class Round {
  about: About
  readonly #deps: AskDeps
  /** null: nobody's, so all are asked. */
  readonly #service: string | null
  readonly #authenticated: boolean
  readonly #until: number
  /** When the plugin before answered: the next one's time counts from here. */
  #at: number

  /** All its plugins together have `limit` ms; each its own limit besides. */
  constructor(
    deps: AskDeps,
    about: About,
    service: string | null,
    authenticated: boolean,
    limit = Number.POSITIVE_INFINITY,
  ) {
    this.#deps = deps
    this.about = about
    this.#service = service
    this.#authenticated = authenticated
    this.#at = deps.clock.mono()
    this.#until = this.#at + limit
  }

  /** Asks one after the other until an answer decides; null: none did. A promise only where a plugin waits. */
  through<F, T, R>(
    chain: readonly Link<F>[],
    question: Question<T>,
    invoke: (run: F, signal: AbortSignal) => Answer<T>,
    decide: (asked: Asked<T>, link: Link<F>, about: About) => R | null,
    from = 0,
  ): R | null | Promise<R | null> {
    for (let i = from; i < chain.length; i++) {
      const link = chain[i]!
      if (!this.#concerns(link)) continue
      const asked = this.#ask(question, link, invoke)
      if (asked instanceof Promise)
        return asked.then((late) => {
          this.#at = this.#deps.clock.mono()
          return decide(late, link, this.about) ?? this.through(chain, question, invoke, decide, i + 1)
        })
      const decision = decide(asked, link, this.about)
      if (decision !== null) return decision
    }
    return null
  }

  #concerns({ listeners, authenticated }: Link<unknown>): boolean {
    if (this.#service === null) return true
    return (
      (listeners === null || listeners.has(this.#service)) &&
      (authenticated === null || authenticated === this.#authenticated)
    )
  }

  #ask<F, T>(
    question: Question<T>,
    link: Link<F>,
    invoke: (run: F, signal: AbortSignal) => Answer<T>,
  ): Asked<T> | Promise<Asked<T>> {
    if (this.#at >= this.#until) return this.#failed(link, temporary('no time left for it'))
    const { controllers } = this.#deps
    const controller = controllers.take()
    try {
      const answer = invoke(link.run, controller.signal)
      if (isThenable(answer)) return this.#wait(question, link, answer, controller)
      controllers.giveBack(controller)
      return this.#answered(question, link, answer)
    } catch (error) {
      return this.#failed(link, error)
    }
  }

  #wait<T>(
    question: Question<T>,
    link: Link<unknown>,
    promise: PromiseLike<T>,
    controller: AbortController,
  ): Promise<Asked<T>> {
    const { deadlines, controllers } = this.#deps
    const limit = Math.min(link.timeout ?? HOOK_KINDS[this.about.hook].timeout, this.#until - this.#at)
    return new Promise((resolve) => {
      const deadline = deadlines.start(limit, () => {
        const late = temporary(`no answer within ${Math.round(limit)} ms`)
        resolve(this.#failed(link, late))
        controller.abort(late)
      })
      promise.then(
        (answer) => {
          deadline.end()
          if (controller.signal.aborted) question.unused?.(answer)
          else {
            controllers.giveBack(controller)
            resolve(this.#answered(question, link, answer))
          }
        },
        (error: unknown) => {
          deadline.end()
          if (!controller.signal.aborted) resolve(this.#failed(link, error))
        },
      )
    })
  }

  #answered<T>(question: Question<T>, link: Link<unknown>, answer: T): Asked<T> {
    const wrong = question.check(answer)
    if (wrong !== null) return this.#failed(link, new Failure('bug', wrong))
    this.#deps.record(this.about, link, question.told(answer), this.#took())
    return answer
  }

  #failed(link: Link<unknown>, thrown: unknown): Failure {
    const { log, record } = this.#deps
    const failure = asFailure(thrown)
    const ms = this.#took()
    record(this.about, link, told('failed', `${failure.detail}; onError: ${link.onError}`), ms)
    const level = failure.kind === 'bug' ? 'error' : 'warn'
    const place = thrownAt(failure.cause)
    const where = { ...ids(this.about), plugin: link.plugin, hook: this.about.hook, ms: Math.round(ms) }
    log[level](
      `plugin ${link.plugin} failed at ${this.about.hook}: ${failure.detail}`,
      place === '' ? where : { ...where, place },
    )
    return failure
  }

  #took(): number {
    const now = this.#deps.clock.mono()
    const ms = now - this.#at
    this.#at = now
    return ms
  }
}

/** An answer as a dry run shows it. */
export const hookTrace = (about: About, link: Link<unknown>, told: Told, ms: number): HookTrace => ({
  plugin: link.plugin,
  hook: about.hook,
  stage: link.stage,
  verdict: told.verdict,
  detail: told.detail ?? '',
  reply: told.reply ?? null,
  edits: told.edits,
  ms: roundMs(ms),
})

export const roundMs = (ms: number): number => Math.round(ms * 100) / 100

const isThenable = <T>(value: Answer<T>): value is Promise<T> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

const ids = ({ sid, tid, qid, rcpt }: About) => ({
  ...(sid === undefined ? {} : { sid }),
  ...(tid === undefined ? {} : { tid }),
  ...(qid === undefined ? {} : { qid }),
  ...(rcpt === undefined ? {} : { rcpt }),
})
