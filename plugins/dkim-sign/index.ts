// Signs what the site's own senders send with the keys of their From domain.
import { isAbsolute, join } from 'node:path'
import {
  CLOCK,
  defer,
  definePlugin,
  type HeaderView,
  LOGGER,
  type MessageAnswer,
  type MessageFacts,
  parseAddressList,
  parseDomain,
  reject,
  replies,
  type SessionFacts,
  SITE,
  temporary,
  z,
} from 'estafeta/plugin'
import { createKeyRing, type DomainKeys, type KeyFile } from './keys.ts'
import { sign } from './signer.ts'

/** RFC 6376 §5.4.1, with Date, Message-ID and List-Unsubscribe-Post (RFC 8058 §4). */
const FIELDS = [
  ...['From', 'Sender', 'Reply-To', 'Subject', 'Date', 'Message-ID', 'To', 'Cc'],
  ...['MIME-Version', 'Content-Type', 'Content-Transfer-Encoding', 'Content-ID', 'Content-Description'],
  ...['Resent-Date', 'Resent-From', 'Resent-Sender', 'Resent-To', 'Resent-Cc', 'Resent-Message-ID'],
  ...['In-Reply-To', 'References'],
  ...['List-Id', 'List-Help', 'List-Unsubscribe', 'List-Unsubscribe-Post', 'List-Subscribe', 'List-Post'],
  ...['List-Owner', 'List-Archive'],
]

const fieldName = z.string().regex(/^[\x21-\x39\x3b-\x7e]+$/, { error: 'expected a header field name' })
const label = z.string().regex(/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/, { error: 'expected a selector' })

const config = z.strictObject({
  keys: z
    .array(z.strictObject({ domain: z.string(), selector: label, file: z.string().min(1) }))
    .default([])
    .describe(
      'Key files beside those in <data>/dkim/<domain>/<selector>.pem; relative paths count from the data folder',
    ),
  fields: z.array(fieldName).min(1).default(FIELDS).describe('Header fields to sign, as far as they are there'),
  oversign: z
    .array(fieldName)
    .default([])
    .describe('Fields that nobody may add after signing, such as From and Subject'),
  missingKey: z
    .enum(['pass', 'defer', 'reject'])
    .default('pass')
    .describe('What becomes of a local sender’s mail from one of our domains that has no key'),
})
type Config = z.infer<typeof config>

export default definePlugin({
  name: 'dkim-sign',
  description: 'Signs outgoing mail of local senders (DKIM)',
  config,
  inject: { site: SITE, log: LOGGER, clock: CLOCK },
  setup({ site, log, clock, config }) {
    const folder = join(site.data, 'dkim')
    const ring = createKeyRing(folder, keyFiles(config, site.data), clock)
    const ours = new Set(site.domains.map((domain) => domain.toLowerCase()))
    const fields = withFrom(config.fields)
    const seal = async (message: MessageFacts, found: DomainKeys, signal: AbortSignal): Promise<MessageAnswer> => {
      if (found.problems.length > 0) {
        log.error(`DKIM key of ${found.domain} unusable: ${found.problems.join('; ')}`, { hook: 'message' })
        throw temporary(`unusable DKIM key: ${found.problems.join('; ')}`)
      }
      const add = await sign(
        {
          content: message.content,
          keys: found.keys,
          fields,
          oversign: config.oversign,
          fromFields: message.header.count('From'),
          signTime: new Date(clock.now()),
        },
        signal,
      )
      return { add, detail: found.keys.map((key) => `d=${key.domain} s=${key.selector}`).join(', ') }
    }
    return {
      message: {
        stage: 'seal',
        run(message, signal) {
          if (!isLocalSender(message.session)) return { detail: 'not signed: not from a local sender' }
          const domain = fromDomain(message.header)
          if (domain === null) return { detail: 'not signed: no From domain' }
          const answer = (found: DomainKeys | null) =>
            found === null ? withoutKey(domain, ours.has(domain), config.missingKey) : seal(message, found, signal)
          const found = ring.find(domain)
          return found instanceof Promise ? found.then(answer) : answer(found)
        },
      },
    }
  },
})

const keyFiles = ({ keys }: Config, data: string): KeyFile[] =>
  keys.map(({ domain, selector, file }) => ({
    domain: domain.toLowerCase(),
    selector,
    path: isAbsolute(file) ? file : join(data, file),
  }))

/** RFC 6376 §5.4: From is signed always. */
const withFrom = (fields: readonly string[]): readonly string[] =>
  fields.some((name) => name.toLowerCase() === 'from') ? fields : ['From', ...fields]

/** Only who may send for us: a From of ours in mail from outside is the forgery that DKIM is there to show. */
const isLocalSender = (session: SessionFacts): boolean =>
  session.identity !== null || session.trusted || session.service === 'local'

/** How nearly every From looks: words, and one address in angle brackets. */
const PLAIN_FROM = /^[^"(),:;<>@[\\]*<[^\s"(),:;<>@[\\]+@([^\s"(),:;<>@[\\]+)>$/

/** The domain of the first author, as A-labels. */
function fromDomain(header: HeaderView): string | null {
  const from = header.get('From')
  if (from === null) return null
  const host = PLAIN_FROM.exec(from)?.[1] ?? parseAddressList(from).find((address) => address.host)?.host
  const domain = host ? parseDomain(host.trim()) : null
  return domain?.ok ? domain.value : null
}

function withoutKey(domain: string, isOurs: boolean, missingKey: Config['missingKey']): MessageAnswer {
  const detail = `not signed: no key for ${domain}`
  if (!isOurs || missingKey === 'pass') return { detail }
  const text = `No DKIM key for ${domain}`
  const all =
    missingKey === 'defer' ? defer(replies.tryLater(text), detail) : reject(replies.accessDenied(text), detail)
  return { all, detail }
}
