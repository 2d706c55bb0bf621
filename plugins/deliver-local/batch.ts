// Gathers what is delivered while the store syncs, so that it shares the next sync.
import type { MailboxStore } from 'estafeta/plugin'

type Delivery = Parameters<MailboxStore['deliver']>[0][number]

/** Larger messages take long to hand over: nobody waits for them. */
const ALONE = 262_144

export interface Batcher {
  /** null, or why not. */
  deliver(delivery: Delivery): Promise<Error | null>
}

export function createBatcher(store: MailboxStore): Batcher {
  let waiting: { delivery: Delivery; settle: (error: Error | null) => void }[] = []
  let running = false

  const run = async (): Promise<void> => {
    running = true
    // what was asked for together goes together
    await null
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      const answers = await store
        .deliver(batch.map(({ delivery }) => delivery))
        .catch((error: Error) => batch.map(() => error))
      for (const [i, { settle }] of batch.entries()) settle(answers[i] ?? null)
    }
    running = false
  }

  return {
    async deliver(delivery) {
      if (delivery.message.content.size > ALONE) return (await store.deliver([delivery]))[0] ?? null
      return new Promise((settle) => {
        waiting.push({ delivery, settle })
        if (!running) void run()
      })
    },
  }
}
