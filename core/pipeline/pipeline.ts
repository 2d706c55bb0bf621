// Both pipes on one page: intake (receive → filter → enqueue → reply) and dispatch (due → prepare → lane → deliver → settle).
// each by its own module: the package as a whole is 220 files, a tenth of the server's start
import { Subject } from 'rxjs/internal/Subject'
import { asFailure, type Reply } from '../base/failure.ts'
import { replies } from '../message/reply.ts'
import type { QueueItem } from '../queue/queue.ts'
import { Attempts } from './attempts.ts'
import { deferral, deliver, openAmong } from './deliver.ts'
import type { PipelineDeps } from './deps.ts'
import { each } from './each.ts'
import { enqueue } from './enqueue.ts'
import { createEvents } from './events.ts'
import { type Filtered, filterMessage } from './filter.ts'
import { filterQueued } from './filter-queued.ts'
import type { Intake, Submission } from './intake.ts'
import { createLanes, type LaneWork } from './lane.ts'
import { prepare } from './prepare.ts'
import { type ReceivedMessage, receiveMessage } from './receive.ts'
import { settle } from './settle.ts'

/** Submissions in work at once: each belongs to a session that waits, so this bounds memory, not mail. */
const INTAKE_CONCURRENCY = 1000
const PREPARE_CONCURRENCY = 64
/** To hosts, at once. Twice MAX_TRIALS: those that do not answer hold one half at most. */
const SEND_CONCURRENCY = 1000
/** By couriers that reach every next hop, at once: of these places hosts that stall hold none. */
const DELIVER_CONCURRENCY = 1000
const DEFER_CONCURRENCY = 64
/** Items and lane works under way at once: the window on an unbounded queue. */
const WINDOW = 20_000
/** A due time further off than this is looked at again, so that a jump of the clock strands nothing. */
const LONGEST_WAIT_MS = 60_000
const DEFAULT_CONCURRENCY = 20

export interface Pipeline {
  readonly intake: Intake
  /** Begins to dispatch what the queue holds. */
  start(): void
  /** Looks at the queue now and opens closed lanes (`queue flush`). */
  flush(): void
  lanes(): readonly { key: string; waiting: number; running: number; closedForMs: number }[]
  /** Ends dispatch: attempts under way may finish for `ms`, then they are cut off and stay queued. */
  stop(ms: number): Promise<void>
}

interface Job {
  readonly submission: Submission
  readonly answer: (replies: readonly Reply[]) => void
}

interface Postponed {
  readonly work: LaneWork
  readonly reply: Reply
  /** Monotonic ms. */
  readonly until: number
}

