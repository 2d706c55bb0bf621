// Lanes: one a next hop, each with its own concurrency and back-off, so that a dead host holds up nothing but its own mail.
import type { Clock } from '../base/clock.ts'
import type { Reply } from '../base/failure.ts'
import type { NextHop } from '../plugin/contract.ts'
import { Trials } from './trials.ts'

/** Recipients of one message on their way to one next hop. */
export interface LaneWork {
  readonly queueId: string
  readonly recipients: readonly number[]
  readonly nextHop: NextHop
  /** Its `laneKey`. */
  readonly lane: string
}

export interface LaneLimits {
  readonly concurrency: number
  /** Until an attempt of the lane has come to an end without the host being down; null: its courier reaches every next hop. */
  readonly firstConcurrency: number | null
}

interface Lane {
  readonly key: string
  readonly waiting: LaneWork[]
  /** Index of the next to run: shifting a long array is O(n). */
  head: number
  running: number
  trials: number
  /** Waiting, as counted among what hosts that have yet to answer hold. */
  untried: number
  limits: LaneLimits
  reached: boolean
  closedUntil: number
  failures: number
  reply: Reply | null
  /** Average ms between the ends of two attempts. */
  pace: number
  lastEnd: number
  /** When the last of what was sent away comes back; monotonic ms. */
  lastReturn: number
}

const FIRST_BACKOFF = 60_000
const MAX_BACKOFF = 15 * 60_000
/** Closed lanes remembered after their last mail has gone. */
const MAX_IDLE_LANES = 10_000
/** Work that may wait in one lane; beyond it the queue keeps it until later. */
export const MAX_WAITING = 5000
/** Of the work that waits in lanes in all, what hosts that have yet to answer may hold: half of the pipeline's window. */
export const MAX_UNTRIED = 10_000
const FIRST_RETURN = 1000
/** Between two that come back to a lane of which no pace is known. */
const UNKNOWN_PACE = 100
/** How much one attempt counts in the pace, and the longest time that it counts for. */
const PACE_SHARE = 0.05
const SLOWEST_PACE = 1000

/** In one piece, not a sum of three: it goes into maps and JSON many times. */
export const laneKey = (hop: NextHop): string => [hop.courier, hop.destination].join(':')

const newLane = (key: string, limits: LaneLimits, now: number): Lane => ({
  key,
  waiting: [],
  head: 0,
  running: 0,
  trials: 0,
  untried: 0,
  limits,
  reached: false,
  closedUntil: 0,
  failures: 0,
  reply: null,
  pace: 0,
  lastEnd: now,
  lastReturn: 0,
})

/** Closed until a monotonic time, with the reply that closed it; or full: come back after that long. */
export type LaneAnswer = 'taken' | { readonly deferred: Reply; readonly until: number } | { readonly fullForMs: number }

