// Faults of states: logging in, STARTTLS, ENABLE, and what is valid when (RFC 9051 §3, §6.2, §6.3.1).
import { drop, type Faults, imapFault as fault, hear, later, type Rule, reply, say, tagged } from '../fault.ts'

const SASL = /^AUTHENTICATE/i

const loginFaults: Faults = {
  'login-refused': fault(
    'LOGIN with the right password is refused',
    '3501 §6.2.3',
    reply(/^LOGIN/i, '% NO not today'),
    'login/right-password',
  ),
  'any-password': fault(
    'any password will do',
    '3501 §6.2.3',
    'any-password',
    'login/wrong-password authenticate/wrong-password',
  ),
  'failure-enters': fault(
    'a failed login is answered by NO, but lets the client in',
    '3501 §6.2.3',
    'failure-enters',
    'login/failure-changes-nothing authenticate/failure-changes-nothing',
  ),
  'failure-closes': fault(
    'the first failed login ends the connection',
    '3501 §6.2.3',
    'failure-closes',
    'login/retry authenticate/retry',
  ),
  'disabled-overlooked': fault(
    'LOGINDISABLED is announced, but LOGIN taken',
    '3501 §7.2.1',
    'disabled-overlooked',
    'login/disabled',
    { side: 'private' },
  ),
  'authenticate-refused': fault(
    'AUTHENTICATE PLAIN is refused',
    '3501 §6.2.2',
    reply(SASL, '% NO not today'),
    'authenticate/plain authenticate/announced-mechanisms',
  ),
  'challenge-with-text': fault(
    'the empty challenge has a text',
    '3501 §9 continue-req',
    say(/^\+ \r\n/, '+ Go on\r\n', SASL),
    'authenticate/empty-challenge',
  ),
  'authenticate-bad-is-no': fault(
    'what is malformed in an exchange is answered by NO',
    '3501 §6.2.2',
    say(/^(\S+) BAD/, '$1 NO', SASL),
    'authenticate/cancel authenticate/bad-base64 authenticate/padding-inside authenticate/missing-mechanism sasl-ir/bad-base64 sasl-ir/padding-inside',
  ),
  'plain-lenient': fault(
    'a PLAIN message without NULs lets the client in',
    '4616 §2',
    'plain-lenient',
    'authenticate/incomplete',
  ),
  'authzid-overlooked': fault(
    'the authorization identity is overlooked',
    '4616 §2',
    'authzid-overlooked',
    'authenticate/foreign-identity',
  ),
  'failure-tells': fault(
    'the text of a failure tells whether the user exists',
    '3501 §11.2',
    'failure-tells',
    'authenticate/no-detail',
  ),
  'mechanism-unknown-bad': fault(
    'an unknown mechanism is answered by BAD',
    '9051 §6.2.2',
    say(/^(\S+) NO/, '$1 BAD', SASL),
    'authenticate/unknown-mechanism',
  ),
  'mechanism-promised': fault(
    'a mechanism is announced that there is not',
    '3501 §7.2.1',
    say(/AUTH=PLAIN/, 'AUTH=PLAIN AUTH=SCRAM-SHA-256'),
    'authenticate/announced-mechanisms',
    { early: true },
  ),
  'initial-response-ignored': fault(
    'an initial response is overlooked',
    '4959 §3',
    hear(/^(AUTHENTICATE PLAIN) [^=].*/i, '$1'),
    'sasl-ir/plain',
  ),
  'initial-response-wanted': fault(
    'AUTHENTICATE without an initial response is refused',
    '4959 §3',
    reply(/^AUTHENTICATE PLAIN$/i, '% BAD expected an initial response'),
    'sasl-ir/optional',
  ),
  'initial-response-empty-asked': fault(
    'an empty initial response is taken for none',
    '4959 §3',
    hear(/^(AUTHENTICATE \S+) =$/i, '$1'),
    'sasl-ir/empty',
  ),
  'login-bad-is-no': fault(
    'LOGIN without a password is answered by NO',
    '3501 §6.2.3',
    say(/^(\S+) BAD/, '$1 NO', /^LOGIN/i),
    'login/missing-password',
  ),
}

