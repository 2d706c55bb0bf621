// Faults of SEARCH (RFC 9051 §6.4.4).
import { drop, type Faults, imapFault as fault, hear, type Rule, reply, say, tagged } from '../fault.ts'

const K = '9051 §6.4.4'
const SEARCH = /^(UID )?SEARCH/i

/** One key is taken for another. */
const key = (name: string, given: string): Rule => hear(new RegExp(`(?<=[ (])${name}(?=[ )]|$)`, 'gi'), given)

/** The number or the date of a key is another one. */
const off = (name: string, by: number): Rule =>
  hear(new RegExp(`(?<=[ (])(${name}) "?(\\d[-\\w]*)"?`, 'gi'), (_, key, value) => `${key} ${shifted(value!, by)}`)

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
function shifted(value: string, by: number): string {
  const [day, month, year] = value.split('-')
  if (month === undefined) return String(Number(value) + by)
  const at = MONTHS.findIndex((one) => one.toLowerCase() === month.toLowerCase())
  const date = new Date(Date.UTC(Number(year), at, Number(day) + by))
  return `${date.getUTCDate()}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()}`
}

const takenFor = (name: string, given: string, proves: string) =>
  fault(`${name} is taken for ${given}`, K, key(name, given), proves)

export const searchFaults: Faults = {
  'search-all-unseen': takenFor('ALL', 'UNSEEN', 'search/all'),
  'search-answered': takenFor('ANSWERED', 'SEEN', 'search/answered'),
  'search-unanswered': takenFor('UNANSWERED', 'UNSEEN', 'search/unanswered'),
  'search-draft': takenFor('DRAFT', 'UNSEEN', 'search/draft'),
  'search-undraft': takenFor('UNDRAFT', 'ALL', 'search/undraft'),
  'search-flagged': takenFor('FLAGGED', 'UNFLAGGED', 'search/flagged'),
  'search-unflagged': takenFor('UNFLAGGED', 'ALL', 'search/unflagged'),
  'search-seen': takenFor('SEEN', 'ALL', 'search/seen'),
  'search-unseen': takenFor('UNSEEN', 'ALL', 'search/unseen'),
  'search-deleted': takenFor('DELETED', 'ALL', 'search/deleted'),
  'search-undeleted': takenFor('UNDELETED', 'ALL', 'search/undeleted'),
  'search-keyword': fault(
    'KEYWORD finds every message',
    K,
    hear(/(?<=[ (])KEYWORD \S+/i, 'ALL'),
    'search/keyword search/keyword-unknown',
  ),
  'search-unkeyword': fault('UNKEYWORD finds every message', K, hear(/UNKEYWORD \S+/i, 'ALL'), 'search/unkeyword'),
  'search-from': takenFor('FROM', 'TO', 'search/from'),
  'search-address-only': fault('FROM seeks in addresses, not in names', K, 'search-address-only', 'search/from-name'),
  'search-to': takenFor('TO', 'CC', 'search/to'),
  'search-cc': takenFor('CC', 'TO', 'search/cc'),
  'search-bcc': takenFor('BCC', 'CC', 'search/bcc'),
  'search-subject': takenFor('SUBJECT', 'BODY', 'search/subject'),
  'search-subject-anywhere': takenFor('SUBJECT', 'TEXT', 'search/subject-not-elsewhere'),
  'search-header-known-only': fault(
    'HEADER knows no field that is not in the standard',
    K,
    'search-header-known-only',
    'search/header',
  ),
  'search-field-minds-case': fault(
    'HEADER minds the case of field names',
    K,
    'search-field-minds-case',
    'search/header-name-any-case',
  ),
  'search-header-empty-none': fault(
    'HEADER with an empty string finds nothing',
    K,
    'search-header-empty-none',
    'search/header-empty',
  ),
  'search-header-anywhere': fault(
    'HEADER seeks in every field',
    K,
    hear(/HEADER "?[^ "]+"? /i, 'TEXT '),
    'search/header-other-field',
  ),
  'search-header-first-line': fault(
    'HEADER seeks in the first line of a field',
    K,
    'search-header-first-line',
    'search/header-folded',
  ),
  'search-body': takenFor('BODY', 'SUBJECT', 'search/body'),
  'search-body-anywhere': takenFor('BODY', 'TEXT', 'search/body-not-header'),
  'search-skips-messages': fault(
    'BODY does not seek in encapsulated messages',
    K,
    'search-skips-messages',
    'search/body-in-message',
  ),
  'search-words': fault(
    'the words of a string are sought each by itself',
    K,
    hear(/(TEXT|BODY) "(\S+) ([^"]+)"/i, '$1 $2 $1 "$3"'),
    'search/body-several-words',
  ),
  'search-text-body': takenFor('TEXT', 'BODY', 'search/text-in-header'),
  'search-text-header': takenFor('TEXT', 'SUBJECT', 'search/text-in-body'),
  'search-larger-or-same': fault('LARGER n finds messages of n octets', K, off('LARGER', -1), 'search/larger'),
  'search-larger-late': fault(
    'LARGER n does not find a message of n + 1 octets',
    K,
    off('LARGER', 1),
    'search/larger-by-one',
  ),
  'search-smaller-or-same': fault('SMALLER n finds messages of n octets', K, off('SMALLER', 1), 'search/smaller'),
  'search-smaller-late': fault(
    'SMALLER n does not find a message of n - 1 octets',
    K,
    off('SMALLER', -1),
    'search/smaller-by-one',
  ),
  'search-before-or-on': fault('BEFORE finds messages of the day itself', K, off('BEFORE', 1), 'search/before'),
  'search-after': fault('SINCE does not find messages of the day itself', K, off('SINCE', 1), 'search/since'),
  'search-on-since': takenFor('ON', 'SINCE', 'search/on'),
  'search-on-forenoon': fault('ON finds messages of the forenoon only', K, 'search-on-forenoon', 'search/on-several'),
  'search-date-no-zero': fault(
    'a day with a leading zero is refused',
    '9051 §9 date-day',
    reply(/ "?0\d-[A-Z]{3}-/i, '% BAD no date'),
    'search/date-two-digits',
  ),
  'search-date-unquoted': fault(
    'a quoted date is refused',
    '9051 §9 date',
    reply(/ "\d+-[A-Z]{3}-\d{4}"/i, '% BAD no date'),
    'search/date-quoted',
  ),
  'search-month-minds-case': fault(
    'the month of a date minds case',
    '9051 §9 date-month',
    reply(/ "?\d+-(?![A-Z][a-z]{2}-)[A-Za-z]{3}-/, '% BAD no date'),
    'search/date-month-any-case',
  ),
  'search-sentbefore-or-on': fault(
    'SENTBEFORE finds messages of the day itself',
    K,
    off('SENTBEFORE', 1),
    'search/sentbefore',
  ),
  'search-sentafter': fault(
    'SENTSINCE does not find messages of the day itself',
    K,
    off('SENTSINCE', 1),
    'search/sentsince',
  ),
  'search-senton-since': takenFor('SENTON', 'SENTSINCE', 'search/senton'),
  'search-date-other-zone': fault(
    'ON goes by the day in another zone than INTERNALDATE shows',
    K,
    'search-date-other-zone',
    'search/on-as-told',
  ),
  'search-sent-in-utc': fault(
    'SENTON goes by the day in universal time',
    K,
    'search-sent-in-utc',
    'search/senton-any-zone',
  ),
  'search-sent-internal': fault(
    'the SENT keys go by the internal date',
    K,
    hear(/SENT(ON|BEFORE|SINCE)/gi, '$1'),
    'search/sent-not-internal',
  ),
  'search-internal-sent': fault(
    'BEFORE, ON and SINCE go by the Date field',
    K,
    hear(/(?<= )(ON|BEFORE|SINCE)/gi, 'SENT$1'),
    'search/internal-not-sent',
  ),
  'search-set-first-range': fault(
    'only what stands before the first comma of a set is taken',
    K,
    'search-set-first-range',
    'search/sequence-set',
  ),
  'search-star-refused': fault('* is no key', K, reply(/SEARCH (\d+:)?\*/i, '% BAD no key'), 'search/sequence-star'),
  'search-uid-is-number': fault(
    'UID takes message numbers',
    K,
    'search-uid-is-number',
    'search/uid-key search/uid-key-missing',
  ),
  'search-uid-missing-no': fault(
    'UID that finds nothing is refused',
    '9051 §6.4.9',
    'search-uid-missing-no',
    'search/uid-key-missing',
  ),
  'search-uid-star-not-below': fault(
    'UID n:* is empty when n is above the last UID',
    '9051 §6.4.9',
    'uid-star-not-below',
    'search/uid-key-star',
  ),
  'search-not': fault('NOT is overlooked', K, hear(/ NOT /i, ' '), 'search/not'),
  'search-not-not': fault('NOT NOT is NOT', K, hear(/NOT NOT /i, 'NOT '), 'search/not-not'),
  'search-or-is-and': fault('OR is overlooked', K, hear(/ OR /i, ' '), 'search/or'),
  'search-or-nested': fault('OR within OR is overlooked', K, hear(/( OR .*) OR /i, '$1 '), 'search/or-nested'),
  'search-first-key': fault('only the first key counts', K, 'search-first-key', 'search/and'),
  'search-parentheses-or': fault(
    'one of the keys in parentheses is enough',
    K,
    'search-parentheses-or',
    'search/parentheses',
  ),
  'search-not-first-in-parentheses': fault(
    'NOT negates the first of the keys in parentheses',
    K,
    'search-not-first-in-parentheses',
    'search/not-parentheses',
  ),
  'search-keys-mind-case': fault(
    'keys in lower case are not known',
    '9051 §9',
    reply(/^SEARCH .*[a-z]/, '% BAD no such key'),
    'search/keys-any-case',
  ),
  'search-minds-case': fault('strings are found in the same case only', K, 'search-minds-case', 'search/any-case'),
  'search-whole-words': fault('strings are found as whole words only', K, 'search-whole-words', 'search/substring'),
  'search-no-literal': fault(
    'a literal is refused',
    '9051 §4.3',
    reply(/SEARCH .*\{\d+\+?\}$/i, '% BAD no literal'),
    'search/literal',
  ),
  'search-encoded-words': fault(
    'encoded words are not decoded',
    K,
    'search-encoded-words',
    'search/encoded-word search/encoded-name',
  ),
  'search-encoded-body': fault(
    'bodies are searched as they are encoded',
    K,
    'search-encoded-body',
    'search/quoted-printable search/base64 search/not-in-base64',
  ),
  'search-body-latin': fault(
    'bodies are searched as if they were in ISO-8859-1',
    K,
    'search-body-latin',
    'search/eight-bit',
  ),
  'search-no-us-ascii': fault(
    'CHARSET US-ASCII is refused',
    K,
    reply(/CHARSET "?US-ASCII/i, '% NO [BADCHARSET (UTF-8)] no such charset'),
    'search/charset-us-ascii',
  ),
  'search-no-utf-8': fault(
    'CHARSET UTF-8 is refused',
    K,
    reply(/CHARSET "?UTF-8/i, '% NO [BADCHARSET (US-ASCII)] no such charset'),
    'search/charset-utf-8',
  ),
  'search-default-ascii': fault(
    'strings without CHARSET are US-ASCII',
    K,
    'search-default-ascii',
    'search/utf-8-without-charset',
  ),
  'search-charset-ignored': fault(
    'an unknown CHARSET is overlooked',
    K,
    hear(/CHARSET \S+ /i, ''),
    'search/charset-unknown',
  ),
  'search-badcharset-no-code': fault(
    'NO to an unknown CHARSET has no code',
    K,
    say(/ NO \[BADCHARSET[^\]]*\]/, ' NO'),
    'search/badcharset',
  ),
  'search-none-untold': fault(
    'a SEARCH that finds nothing gives no untagged response',
    '3501 §6.4.4',
    drop(/^\* SEARCH\r/),
    'search/none',
  ),
  'search-empty-finds': fault(
    'SEARCH finds a message where there is none',
    K,
    say(/^\* SEARCH\r\n/, '* SEARCH 1\r\n'),
    'search/empty-mailbox',
  ),
  'uid-search-numbers': fault(
    'UID SEARCH tells message numbers',
    '9051 §6.4.9',
    hear(/^UID SEARCH/i, 'SEARCH'),
    'search/uid-search',
  ),
  'uid-search-set-of-uids': fault(
    'a message set in UID SEARCH stands for UIDs',
    '9051 §6.4.9',
    hear(/^UID SEARCH (?=[\d*])/i, 'UID SEARCH UID '),
    'search/uid-search-numbers',
  ),
  'uid-search-either': fault(
    'UID SEARCH finds what is in one of two sets',
    '9051 §6.4.9',
    hear(/^UID SEARCH (?=[\d*])/i, 'UID SEARCH OR '),
    'search/uid-search-both',
  ),
  'search-marks': fault('SEARCH sets \\Seen', K, 'search-marks', 'search/keeps-unseen'),
  'search-commas': fault(
    'the numbers of SEARCH stand between commas',
    '3501 §7.2.5',
    say(/^\* SEARCH .*/, (line) => line!.replace(/(\d) (?=\d)/g, '$1,')),
    'search/only-numbers',
  ),
  'search-bad-is-ok': fault(
    'a malformed SEARCH is answered by OK',
    '9051 §9 search',
    tagged(SEARCH, (line) => line.replace(/^(\S+) BAD/, '$1 OK')),
    'search/unknown-key search/without-key search/bad-date',
  ),
  'search-new-is-recent': takenFor('NEW', 'RECENT', 'search/old'),
  'search-old-is-all': takenFor('OLD', 'ALL', 'search/old'),
  'search-recent-is-new': takenFor('RECENT', 'NEW', 'search/old'),
}
