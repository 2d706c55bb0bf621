// Asks one plugin one question: deadline, abort signal, check of the answer, record. Never throws.
import type { Clock } from '../base/clock.ts'
import { asFailure, type Failure, type Reply, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { Check } from './answers.ts'
import type { Link } from './chains.ts'
import type { Answer, HeaderEdit } from './contract.ts'
import { Controllers } from './controllers.ts'
import type { Deadlines } from './deadlines.ts'
import type { HookTrace } from './generation.ts'
import { HOOK_KINDS, type HookName } from './hook-kinds.ts'

/** Whom a question is about, for the record. */
export interface About {
  readonly hook: HookName
  readonly sid?: string | undefined
  readonly tid?: string | undefined
  readonly qid?: string | undefined
  readonly rcpt?: string | undefined
}

/** A checked answer, or why there is none. */
export type Asked<T> = T | Failure

/** How an answer stands in trace and `explain`. */
export interface Told {
  readonly verdict: string
  readonly detail?: string | undefined
  readonly reply?: Reply
  readonly edits?: readonly HeaderEdit[]
}

/** Gets every plugin's answer. `ms` is how long it took. */
export type OnAnswer = (about: About, link: Link<unknown>, told: Told, ms: number) => void

export interface AskDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly deadlines: Deadlines
  readonly record: OnAnswer
}

export interface Question<T> {
  readonly check: Check
  readonly told: (answer: T) => Told
  /** Told of an answer that came too late to count. */
  readonly unused?: (answer: T) => void
}

/** `limit` in ms; the shorter of this and the plugin's own limit holds. */
export type Asker = <T>(
  question: Question<T>,
  about: About,
  link: Link<unknown>,
  invoke: (signal: AbortSignal) => Answer<T>,
  limit?: number,
) => Asked<T> | Promise<Asked<T>>

export function createAsker({ clock, log, deadlines, record }: AskDeps): Asker {
  const controllers = new Controllers()

  const failed = (about: About, link: Link<unknown>, thrown: unknown, started: number): Failure => {
    const failure = asFailure(thrown)
    const ms = clock.mono() - started
    record(about, link, { verdict: 'failed', detail: `${failure.detail}; onError: ${link.onError}` }, ms)
    const level = failure.kind === 'bug' ? 'error' : 'warn'
    const where = { ...ids(about), plugin: link.plugin, hook: about.hook, ms: Math.round(ms) }
    log[level](`plugin ${link.plugin} failed at ${about.hook}: ${failure.detail}`, where)
    return failure
  }

  const answered = <T>(
    question: Question<T>,
    about: About,
    link: Link<unknown>,
    answer: T,
    started: number,
  ): Asked<T> => {
    const wrong = question.check(answer)
    if (wrong !== null) return failed(about, link, new Error(wrong), started)
    record(about, link, question.told(answer), clock.mono() - started)
    return answer
  }

  const wait = <T>(
    question: Question<T>,
    about: About,
    link: Link<unknown>,
    promise: PromiseLike<T>,
    controller: AbortController,
    started: number,
    limit: number,
  ): Promise<Asked<T>> =>
    new Promise((resolve) => {
      const deadline = deadlines.start(limit, () => {
        const late = temporary(`no answer within ${Math.round(limit)} ms`)
        resolve(failed(about, link, late, started))
        controller.abort(late)
      })
      promise.then(
        (answer) => {
          deadline.end()
          if (controller.signal.aborted) question.unused?.(answer)
          else {
            controllers.giveBack(controller)
            resolve(answered(question, about, link, answer, started))
          }
        },
        (error: unknown) => {
          deadline.end()
          if (!controller.signal.aborted) resolve(failed(about, link, error, started))
        },
      )
    })

  return (question, about, link, invoke, limit = Number.POSITIVE_INFINITY) => {
    const started = clock.mono()
    if (limit <= 0) return failed(about, link, temporary('no time left for it'), started)
    const controller = controllers.take()
    try {
      const answer = invoke(controller.signal)
      if (isThenable(answer)) {
        const own = link.timeout ?? HOOK_KINDS[about.hook].timeout
        return wait(question, about, link, answer, controller, started, Math.min(own, limit))
      }
      controllers.giveBack(controller)
      return answered(question, about, link, answer, started)
    } catch (error) {
      return failed(about, link, error, started)
    }
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
  edits: told.edits ?? [],
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