const tlsFaults: Faults = {
  'starttls-only-says': fault(
    'STARTTLS is answered by OK, and nothing follows',
    '3501 §6.2.1',
    reply(/^STARTTLS/i, '% OK shake hands'),
    'starttls/handshake',
  ),
  'starttls-greets': fault(
    'the server greets again under TLS',
    '3501 §6.2.1',
    'starttls-greets',
    'starttls/no-second-greeting',
  ),
  'starttls-no-capability': fault(
    'CAPABILITY is not valid under TLS',
    '3501 §6.2.1',
    reply(/^CAPABILITY/i, '% BAD not now'),
    'starttls/capability-again',
  ),
  'starttls-announced-again': fault(
    'STARTTLS is announced under TLS',
    '9051 §6.2.1',
    say(/(CAPABILITY .*)IMAP4rev1/, '$1IMAP4rev1 STARTTLS', /^CAPABILITY/i),
    'starttls/not-announced-again',
  ),
  'starttls-enters': fault(
    'STARTTLS lets the client in',
    '3501 §6.2.1',
    'starttls-enters',
    'starttls/still-not-authenticated',
  ),
  'starttls-no-login': fault(
    'nobody is let in under TLS',
    '3501 §6.2.1',
    reply(/^(LOGIN|AUTHENTICATE)/i, '% NO not today'),
    'starttls/login-under-tls',
  ),
  'starttls-injection': fault(
    'what was sent in clear behind STARTTLS is executed under TLS',
    '9051 §6.2.1',
    'starttls-injection',
    'starttls/no-injection',
  ),
  'starttls-twice': fault(
    'STARTTLS under TLS is answered by OK',
    '3501 §6.2.1',
    later(reply(/^STARTTLS/i, '% OK again')),
    'starttls/twice',
  ),
  'starttls-twice-no': fault(
    'STARTTLS under TLS is answered by NO',
    '9051 §6.2.1',
    later(reply(/^STARTTLS/i, '% NO TLS is on')),
    'starttls/twice-is-bad',
  ),
  'starttls-argument': fault(
    'an argument of STARTTLS is overlooked',
    '3501 §6.2.1',
    reply(/^STARTTLS ./i, '% OK shake hands'),
    'starttls/argument',
  ),
  'starttls-on-tls-port-no': fault(
    'STARTTLS under implicit TLS is answered by NO',
    '9051 §6.2.1',
    reply(/^STARTTLS/i, '% NO TLS is on'),
    'starttls/on-tls-port',
    { side: 'implicit' },
  ),
}

function capabilityAfterEnable(): Rule {
  let enabled = false
  return {
    hear(line) {
      enabled ||= /^\S+ ENABLE/i.test(line)
      return null
    },
    say: (unit) => (enabled && unit.startsWith('* CAPABILITY') ? [unit.replace('\r\n', ' XENABLED\r\n')] : null),
  }
}

const enableFaults: Faults = {
  'enable-silent': fault(
    'ENABLE that enables nothing gives no ENABLED',
    '5161 §3.1',
    drop(/^\* ENABLED\r/),
    'enable/nothing-enabled',
  ),
  'enabled-unnamed': fault(
    'ENABLED names nothing',
    '5161 §3.1',
    say(/^\* ENABLED .*/, '* ENABLED'),
    'enable/named enable/rev2-with-rev1',
  ),
  'enable-unknown-bad': fault(
    'a name that is not known is refused',
    '5161 §3.1',
    say(/^(\S+) OK/, '$1 BAD', /^ENABLE .*X/i),
    'enable/unknown-ignored',
  ),
  'enable-all-named': fault(
    'ENABLED repeats every name',
    '5161 §3.1',
    {
      hear: () => null,
      say: (unit, during) => (/^\* ENABLED/.test(unit) ? [`* ENABLED${during.slice(6)}\r\n`] : null),
    },
    'enable/not-to-be-enabled enable/nothing-enabled',
  ),
  'enable-minds-case': fault('ENABLE minds the case of names', '5161 §4', 'enable-minds-case', 'enable/case'),
  'enable-changes-capability': fault(
    'CAPABILITY is another one after ENABLE',
    '5161 §3.1',
    capabilityAfterEnable(),
    'enable/capability-stays',
  ),
  'enable-nothing': fault(
    'ENABLE without a name is taken',
    '5161 §3.1',
    reply(/^ENABLE ?$/i, '* ENABLED', '% OK done'),
    'enable/no-names',
  ),
  'enable-before-login': fault(
    'ENABLE is taken before a login',
    '5161 §3.1',
    reply(/^ENABLE/i, '* ENABLED', '% OK done'),
    'enable/not-authenticated',
  ),
}

const NOT_AUTHENTICATED = 'select examine create delete rename subscribe unsubscribe list lsub status namespace append'
const NOT_SELECTED = 'check close unselect expunge search fetch store copy uid-fetch uid-expunge move'
const each = (topic: string, slugs: string): string =>
  slugs
    .split(' ')
    .map((slug) => `${topic}/${slug}`)
    .join(' ')

const stateFaults: Faults = {
  'commands-before-login': fault(
    'commands of the authenticated state are taken before a login',
    '9051 §3.1',
    reply(new RegExp(`^(${NOT_AUTHENTICATED.replaceAll(' ', '|')})`, 'i'), '% OK done'),
    each('not-authenticated', NOT_AUTHENTICATED),
  ),
  'commands-before-select': fault(
    'commands of the selected state are taken without a mailbox',
    '9051 §3.2',
    reply(/^(CHECK|CLOSE|UNSELECT|EXPUNGE|SEARCH|FETCH|STORE|COPY|UID|MOVE)/i, '% OK done'),
    `${each('not-selected', NOT_SELECTED)} store/unopened`,
  ),
  'commands-after-login': fault(
    'commands of the not authenticated state are taken after a login',
    '9051 §3.2',
    reply(/^(LOGIN|AUTHENTICATE|STARTTLS)/i, '% OK done'),
    'authenticated/login authenticated/authenticate authenticated/starttls',
  ),
}

export const imapStateFaults: Faults = { ...loginFaults, ...tlsFaults, ...enableFaults, ...stateFaults }
export const noIsOk = (during: RegExp): Rule => tagged(during, (line) => line.replace(/^(\S+) NO/, '$1 OK'))
