// Asks one plugin one question: deadline, abort signal, check of the answer, record. Never throws.
import type { Clock } from '../base/clock.ts'
import { asFailure, type Failure, type Reply, temporary } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { Check } from './answers.ts'
import type { Link } from './chains.ts'
import type { Answer, HeaderEdit } from './contract.ts'
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

export type Asked<T> = { readonly ok: true; readonly answer: T } | { readonly ok: false; readonly failure: Failure }

/** How an answer stands in trace and `explain`. */
export interface Told {
  readonly verdict: string
  readonly detail?: string | undefined
  readonly reply?: Reply
  readonly edits?: readonly HeaderEdit[]
}

export interface AskDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly deadlines: Deadlines
  /** Gets every plugin's answer. */
  readonly record: (trace: HookTrace, about: About) => void
}

export interface Question<T> {
  readonly about: About
  readonly link: Link<unknown>
  readonly invoke: (signal: AbortSignal) => Answer<T>
  readonly check: Check
  readonly told: (answer: T) => Told
  /** Told of an answer that came too late to count. */
  readonly unused?: (answer: T) => void
  /** ms; the shorter of this and the plugin's own limit holds. */
  readonly limit?: number
}

export type Asker = <T>(question: Question<T>) => Asked<T> | Promise<Asked<T>>

export function createAsker({ clock, log, deadlines, record }: AskDeps): Asker {
  // a signal that no asynchronous plugin holds can serve the next question
  let spare = new AbortController()

  const failed = <T>(question: Question<T>, thrown: unknown, started: number): Asked<T> => {
    const failure = asFailure(thrown)
    const { about, link } = question
    const ms = clock.mono() - started
    record(trace(question, ms, { verdict: 'failed', detail: `${failure.detail}; onError: ${link.onError}` }), about)
    const level = failure.kind === 'bug' ? 'error' : 'warn'
    const where = { ...ids(about), plugin: link.plugin, hook: about.hook, ms: Math.round(ms) }
    log[level](`plugin ${link.plugin} failed at ${about.hook}: ${failure.detail}`, where)
    return { ok: false, failure }
  }

  const answered = <T>(question: Question<T>, answer: T, started: number): Asked<T> => {
    const wrong = question.check(answer)
    if (wrong !== null) return failed(question, new Error(wrong), started)
    record(trace(question, clock.mono() - started, question.told(answer)), question.about)
    return { ok: true, answer }
  }

  const wait = <T>(question: Question<T>, promise: Promise<T>, started: number): Promise<Asked<T>> => {
    const controller = spare
    spare = new AbortController()
    const limit = limitOf(question)
    return new Promise((resolve) => {
      const deadline = deadlines.start(limit, () => {
        const late = temporary(`no answer within ${Math.round(limit)} ms`)
        resolve(failed(question, late, started))
        controller.abort(late)
      })
      promise.then(
        (answer) => {
          deadline.end()
          if (controller.signal.aborted) question.unused?.(answer)
          else resolve(answered(question, answer, started))
        },
        (error: unknown) => {
          deadline.end()
          if (!controller.signal.aborted) resolve(failed(question, error, started))
        },
      )
    })
  }

  return (question) => {
    const started = clock.mono()
    if (question.limit !== undefined && question.limit <= 0)
      return failed(question, temporary('no time left for it'), started)
    try {
      const answer = question.invoke(spare.signal)
      return isThenable(answer) ? wait(question, Promise.resolve(answer), started) : answered(question, answer, started)
    } catch (error) {
      return failed(question, error, started)
    }
  }
}

type Asking = Pick<Question<unknown>, 'about' | 'link' | 'limit'>

const limitOf = ({ about, link, limit }: Asking): number =>
  Math.min(link.timeout ?? HOOK_KINDS[about.hook].timeout, limit ?? Number.POSITIVE_INFINITY)

const isThenable = <T>(value: Answer<T>): value is Promise<T> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'

const ids = ({ sid, tid, qid, rcpt }: About) => ({
  ...(sid === undefined ? {} : { sid }),
  ...(tid === undefined ? {} : { tid }),
  ...(qid === undefined ? {} : { qid }),
  ...(rcpt === undefined ? {} : { rcpt }),
})

const trace = ({ about, link }: Asking, ms: number, told: Told): HookTrace => ({
  plugin: link.plugin,
  hook: about.hook,
  stage: link.stage,
  verdict: told.verdict,
  detail: told.detail ?? '',
  reply: told.reply ?? null,
  edits: told.edits ?? [],
  ms: Math.round(ms * 100) / 100,
})
