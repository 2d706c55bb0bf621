// Gathers deliveries so that they share a sync: what comes while the store syncs, and after it as long as more keeps coming.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, MailboxStore } from 'estafeta/plugin'

type Delivery = Parameters<MailboxStore['deliver']>[0][number]

/** Larger messages take long to hand over: nobody waits for them. */
const ALONE = 262_144
/** Octets handed over at once. */
export const AT_ONCE = 4 * ALONE
/** After several that came together the next call waits as long as in so much time another comes … */
const STEP_MS = 10
/** … but no longer than this from one call to the next. */
const LONGEST_MS = 100
/** Answers told in one turn of the event loop: each sets off what settles its message. */
const TURN = 16

export interface Batcher {
  /** null, or why not. */
  deliver(delivery: Delivery): Promise<Error | null>
}

interface Waiting {
  readonly delivery: Delivery
  readonly settle: (answer: Error | null | Promise<Error | null>) => void
}

export function createBatcher(store: MailboxStore, clock: Clock): Batcher {
  let waiting: Waiting[] = []
  let running = false

  const run = async (): Promise<void> => {
    running = true
    // what was asked for together goes together
    await null
    while (waiting.length > 0) {
      const started = clock.mono()
      const batch = take(waiting)
      waiting = waiting.slice(batch.length)
      const full = waiting.length > 0
      const answers = await store
        .deliver(batch.map(({ delivery }) => delivery))
        .catch((error: Error) => batch.map(() => error))
      for (const [i, { settle }] of batch.entries()) {
        settle(answers[i] ?? null)
        if (i % TURN === TURN - 1) await nextTurn()
      }
      if (batch.length > 1 && !full) await gather(started + LONGEST_MS)
    }
    running = false
  }
  const alone = async (delivery: Delivery) => (await store.deliver([delivery]))[0] ?? null
  /** While others keep coming. */
  const gather = async (until: number): Promise<void> => {
    for (let known = 0; waiting.length > known && clock.mono() < until; ) {
      known = waiting.length
      await new Promise<void>((resolve) => clock.after(STEP_MS, resolve))
    }
  }

  return {
    deliver(delivery) {
      if (delivery.message.content.size > ALONE) return alone(delivery)
      return new Promise((settle) => {
        waiting.push({ delivery, settle })
        if (!running) void run()
      })
    },
  }
}

/** The first of them, up to a bound. */
function take(waiting: readonly Waiting[]): readonly Waiting[] {
  let octets = 0
  const over = waiting.findIndex(({ delivery }) => {
    octets += delivery.message.content.size
    return octets > AT_ONCE
  })
  return over < 0 ? waiting : waiting.slice(0, over)
}