/** `run` is called when a lane has room; the caller says `done` or `leave` for each. */
export function createLanes(
  clock: Clock,
  limits: (hop: NextHop) => LaneLimits,
  run: (work: LaneWork, limits: LaneLimits) => void,
) {
  const lanes = new Map<string, Lane>()
  let untried = 0
  let stopped = false

  const pump = (lane: Lane): void => {
    const { concurrency, firstConcurrency } = lane.limits
    const isTrial = !lane.reached && firstConcurrency !== null
    const room = isTrial ? firstConcurrency : concurrency
    while (!stopped && lane.running < room && lane.head < lane.waiting.length) {
      if (isTrial && !trials.mayBegin(lane)) break
      const work = lane.waiting[lane.head++]!
      if (lane.head > 1024 && lane.head * 2 > lane.waiting.length) {
        lane.waiting.splice(0, lane.head)
        lane.head = 0
      }
      lane.running++
      run(work, lane.limits)
    }
    const left = isUntried(lane) ? lane.waiting.length - lane.head : 0
    untried += left - lane.untried
    lane.untried = left
    if (lane.running === 0 && lane.head === lane.waiting.length) {
      lane.waiting.length = 0
      lane.head = 0
      if (lane.closedUntil <= clock.mono() && lane.failures === 0) lanes.delete(lane.key)
      else if (lanes.size > MAX_IDLE_LANES) forgetOldest()
    }
  }
  const trials = new Trials(pump)
  const isUntried = ({ key, reached, limits }: Lane): boolean =>
    !reached && limits.firstConcurrency !== null && !trials.haveAnswered(key)
  /** Work that finds the lane full comes back one after another, twice as fast as the lane has emptied of late. */
  const sendAway = (lane: Lane): LaneAnswer => {
    const now = clock.mono()
    const pace = lane.pace || UNKNOWN_PACE
    lane.lastReturn = Math.min(now + MAX_BACKOFF, Math.max(now + FIRST_RETURN, lane.lastReturn + pace / 2))
    return { fullForMs: lane.lastReturn - now }
  }
  const countEnd = (lane: Lane): void => {
    const now = clock.mono()
    lane.pace += PACE_SHARE * (Math.min(SLOWEST_PACE, now - lane.lastEnd) - lane.pace)
    lane.lastEnd = now
  }
  const close = (lane: Lane, reply: Reply): LaneWork[] => {
    // attempts that were under way together count as one failure
    if (lane.closedUntil <= clock.mono()) {
      lane.closedUntil = clock.mono() + Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** lane.failures)
      lane.failures++
    }
    lane.reply = reply
    const waiting = lane.waiting.slice(lane.head)
    lane.waiting.length = 0
    lane.head = 0
    return waiting
  }
  const forgetOldest = (): void => {
    for (const [key, lane] of lanes) {
      if (lane.running === 0 && lane.waiting.length === 0) {
        lanes.delete(key)
        return
      }
    }
  }

  return {
    /** Takes work, or says why not and when (monotonic ms) to come back. */
    add(work: LaneWork): LaneAnswer {
      let lane = lanes.get(work.lane)
      if (!lane) {
        lane = newLane(work.lane, limits(work.nextHop), clock.mono())
        lanes.set(lane.key, lane)
      }
      if (lane.reply && lane.closedUntil > clock.mono()) return { deferred: lane.reply, until: lane.closedUntil }
      const full = lane.waiting.length - lane.head >= MAX_WAITING || (untried >= MAX_UNTRIED && isUntried(lane))
      if (full) return sendAway(lane)
      lane.waiting.push(work)
      pump(lane)
      return 'taken'
    },
    /**
     * An attempt of this lane is over. A dead host, by this reply, gives back all that waited, to be deferred without trying;
     * one that has answered is not taken for dead at once, since one mail may be what it chokes on.
     */
    done(key: string, hostDown: Reply | null): LaneWork[] {
      const lane = lanes.get(key)
      if (!lane) return []
      lane.running--
      countEnd(lane)
      let given: LaneWork[] = []
      if (hostDown) {
        if (!lane.reached) given = close(lane, hostDown)
        lane.reached = false
        trials.failed(lane)
      } else {
        lane.reached = true
        lane.failures = 0
        lane.closedUntil = 0
        lane.reply = null
        if (lane.limits.firstConcurrency !== null) trials.answered(lane)
      }
      pump(lane)
      return given
    },
    /** Work of this lane came to no attempt: of the next hop that says nothing. */
    leave(key: string): void {
      const lane = lanes.get(key)
      if (!lane) return
      lane.running--
      trials.left(lane)
      pump(lane)
    },
    /** Begins nothing more: what waits stays in the queue. */
    stop(): void {
      stopped = true
    },
    /** Lets every lane try at once (`queue flush`). */
    open(): void {
      for (const lane of lanes.values()) lane.closedUntil = 0
    },
    list(): readonly { key: string; waiting: number; running: number; closedForMs: number }[] {
      return [...lanes.values()].map((lane) => ({
        key: lane.key,
        waiting: lane.waiting.length - lane.head,
        running: lane.running,
        closedForMs: Math.max(0, Math.round(lane.closedUntil - clock.mono())),
      }))
    },
  }
}

export type Lanes = ReturnType<typeof createLanes>
