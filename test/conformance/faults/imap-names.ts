// Faults of ID, NAMESPACE, names beyond ASCII, and SAVEDATE (RFC 2971, 2342, 3501 §5.1.3, 9051 §5.1, 8514).
import { drop, type Faults, imapFault as fault, hear, type Rule, reply, say, twice } from '../fault.ts'

const ID = /^ID/i
const longValue = 'v'.repeat(1025)

function capabilityAfterId(): Rule {
  let asked = false
  return {
    hear(line) {
      asked ||= /^\S+ ID/i.test(line)
      return null
    },
    say: (unit) => (asked && unit.startsWith('* CAPABILITY') ? [unit.replace('\r\n', ' XIDENTIFIED\r\n')] : null),
  }
}

const idFaults: Faults = {
  'id-silent': fault('ID gives no response', '2971 §3.2', drop(/^\* ID/), 'id/response'),
  'id-field-twice': fault(
    'a field stands twice in ID',
    '2971 §3.2',
    say(/^\* ID \(/, '* ID ("name" "x" '),
    'id/response',
  ),
  'id-nil-only': fault('ID takes NIL alone', '2971 §3.1', reply(/^ID \(/i, '% BAD expected NIL'), 'id/fields'),
  'id-long-value': fault(
    'a value of ID has 1025 octets',
    '2971 §3.3',
    say(/^\* ID \(/, `* ID ("support-url" "${longValue}" `),
    'id/lengths',
  ),
  'id-before-login': fault('ID is taken before a login alone', '2971 §3.1', reply(ID, '% BAD not now'), 'id/any-state'),
  'id-enters': fault('ID lets the client in', '2971 §3', 'id-enters', 'id/does-not-log-in'),
  'id-changes-capability': fault(
    'CAPABILITY is another one after ID',
    '2971 §3',
    capabilityAfterId(),
    'id/capability-stays',
  ),
  'id-no-argument': fault(
    'ID without an argument is taken',
    '2971 §4',
    reply(/^ID ?$/i, '* ID NIL', '% OK done'),
    'id/no-list',
  ),
}

const N = '2342 §5'
const NAMESPACE = /^\* NAMESPACE/
const namespaceFaults: Faults = {
  'namespace-silent': fault('NAMESPACE gives no response', N, drop(NAMESPACE), 'namespace/one-response'),
  'namespace-twice': fault('NAMESPACE gives two responses', N, twice(NAMESPACE), 'namespace/one-response'),
  'namespace-two-classes': fault(
    'NAMESPACE has two classes',
    N,
    say(/ NIL\r\n$/, '\r\n', /^NAMESPACE/i),
    'namespace/form',
  ),
  'namespace-other-separator': fault(
    'the separator is another one than that of LIST',
    N,
    say(/"\/"/, '"."', /^NAMESPACE/i),
    'namespace/separator-of-list',
  ),
  'namespace-unusable': fault(
    'nothing can be made behind the prefix of the personal namespace',
    '2342 §3',
    reply(/^CREATE/i, '% NO not here'),
    'namespace/mailbox-in-personal',
  ),
  'namespace-argument': fault(
    'an argument of NAMESPACE is overlooked',
    N,
    hear(/^NAMESPACE .*/i, 'NAMESPACE'),
    'namespace/argument',
  ),
}

const U = '9051 §5.1'
const unicodeFaults: Faults = {
  'unicode-refused': fault(
    'names beyond ASCII are refused',
    U,
    reply(/^CREATE .*[\x80-\xff]/i, '% NO no such name'),
    'unicode/create',
  ),
  'unicode-ampersand-shifts': fault('& begins modified UTF-7 in IMAP4rev2', U, say(/&/g, '&-'), 'unicode/ampersand'),
  'unicode-everywhere': fault(
    'LIST gives UTF-8 in IMAP4rev1 too',
    '3501 §5.1.3',
    'utf8-in-rev1',
    'unicode/seen-by-rev1 utf7/eight-bit-list',
  ),
  'unicode-unnormalized': fault(
    'names are kept in any normalization form',
    U,
    'names-unnormalized',
    'unicode/not-normalized',
  ),
  'unicode-any-octets': fault(
    'octets that are no UTF-8 are taken',
    '9051 §9',
    reply(/[\x80-\xff]/, '% OK made'),
    'unicode/not-utf8',
  ),
}

const M = '3501 §5.1.3'
const utf7Faults: Faults = {
  'utf7-listed-lower': fault(
    'LIST gives modified UTF-7 in lower case',
    M,
    say(/&[A-Za-z0-9+,]+-/g, (shifted) => shifted!.toLowerCase()),
    'utf7/kept utf7/case-sensitive',
  ),
  'utf7-case-folded': fault(
    'the base64 of names is compared without regard to case',
    M,
    hear(/&[A-Za-z0-9+,]+-/g, (shifted) => shifted!.toUpperCase()),
    'utf7/case-sensitive utf7/kept',
  ),
  'text-eight-bit': fault(
    'the text of responses has octets above 127',
    '3501 §9',
    say(/^(\S+ (?:NO|OK|BAD) .*)\r\n/, '$1 \xc3\xa9\r\n'),
    'utf7/text-in-ascii',
  ),
  'utf7-not-selectable': fault(
    'a mailbox with a shifted name cannot be selected',
    M,
    reply(/^(SELECT|EXAMINE) "?.*&/i, '% NO no such mailbox'),
    'utf7/selectable',
  ),
  'utf7-ampersand-bare': fault('& stands for itself in LIST', M, say(/&-/g, '&'), 'utf7/ampersand'),
  'utf7-any': fault(
    'every name is taken',
    M,
    reply(/^CREATE .*[&\x80-\xff]/i, '% OK made'),
    'utf7/unshifted utf7/superfluous-shift utf7/ascii-encoded utf7/eight-bit-create',
  ),
}

const S = '8514 §3'
const saveDateFaults: Faults = {
  'savedate-unquoted': fault(
    'SAVEDATE is not quoted',
    '8514 §4.2',
    say(/SAVEDATE "([^"]*)"/, 'SAVEDATE $1'),
    'savedate/form',
  ),
  'savedate-is-internaldate': fault(
    'SAVEDATE is the internal date',
    S,
    [hear(/SAVEDATE/i, 'INTERNALDATE'), say(/INTERNALDATE/, 'SAVEDATE', /SAVEDATE/i)],
    'savedate/is-now savedate/of-copy',
  ),
  'savedate-changes': fault('SAVEDATE is another one each time', S, movingSaveDate(), 'savedate/kept'),
  'savedate-search-internal': fault(
    'the SAVED keys go by the internal date',
    '8514 §4.3',
    'savedate-internal',
    'savedate/savedon savedate/savedsince savedate/search-by-internal-date savedate/savedbefore',
  ),
  'savedate-unsupported': fault(
    'SAVEDATESUPPORTED finds nothing',
    '8514 §4.3',
    hear(/SAVEDATESUPPORTED/i, 'NOT ALL'),
    'savedate/supported',
  ),
}

function movingSaveDate(): Rule {
  let year = 2001
  return say(/SAVEDATE "(..-...-)\d{4}/, (_, day) => `SAVEDATE "${day}${year++}`)
}

export const nameFaults: Faults = {
  ...idFaults,
  ...namespaceFaults,
  ...unicodeFaults,
  ...utf7Faults,
  ...saveDateFaults,
}