export function createPipeline(deps: PipelineDeps): Pipeline {
  const { queue, clock, log, generations } = deps
  const events = createEvents(log, deps.trace, () => clock.now())

  // ---------------------------------------------------------------- intake
  const submitted = new Subject<Job>()
  submitted.pipe(each(takeIn, INTAKE_CONCURRENCY)).subscribe()

  async function takeIn({ submission, answer }: Job): Promise<void> {
    const { transaction, envelope } = submission
    let answers: readonly Reply[]
    let received: ReceivedMessage | null = null
    let filtered: Filtered | null = null
    try {
      const whole = receiveMessage(submission, clock.now(), deps.spool)
      received = whole instanceof Promise ? await whole : whole
      const passed = filterMessage(submission, received)
      filtered = passed instanceof Promise ? await passed : passed
      answers = await enqueue(deps, events, submission, received, filtered)
    } catch (thrown) {
      const failure = asFailure(thrown)
      if (failure.kind === 'bug')
        log.error(`intake failed: ${failure.detail}`, { tid: transaction.id, component: 'cleanup' })
      const reply = failure.reply ?? replies.internalError()
      answers = submission.replyPerRecipient ? envelope.recipients.map(() => reply) : [reply]
    } finally {
      submission.body.release()
      // a plugin's new body is another one
      if (filtered && received && filtered.content.body !== received.content.body) filtered.content.body.release()
      received?.parted?.release()
    }
    const refused = answers.find((r) => r.code >= 400)
    if (refused) events.refused(submission.queueId, transaction, refused)
    answer(answers)
  }

  // -------------------------------------------------------------- dispatch
  const attempts = new Attempts(clock)
  const busy = new Map<string, Set<number>>()
  let active = 0
  let preparing = 0
  let running = 0
  let whenIdle: (() => void) | null = null

  const due = new Subject<QueueItem>()
  const here = new Subject<LaneWork>()
  const elsewhere = new Subject<LaneWork>()
  const postponed = new Subject<Postponed>()
  const lanes = createLanes(
    clock,
    (hop) => {
      const courier = generations.current().hooks.courier(hop.courier)
      const concurrency = courier?.concurrency ?? DEFAULT_CONCURRENCY
      const first = courier?.firstConcurrency
      return { concurrency, firstConcurrency: first === undefined ? null : Math.min(concurrency, first) }
    },
    (work, { firstConcurrency }) => (firstConcurrency === null ? here : elsewhere).next(work),
  )

  due.pipe(each(prepareItem, PREPARE_CONCURRENCY)).subscribe()
  here.pipe(each(run, DELIVER_CONCURRENCY)).subscribe()
  elsewhere.pipe(each(run, SEND_CONCURRENCY)).subscribe()
  postponed.pipe(each(postpone, DEFER_CONCURRENCY)).subscribe()

  async function prepareItem(item: QueueItem): Promise<void> {
    preparing++
    const generation = generations.current()
    generation.hold()
    try {
      // what has passed the filters the queue gives again
      if (item.filtered) await prepare(deps, events, item, generation, isBusy, toLane)
      else await filterQueued(deps, events, item, generation)
    } catch (thrown) {
      failed(thrown)
    }
    generation.release()
    preparing--
    finished()
  }

  async function run(work: LaneWork): Promise<void> {
    running++
    let inLane = true
    // the lane goes on while the outcome is being recorded: its concurrency is what the next hop bears
    const leaveLane = (hostDown: Reply | null): void => {
      inLane = false
      const until = clock.mono()
      for (const waiting of lanes.done(work.lane, hostDown)) postponed.next({ work: waiting, reply: hostDown!, until })
    }
    try {
      await deliver(deps, events, work, attempts, leaveLane)
    } catch (thrown) {
      failed(thrown)
    }
    if (inLane) lanes.leave(work.lane)
    running--
    release(work)
    finished()
    if (running === 0) whenIdle?.()
  }

  function toLane(work: LaneWork): void {
    active++
    const taken = busy.get(work.queueId) ?? new Set()
    for (const n of work.recipients) taken.add(n)
    busy.set(work.queueId, taken)
    const answer = lanes.add(work)
    if (answer === 'taken') return
    if ('fullForMs' in answer) sendAway(work, answer.fullForMs)
    else postponed.next({ work, reply: answer.deferred, until: answer.until })
  }

  /** Leaves work that its lane has no room for in the queue: due again when a lease that nobody uses runs out. */
  function sendAway(work: LaneWork, ms: number): void {
    const item = queue.get(work.queueId)
    const open = item ? openAmong(item, work.recipients) : []
    if (item && open.length > 0) {
      const numbers = open.map((r) => r.n)
      queue.claim(item.id, numbers, ms)
    }
    release(work)
    finished()
    wake()
  }

  /** Defers work that its lane does not take, with the reply that closed the lane. */
  async function postpone({ work, reply, until }: Postponed): Promise<void> {
    try {
      const item = queue.get(work.queueId)
      const notBefore = clock.now() + Math.max(0, until - clock.mono())
      const outcomes = (item ? openAmong(item, work.recipients) : []).map((r) =>
        deferral(r, work, reply, 'destination backs off', notBefore),
      )
      if (outcomes.length > 0) await settle(deps, events, item!, outcomes, null, null)
    } catch (thrown) {
      failed(thrown)
    }
    release(work)
    finished()
  }

  const isBusy = (id: string, n: number): boolean => busy.get(id)?.has(n) ?? false

  function release(work: LaneWork): void {
    const taken = busy.get(work.queueId)
    if (!taken) return
    for (const n of work.recipients) taken.delete(n)
    if (taken.size === 0) busy.delete(work.queueId)
  }

  const failed = (thrown: unknown): void =>
    log.error(`dispatch step failed: ${asFailure(thrown).detail}`, { component: 'qmgr' })

  // ------------------------------------------------- pulling from the queue
  let timer = clock.after(0, () => {})
  /** Wall-clock ms; never when it is not set. */
  let timerAt = Number.POSITIVE_INFINITY
  let pulling = false
  let started = false
  /** There was no room when the queue was looked at last. */
  let full = false

  function finished(): void {
    active--
    if (full) wake()
  }
  function wake(): void {
    if (pulling || !started || attempts.stopped) return
    pulling = true
    setImmediate(pull)
  }
  function pull(): void {
    pulling = false
    if (attempts.stopped) return
    // an item is prepared as it is taken: one that waited would be out of date
    const room = Math.min(WINDOW - active, PREPARE_CONCURRENCY - preparing)
    full = room <= 0
    if (full) return
    const items = queue.takeDue(clock.now(), room)
    active += items.length
    for (const item of items) due.next(item)
    lookAgain()
  }
  /** At the next due time, at the latest after a minute; a timer that comes earlier stays. */
  function lookAgain(): void {
    const now = clock.now()
    const at = Math.min(queue.nextDue() ?? Number.POSITIVE_INFINITY, now + LONGEST_WAIT_MS)
    if (at <= now) {
      wake()
      return
    }
    if (at >= timerAt) return
    timer.cancel()
    timerAt = at
    timer = clock.after(at - now, () => {
      timerAt = Number.POSITIVE_INFINITY
      wake()
    })
  }

  return {
    intake: { submit: (submission) => new Promise((answer) => submitted.next({ submission, answer })) },
    start() {
      started = true
      queue.onWake(wake)
      wake()
    },
    flush() {
      lanes.open()
      wake()
    },
    lanes: () => lanes.list(),
    async stop(ms) {
      started = false
      lanes.stop()
      timer.cancel()
      if (running > 0) {
        const cut = clock.after(ms, () => attempts.stop())
        await new Promise<void>((resolve) => {
          whenIdle = resolve
        })
        cut.cancel()
      }
      attempts.stop()
    },
  }
}
