// For the demo: addresses that fail on purpose, so that retries, bounces, quarantine and failing plugins can be watched.
import {
  admit,
  CLOCK,
  type Clock,
  type Courier,
  DIRECTORY,
  defer,
  definePlugin,
  type MessageAnswer,
  type Outcome,
  pass,
  reject,
  replies,
} from 'estafeta/plugin'

/** Local parts in our domains, and what becomes of their mail. */
const MAGIC: { readonly [local: string]: string } = {
  busy: 'refused for now at RCPT',
  refused: 'refused for good at RCPT',
  crash: 'the plugin that is asked at RCPT throws',
  virus: 'refused for good after DATA',
  quarantine: 'accepted and held in the queue',
  temperror: 'every attempt to deliver fails for now: it is retried, then bounces',
  permerror: 'the attempt to deliver fails for good: it bounces',
  slow: 'delivery takes five seconds',
}
const DELIVERED = ['temperror', 'permerror', 'slow', 'quarantine']
const SLOW_MS = 5000

export default definePlugin({
  name: 'demo-magic',
  description: 'Addresses that fail on purpose, for the demo',
  inject: { directory: DIRECTORY, clock: CLOCK },
  setup({ directory, clock }) {
    /** The magic word that an address is, or null. */
    const magicOf = ({ local, domain }: { local: string; domain: string }): string | null => {
      const word = local.toLowerCase()
      return directory.isLocalDomain(domain) && Object.hasOwn(MAGIC, word) ? word : null
    }
    return {
      rcpt(_transaction, { address }) {
        const magic = magicOf(address)
        if (magic === null) return pass()
        const detail = `demo: ${MAGIC[magic]}`
        if (magic === 'busy') return defer(replies.mailboxBusy(), detail)
        if (magic === 'refused') return reject(replies.accessDenied('Refused, as asked for'), detail)
        if (magic === 'crash') throw new Error(detail)
        return admit('local', { detail })
      },

      message({ recipients }): MessageAnswer {
        const words = recipients.map(({ address }) => magicOf(address))
        const refused = new Map(
          words.flatMap((word, i) => (word === 'virus' ? [[i, reject(replies.virusFound('Demo-Test'))] as const] : [])),
        )
        return {
          ...(refused.size > 0 ? { perRecipient: refused } : {}),
          ...(words.includes('quarantine') ? { quarantine: 'demo: asked for by the address' } : {}),
        }
      },

      route({ address }) {
        const magic = magicOf(address)
        return magic !== null && DELIVERED.includes(magic) ? { courier: 'demo-magic', destination: magic } : null
      },

      couriers: { 'demo-magic': magicCourier(clock) },
    }
  },
})

function magicCourier(clock: Clock): Courier {
  return {
    async deliver({ nextHop, recipients }, signal): Promise<readonly Outcome[]> {
      if (nextHop.destination === 'slow') await pause(clock, SLOW_MS, signal)
      return recipients.map(({ n }) => ({ n, relay: null, ...OUTCOMES[nextHop.destination as keyof typeof OUTCOMES] }))
    },
  }
}

const OUTCOMES = {
  temperror: { kind: 'deferred', reply: replies.mailboxBusy() },
  permerror: { kind: 'failed', reply: replies.transactionFailed('Failed for good, as asked for') },
  slow: { kind: 'delivered', reply: replies.delivered('Delivered slowly, and dropped') },
  quarantine: { kind: 'delivered', reply: replies.delivered('Released, and dropped') },
} as const

const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, fail) => {
    const timer = clock.after(ms, resolve)
    signal.addEventListener('abort', () => {
      timer.cancel()
      fail(signal.reason)
    })
  })
