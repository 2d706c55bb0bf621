// Faults of a sender in STARTTLS (RFC 3207).
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import {
  ends,
  senderFault as fault,
  lostBehind,
  type SenderFaults,
  says,
  saysFirst,
  steps,
  supposes,
  takes,
} from '../sender-fault.ts'

const inTls = ({ tls }: Scene): boolean => tls
/** What was offered in the clear is offered still. */
const remembers = (keyword: RegExp): Deviation => ({
  offers: (offers, scene) => {
    if (!inTls(scene)) return offers
    const clear = scene.heard
      .find(({ to }) => to.startsWith('EHLO'))!
      .reply.lines.map((line) => line.slice(4).toUpperCase())
      .filter((line) => keyword.test(line))
    return new Map([...clear.map((line) => [/^\S*/.exec(line)![0], line.replace(/^\S* ?/, '')] as const), ...offers])
  },
})

export const senderTlsFaults: SenderFaults = {
  'starttls-unoffered': fault(
    'STARTTLS is sent unasked',
    '3207 §4',
    steps('EHLO', 'MAIL', 'STARTTLS', ({ tls, offers }) => !tls && !offers.has('STARTTLS')),
    'tls/only-offered',
  ),
  'starttls-unused': fault('STARTTLS is not used', '3207 §4', steps('EHLO', 'STARTTLS', 'MAIL'), 'tls/used'),
  'starttls-group': fault(
    'EHLO goes out behind STARTTLS, in the clear',
    '3207 §4',
    says(/^STARTTLS\r\n/, 'STARTTLS\r\nEHLO sender.example\r\n'),
    'tls/wait',
  ),
  'starttls-unawaited': fault(
    'the handshake begins before the reply to STARTTLS',
    '3207 §4',
    supposes(/^STARTTLS/, '220 go on'),
    'tls/wait',
  ),
  'starttls-half-a-second': fault(
    'the handshake begins when the reply to STARTTLS does not come within half a second',
    '3207 §4',
    supposes(/^STARTTLS/, '220 go on', 500),
    'tls/wait',
  ),
  'tls-no-ehlo': fault(
    'MAIL is the first command within TLS',
    '3207 §4.2',
    steps('handshake', 'EHLO', 'MAIL'),
    'tls/ehlo-again',
  ),
  'tls-helo': fault(
    'HELO is the first command within TLS',
    '3207 §4.2',
    steps('handshake', 'EHLO', 'HELO'),
    'tls/ehlo-again',
  ),
  'tls-noop': fault(
    'NOOP is the first command within TLS',
    '3207 §4.2',
    saysFirst(/^EHLO/, 'NOOP', inTls),
    'tls/ehlo-again',
  ),
  'tls-rset': fault(
    'RSET is the first command within TLS',
    '3207 §4.2',
    saysFirst(/^EHLO/, 'RSET', inTls),
    'tls/ehlo-again',
  ),
  'tls-remembers': fault('what was offered in the clear counts within TLS', '3207 §4.2', remembers(/^/), 'tls/forgets'),
  ...Object.fromEntries(
    ['SIZE', '8BITMIME', 'SMTPUTF8', 'DSN', 'PIPELINING', 'CHUNKING'].map((keyword) => [
      `tls-remembers-${keyword.toLowerCase()}`,
      fault(
        `${keyword} that was offered in the clear counts within TLS`,
        '3207 §4.2',
        remembers(new RegExp(`^${keyword}\\b`)),
        'tls/forgets',
      ),
    ]),
  ),
  'tls-clear-read': fault(
    'what came behind 220 is read as if it came within TLS',
    '3207 §6',
    { unread: (octets) => octets },
    'tls/injection',
  ),
  'tls-clear-line-dropped': fault(
    'one line of what came behind 220 is dropped, and the others read within TLS',
    '3207 §6',
    { unread: (octets, to) => (to === 'handshake' ? octets.replace(/^[^\n]*\n/, '') : octets) },
    'tls/injection',
  ),
  'tls-after-454': fault(
    'the handshake begins behind 454',
    '3207 §4',
    takes(/^STARTTLS/, /^454/, '220 go on'),
    'tls/refused',
  ),
  'tls-after-any': fault(
    'the handshake begins behind any reply',
    '3207 §4',
    takes(/^STARTTLS/, /^[45]/, '220 go on'),
    'tls/refused',
  ),
  'tls-twice': fault(
    'STARTTLS is sent within TLS where it is offered there',
    '3207 §4.2',
    saysFirst(/^MAIL/, 'STARTTLS', ({ tls, offers }) => tls && offers.has('STARTTLS')),
    'tls/not-twice',
  ),
  'tls-twice-at-once': fault(
    'STARTTLS is sent within TLS before EHLO',
    '3207 §4.2',
    saysFirst(/^EHLO/, 'STARTTLS', inTls),
    'tls/not-twice',
  ),
  'tls-failure-forgotten': fault(
    'mail is forgotten when the handshake fails',
    '3207 §6',
    ends(lostBehind('STARTTLS'), 'sent'),
    'tls/failure',
  ),
}
