// Faults of SEARCH (RFC 9051 §6.4.4).
import { before, drop, type Faults, imapFault as fault, hear, type Rule, reply, say, tagged } from '../fault.ts'

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

const keyFaults: Faults = {
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

/** A result that was not asked for, or that is not there. */
const promised = (word: string, value: string): Rule => ({
  say: (unit, during) =>
    new RegExp(`RETURN .*${word}`, 'i').test(during) && unit.startsWith('* ESEARCH') && !unit.includes(` ${word} `)
      ? [unit.replace('\r\n', ` ${word} ${value}\r\n`)]
      : null,
})
const oneOff = (word: string): Rule => say(new RegExp(`${word} (\\d+)`), (_, n) => `${word} ${Number(n) + 1}`)
const asSearch: Rule = {
  say(unit) {
    if (!unit.startsWith('* ESEARCH')) return null
    const all = / ALL (\S+)/.exec(unit)?.[1] ?? ''
    const numbers = all.split(',').flatMap((range) => {
      const [from = 0, to = from] = range.split(':').map(Number)
      return Array.from({ length: range === '' ? 0 : to - from + 1 }, (_, at) => from + at)
    })
    return [`* SEARCH${numbers.map((n) => ` ${n}`).join('')}\r\n`]
  },
}
const inPieces: Rule = {
  say(unit) {
    const found = /^(\* ESEARCH \(TAG "[^"]*"\)(?: UID)?)((?: [A-Z]+ \S+)+)\r\n$/.exec(unit)
    return found ? found[2]!.match(/ [A-Z]+ \S+/g)!.map((one) => `${found[1]}${one}\r\n`) : null
  },
}

const esearchFaults: Faults = {
  'esearch-min-off': fault('MIN is one too many', K, oneOff('MIN'), 'esearch/min'),
  'esearch-max-off': fault('MAX is one too many', K, oneOff('MAX'), 'esearch/max'),
  'esearch-count-off': fault('COUNT is one too many', K, oneOff('COUNT'), 'esearch/count'),
  'esearch-all-always': fault(
    'ALL is given with every other option',
    K,
    hear(/RETURN \((MIN|MAX|COUNT)\)/i, 'RETURN ($1 ALL)'),
    'esearch/min esearch/max esearch/count',
  ),
  'esearch-all-first': fault(
    'ALL gives the first range of what was found',
    K,
    say(/ ALL (\d+)\S*/, ' ALL $1'),
    'esearch/all',
  ),
  'esearch-no-options-none': fault(
    'RETURN () gives COUNT',
    K,
    hear(/RETURN \(\)/i, 'RETURN (COUNT)'),
    'esearch/no-options',
  ),
  'esearch-in-pieces': fault('each option is answered in an ESEARCH of its own', K, inPieces, 'esearch/together'),
  'esearch-min-zero': fault('MIN is 0 when nothing is found', K, promised('MIN', '0'), 'esearch/min-of-none'),
  'esearch-max-zero': fault('MAX is 0 when nothing is found', K, promised('MAX', '0'), 'esearch/max-of-none'),
  'esearch-all-zero': fault('ALL is 0 when nothing is found', K, promised('ALL', '0'), 'esearch/all-of-none'),
  'esearch-count-zero-gone': fault(
    'COUNT is left out when nothing is found',
    K,
    say(/ COUNT 0/, ''),
    'esearch/count-of-none',
  ),
  'esearch-without-tag': fault('ESEARCH names no tag', '9051 §7.3.4', say(/ \(TAG "[^"]*"\)/, ''), 'esearch/tag'),
  'esearch-other-tag': fault(
    'ESEARCH names another tag',
    '9051 §7.3.4',
    say(/\(TAG "[^"]*"\)/, '(TAG "zz")'),
    'esearch/tag',
  ),
  'esearch-and-search': fault(
    'SEARCH with RETURN gives an untagged SEARCH too',
    K,
    before(/RETURN/i, '* SEARCH 1'),
    'esearch/instead-of-search',
  ),
  'esearch-without-uid': fault(
    'ESEARCH to UID SEARCH has no UID',
    '9051 §6.4.9',
    say(/^(\* ESEARCH \(TAG "[^"]*"\)) UID/, '$1'),
    'esearch/uid',
  ),
  'esearch-with-uid': fault(
    'ESEARCH to SEARCH has UID',
    '9051 §7.3.4',
    say(/^(\* ESEARCH \(TAG "[^"]*"\))/, '$1 UID', /^SEARCH/i),
    'esearch/no-uid',
  ),
  'esearch-unknown-ok': fault(
    'an unknown option is answered by OK',
    K,
    tagged(SEARCH, (line) => line.replace(/^(\S+) BAD/, '$1 OK')),
    'esearch/unknown-option within/zero',
  ),
  'esearch-not-in-rev2': fault(
    'SEARCH without RETURN gives SEARCH in IMAP4rev2',
    K,
    asSearch,
    'esearch/always-in-rev2 esearch/always-in-rev2-none',
  ),
}

const R = '9051 §6.4.4.1'
const searchresFaults: Faults = {
  'searchres-empty': fault(
    '$ is always empty',
    R,
    'searchres-empty',
    'searchres/save searchres/uid-fetch searchres/from-uid-search searchres/store searchres/copy searchres/as-key searchres/negated-key searchres/kept-by-search searchres/kept-by-bad searchres/kept-by-no-without-save searchres/min searchres/max searchres/min-max searchres/all searchres/count-min searchres/pipelined searchres/without-expunged',
  ),
  'save-tells': fault('SAVE alone gives ESEARCH', K, 'save-tells', 'searchres/alone-says-nothing'),
  'searchres-all-at-first': fault(
    '$ is every message at first',
    R,
    'searchres-all-at-first',
    'searchres/initially-empty',
    { early: true },
  ),
  'save-none-keeps': fault('SAVE of nothing leaves $ as it is', R, 'save-none-keeps', 'searchres/none-found'),
  'searchres-survives-select': fault(
    '$ stays when a mailbox is selected',
    R,
    'searchres-survives-select',
    'searchres/reset-by-select',
  ),
  'searchres-always-saves': fault('every SEARCH saves', R, 'searchres-always-saves', 'searchres/kept-by-search'),
  'searchres-cleared-by-bad': fault('BAD empties $', R, 'searchres-cleared-by-bad', 'searchres/kept-by-bad'),
  'searchres-kept-by-no': fault(
    'NO to a SEARCH that saves leaves $ as it is',
    R,
    'searchres-kept-by-no',
    'searchres/cleared-by-no',
  ),
  'searchres-cleared-by-any-no': fault(
    'NO to a SEARCH that does not save empties $',
    R,
    'searchres-cleared-by-any-no',
    'searchres/kept-by-no-without-save',
  ),
  'searchres-by-number': {
    ...fault('$ keeps message numbers', R, 'searchres-by-number', 'searchres/without-expunged'),
    switches: ['searchres-by-number', 'save-numbers'],
  },
  'save-all-always': fault(
    'SAVE with MIN or MAX saves all that was found',
    R,
    'save-all-always',
    'searchres/min searchres/max searchres/min-max',
  ),
  'save-first-always': fault(
    'SAVE saves the first message found',
    R,
    'save-first-always',
    'searchres/all searchres/count-min searchres/max',
  ),
  'save-returns-nothing': fault(
    'SAVE makes the other options return nothing',
    R,
    drop(/^\* ESEARCH/, /SAVE/i),
    'searchres/still-returns',
  ),
  'searchres-pipelined': fault(
    'a command with $ behind SEARCH is executed before it',
    '9051 §6.4.4.2',
    'pipelined-backwards',
    'searchres/pipelined',
  ),
}

const withinFaults: Faults = {
  'within-younger-older': fault('YOUNGER is taken for OLDER', '5032 §2', hear(/YOUNGER/i, 'OLDER'), 'within/younger'),
  'within-older-younger': fault('OLDER is taken for YOUNGER', '5032 §2', hear(/OLDER/i, 'YOUNGER'), 'within/older'),
  'within-not-overlooked': fault(
    'NOT before OLDER or YOUNGER is overlooked',
    '5032 §2',
    hear(/NOT (OLDER|YOUNGER)/i, '$1'),
    'within/combined',
  ),
}

export const searchFaults: Faults = { ...keyFaults, ...esearchFaults, ...searchresFaults, ...withinFaults }
