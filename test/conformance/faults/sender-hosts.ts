// Faults of a sender in finding hosts (RFC 5321 §5, RFC 7505, RFC 7766).
import type { Attempt, Deviation } from '../reference/sender-deviation.ts'
import type { Answer, Exchange, Found, Question } from '../reference/sender-names.ts'
import { codeOf, senderFault as fault, type SenderFaults } from '../sender-fault.ts'

const MX = '5321 §5.1'

/** MX records are tried in another order, or others are. */
const tries = (change: (exchanges: readonly Exchange[], domain: string) => readonly Exchange[]): Deviation => ({
  exchanges: change,
})
const sortedBy = (key: (exchange: Exchange) => number | string): Deviation =>
  tries((exchanges) =>
    exchanges.toSorted((a, b) => {
      const [one, other] = [key(a), key(b)]
      return one < other ? -1 : one > other ? 1 : 0
    }),
  )
const own = (domain: string): Exchange => ({ preference: 0, host: domain })
const isOwn = (exchanges: readonly Exchange[], domain: string): boolean =>
  exchanges.length === 1 && exchanges[0]!.host === domain
const isV4 = (address: string): boolean => !address.includes(':')

const answers = (change: (answer: Answer, question: Question) => Answer): Deviation => ({ answer: change })
const finds = (change: (found: Found, attempt: Attempt) => Found): Deviation => ({ found: change })
const empty = (answer: Answer): Answer => ({ ...answer, rcode: 'NOERROR', records: [] })
const failed = (text: RegExp, as: Found): Deviation =>
  finds((found) => (found.kind === 'failed' && text.test(found.text) ? as : found))
const unreported = (text: RegExp): Deviation => ({
  reports: (results) => results.filter(({ reply }) => !text.test(reply)),
})

