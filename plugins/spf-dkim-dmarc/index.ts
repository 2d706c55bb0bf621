// Checks who a message really comes from (SPF, DKIM, ARC, DMARC), writes it down for readers, and applies policy when told to.
import {
  AUTH_RESULTS,
  CLOCK,
  type Clock,
  DNS_RESOLVER,
  defer,
  definePlugin,
  EXEMPT,
  formatAddress,
  type MessageAnswer,
  type MessageFacts,
  pass,
  reject,
  replies,
  type SessionFacts,
  SITE,
  type TransactionFacts,
  token,
  type Verdict,
} from 'estafeta/plugin'
import type { SPFResult } from 'mailauth'
import type { Client } from './authenticate.ts'
import { config } from './config.ts'
import { printable, scoreOf, summary, verdictOf } from './policy.ts'
import { nodeResolver } from './resolver.ts'

export default definePlugin({
  name: 'spf-dkim-dmarc',
  description: 'Checks SPF, DKIM, ARC and DMARC of mail from outside and writes Authentication-Results',
  config,
  inject: { site: SITE, dns: DNS_RESOLVER, clock: CLOCK },
  setup({ site, dns, clock, config }) {
    const clientOf = (transaction: TransactionFacts): Client => ({
      ip: transaction.session.remoteIp,
      helo: transaction.session.helo ?? '',
      sender: formatAddress(transaction.reversePath),
      mta: site.hostname,
    })

    const mail = async (transaction: TransactionFacts, signal: AbortSignal): Promise<Verdict> => {
      if (isOurs(transaction.session)) return pass()
      if (isExempt(transaction)) return pass('exempt')
      const { checkSpf } = await loadChecks()
      const limited = deadline(clock, config.lookupTime, signal)
      try {
        const result = await checkSpf(clientOf(transaction), nodeResolver(dns, limited.signal))
        const { status, domain } = result
        if (status.result !== 'temperror') transaction.notes.set(SPF, result)
        const detail = `spf=${status.result}`
        const text = `SPF of ${printable(domain)} does not allow ${transaction.session.remoteIp} to send for it`
        if (status.result === 'fail') return reject(replies.spfFailed(text), detail)
        // RFC 7208 §8.6
        if (status.result === 'temperror' && config.onTemperror === 'defer')
          return defer(replies.lookupFailed(), detail)
        return pass(detail)
      } finally {
        limited.end()
      }
    }

    const message = async (message: MessageFacts, signal: AbortSignal): Promise<MessageAnswer> => {
      if (isOurs(message.session)) return { detail: 'not checked: from a local sender' }
      const { authenticate, resultFields } = await loadChecks()
      const limited = deadline(clock, config.lookupTime, signal)
      try {
        const resolver = nodeResolver(dns, limited.signal)
        const results = await authenticate(message, clientOf(message), resolver, message.notes.get(SPF))
        const words = summary(results)
        message.notes.set(AUTH_RESULTS, words)
        const fields = { add: resultFields(results, site.hostname), detail: words.join(' ') }
        if (isExempt(message)) return fields
        return { ...fields, score: scoreOf(results, config.scores), ...verdictOf(results, config) }
      } finally {
        limited.end()
      }
    }

    return config.spfFail === 'reject' ? { mail, message } : { message }
  },
})

// loaded with the first message: it costs tens of megabytes and a third of a second
let loading: Promise<typeof import('./authenticate.ts')> | null = null
const loadChecks = () => (loading ??= import('./authenticate.ts'))

/** What SPF said at MAIL, for the checks of the message. */
const SPF = token<SPFResult>('spf-dkim-dmarc.spf')

/** Who may send for us is not checked like a stranger. */
const isOurs = (session: SessionFacts): boolean =>
  session.identity !== null || session.trusted || session.service === 'local'

const isExempt = ({ notes, session }: TransactionFacts): boolean =>
  notes.get(EXEMPT) !== undefined || session.notes.get(EXEMPT) !== undefined

/** Ends with the hook's own signal, or after `ms`: the results so far count then, the rest is temperror. */
function deadline(clock: Clock, ms: number, signal: AbortSignal): { signal: AbortSignal; end(): void } {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const timer = clock.after(ms, stop)
  signal.addEventListener('abort', stop)
  return {
    signal: controller.signal,
    end() {
      timer.cancel()
      signal.removeEventListener('abort', stop)
    },
  }
}
