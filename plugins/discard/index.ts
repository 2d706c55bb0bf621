// Takes mail and drops it, on record: for benches, null sites and addresses that nobody reads.
import { type Courier, definePlugin, outcomeForAll, replies, z } from 'estafeta/plugin'

const config = z.strictObject({
  all: z.boolean().default(false).describe('Route every recipient here, local ones too'),
  domains: z.array(z.string()).default([]).describe('Recipient domains to route here'),
})

export default definePlugin({
  name: 'discard',
  description: 'A courier that drops mail on record',
  config,
  setup({ config: { all, domains } }) {
    const dropped = new Set(domains.map((domain) => domain.toLowerCase()))
    const discard: Courier = {
      async deliver(attempt) {
        return outcomeForAll(attempt, 'discarded', replies.discarded())
      },
    }
    return {
      route: {
        stage: 'early',
        run: ({ address }) =>
          all || dropped.has(address.domain) ? { courier: 'discard', destination: 'discard' } : null,
      },
      couriers: { discard },
    }
  },
})