export const senderHostFaults: SenderFaults = {
  'mx-unasked': fault(
    'mail goes to the address of the domain',
    MX,
    tries((_, domain) => [own(domain)]),
    'hosts/mx',
  ),
  'mx-second': fault(
    'the address of the domain is tried before its MX',
    MX,
    tries((exchanges, domain) => [own(domain), ...exchanges]),
    'hosts/mx',
  ),
  'preference-as-text': fault(
    'preferences are sorted as text',
    MX,
    sortedBy(({ preference }) => String(preference)),
    'hosts/preference',
  ),
  'preference-reversed': fault(
    'the highest preference is tried first',
    MX,
    sortedBy(({ preference }) => -preference),
    'hosts/preference',
  ),
  'preference-signed': fault(
    'preferences from 32768 are taken for negative numbers',
    MX,
    sortedBy(({ preference }) => (preference > 32_767 ? preference - 65_536 : preference)),
    'hosts/preference',
  ),
  'preference-one-octet': fault(
    'the lower octet of a preference counts',
    MX,
    sortedBy(({ preference }) => preference % 256),
    'hosts/preference',
  ),
  'preference-zero-last': fault(
    'preference 0 is taken for none, and tried last',
    MX,
    sortedBy(({ preference }) => preference || 65_536),
    'hosts/preference',
  ),
  'preference-by-name': fault(
    'hosts are tried by their names',
    MX,
    sortedBy(({ host }) => host),
    'hosts/preference',
  ),
  'preference-by-name-reversed': fault(
    'hosts are tried by their names, the last first',
    MX,
    tries((exchanges) => exchanges.toSorted((a, b) => (a.host < b.host ? 1 : -1))),
    'hosts/preference',
  ),
  'one-mx': fault(
    'the best MX alone is tried',
    MX,
    tries((exchanges) => exchanges.slice(0, 1)),
    'hosts/next-mx hosts/next-after-421',
  ),
  'one-preference': fault(
    'MX of the best preference alone are tried',
    MX,
    tries((exchanges) => exchanges.filter(({ preference }) => preference === exchanges[0]!.preference)),
    'hosts/next-mx hosts/next-after-421',
  ),
  'unreachable-returned': fault(
    'mail is returned when the best MX cannot be reached',
    MX,
    { addresses: (addresses) => addresses, exchanges: (exchanges) => exchanges.slice(0, 1) },
    'hosts/next-mx',
  ),
  'no-next-after-421': fault(
    'no other MX is tried when one greets with 421',
    MX,
    { movesOn: (next, results) => next && !results.some((one) => codeOf(one) === 421) },
    'hosts/next-after-421',
  ),
  'equal-by-name': fault(
    'MX of equal preference are tried by their names',
    MX,
    tries((exchanges) => exchanges.toSorted((a, b) => a.preference - b.preference || (a.host < b.host ? -1 : 1))),
    'hosts/equal-preference',
  ),
  'equal-by-name-reversed': fault(
    'MX of equal preference are tried by their names, the last first',
    MX,
    tries((exchanges) => exchanges.toSorted((a, b) => a.preference - b.preference || (a.host < b.host ? 1 : -1))),
    'hosts/equal-preference',
  ),
  'equal-once-for-all': fault(
    'the order of MX of equal preference is drawn once',
    MX,
    () => {
      const drawn = new Map<string, readonly Exchange[]>()
      return tries((exchanges) => {
        const hosts = exchanges
          .map(({ host }) => host)
          .toSorted()
          .join()
        const order = drawn.get(hosts) ?? exchanges
        drawn.set(hosts, order)
        return order
      })
    },
    'hosts/equal-preference',
  ),
  'one-address': fault(
    'the first address of a host alone is tried',
    MX,
    { addresses: (addresses) => addresses.slice(0, 1) },
    'hosts/multihomed',
  ),
  'one-address-of-a-kind': fault(
    'the first IPv4 and the first IPv6 address of a host are tried',
    MX,
    {
      addresses: (addresses) => [
        ...addresses.filter((one) => !isV4(one)).slice(0, 1),
        ...addresses.filter(isV4).slice(0, 1),
      ],
    },
    'hosts/multihomed',
  ),
  'implicit-refused': fault(
    'a domain without MX gets no mail',
    MX,
    tries((exchanges, domain) => (isOwn(exchanges, domain) ? [] : exchanges)),
    'hosts/implicit',
  ),
  'implicit-www': fault(
    'a domain without MX gets its mail at a host of it that is named mail',
    MX,
    tries((exchanges, domain) => (isOwn(exchanges, domain) ? [own(`mail.${domain}`)] : exchanges)),
    'hosts/implicit',
  ),
  'implicit-ipv6': fault(
    'a domain without MX gets mail at its IPv6 address alone',
    MX,
    { addresses: (addresses, host) => (/^mx|\bmx/.test(host) ? addresses : addresses.filter((one) => !isV4(one))) },
    'hosts/implicit',
  ),
  'unusable-own': fault(
    'the address of a domain is tried behind its MX',
    MX,
    tries((exchanges, domain) => (isOwn(exchanges, domain) ? exchanges : [...exchanges, own(domain)])),
    'hosts/unusable-mx',
  ),
  'unusable-kept': fault(
    'mail for a domain whose MX have no address is kept',
    MX,
    failed(/^5\.4\.4/, { kind: 'later' }),
    'hosts/unusable-mx-report',
  ),
  'unusable-forgotten': fault(
    'mail for a domain whose MX have no address is forgotten',
    MX,
    unreported(/ 5\.4\.4/),
    'hosts/unusable-mx-report',
  ),
  'itself-unknown': fault('an MX that is the sender itself is tried', MX, { isItself: () => false }, 'hosts/itself'),
  'itself-by-case': fault(
    'an MX that is the sender itself is tried when its name is in capitals',
    MX,
    { isItself: (_, host) => host === 'sender.example' },
    'hosts/itself',
  ),
  'itself-skipped': fault(
    'MX behind the sender itself are tried',
    MX,
    {
      isItself: () => false,
      exchanges: (exchanges) => exchanges.filter(({ host }) => host.toLowerCase() !== 'sender.example'),
    },
    'hosts/itself',
  ),
  'itself-kept': fault(
    'mail is kept when the best MX is the sender itself',
    MX,
    failed(/^5\.4\.6/, { kind: 'later' }),
    'hosts/itself',
  ),
  'itself-forgotten': fault(
    'mail is forgotten when the best MX is the sender itself',
    MX,
    unreported(/ 5\.4\.6/),
    'hosts/itself',
  ),
  'alias-of-mx': fault(
    'aliases are not followed for MX',
    MX,
    answers((answer, { type }) =>
      type === 'MX' && answer.records.some((record) => record.type === 'CNAME') ? empty(answer) : answer,
    ),
    'hosts/alias',
  ),
  'alias-failed': fault(
    'a domain that is an alias gets no mail',
    MX,
    answers((answer) =>
      answer.records.some((record) => record.type === 'CNAME') ? { ...empty(answer), rcode: 'NXDOMAIN' } : answer,
    ),
    'hosts/alias',
  ),
  'null-mx-address': fault(
    'the null MX is taken for no MX',
    '7505 §4.1',
    answers((answer, { type }) =>
      type === 'MX' && answer.records.some((record) => record.type === 'MX' && ['', '.'].includes(record.data.exchange))
        ? empty(answer)
        : answer,
    ),
    'hosts/null-mx',
  ),
  'null-mx-kept': fault(
    'mail for the null MX is kept',
    '7505 §4.1',
    failed(/^5\.1\.10/, { kind: 'later' }),
    'hosts/null-mx-report',
  ),
  'null-mx-forgotten': fault(
    'mail for the null MX is forgotten',
    '7505 §4.1',
    unreported(/ 5\.1\.10/),
    'hosts/null-mx-report',
  ),
  'no-domain-kept': fault(
    'mail for a domain that does not exist is kept',
    MX,
    failed(/^5\.1\.2/, { kind: 'later' }),
    'hosts/no-domain',
  ),
  'no-domain-forgotten': fault(
    'mail for a domain that does not exist is forgotten',
    MX,
    unreported(/ 5\.1\.2/),
    'hosts/no-domain',
  ),
  'look-up-returned': fault(
    'mail is returned when the look-up of MX fails',
    MX,
    answers((answer, { type }) =>
      type === 'MX' && answer.rcode === 'SERVFAIL' ? { ...answer, rcode: 'NXDOMAIN' } : answer,
    ),
    'hosts/look-up-fails',
  ),
  'look-up-no-mx': fault(
    'a look-up of MX that fails is taken for no MX, one of addresses for no address',
    MX,
    answers((answer) => (answer.rcode === 'SERVFAIL' ? empty(answer) : answer)),
    'hosts/look-up-fails',
  ),
  'look-up-address-returned': fault(
    'mail is returned when the look-up of addresses fails',
    MX,
    answers((answer, { type }) => (type !== 'MX' && answer.rcode === 'SERVFAIL' ? empty(answer) : answer)),
    'hosts/mx-look-up-fails',
  ),
  'look-up-forgotten': fault(
    'mail is forgotten when a look-up fails',
    MX,
    { again: (again, results) => (results.some(({ reply }) => / 4\.4\.3 /.test(reply)) ? [] : again) },
    'hosts/look-up-again',
  ),
  'look-up-remembered': fault(
    'a look-up that failed is not made again',
    MX,
    () => {
      const gone = new Set<string>()
      return finds((found, { domain }) => {
        if (found.kind === 'later') gone.add(domain)
        return gone.has(domain) ? { kind: 'later' } : found
      })
    },
    'hosts/look-up-again',
  ),
  'cut-taken': fault(
    'an answer that UDP cuts off is taken for all',
    '7766 §5',
    answers((answer) => ({ ...answer, cut: false })),
    'hosts/tcp',
  ),
  'cut-empty': fault(
    'an answer that UDP cuts off is taken for none',
    '7766 §5',
    answers((answer) => (answer.cut ? { ...empty(answer), cut: false } : answer)),
    'hosts/tcp',
  ),
  'cut-later': fault(
    'an answer that UDP cuts off is a failure for now',
    '7766 §5',
    answers((answer) => (answer.cut ? { ...answer, cut: false, rcode: 'SERVFAIL' } : answer)),
    'hosts/tcp',
  ),
  'ipv4-alone': fault(
    'IPv6 addresses are not tried',
    '5321 §5.2',
    { addresses: (addresses) => addresses.filter(isV4) },
    'hosts/ipv6',
  ),
  'ipv6-alone': fault(
    'IPv4 addresses are not tried where there is one of IPv6',
    '5321 §5.2',
    { addresses: (addresses) => (addresses.every(isV4) ? addresses : addresses.filter((one) => !isV4(one))) },
    'hosts/ipv4-behind-ipv6',
  ),
  'literal-failed': fault(
    'mail for an address literal is returned',
    '5321 §4.1.3',
    finds((found, { domain }) => (domain.startsWith('[') ? { kind: 'failed', text: '5.1.2 no such domain' } : found)),
    'hosts/literal',
  ),
  'literal-later': fault(
    'an address literal is looked up as a name',
    '5321 §4.1.3',
    finds((found, { domain }) => (domain.startsWith('[') ? { kind: 'later' } : found)),
    'hosts/literal',
  ),
}
