// Faults of the younger extensions: PARTIAL, REPLACE, UNAUTHENTICATE, UTF8=ACCEPT, MULTISEARCH and others.
import { before, drop, type Faults, hear, imapFault, perConnection, type Rule, reply, say, twice } from '../fault.ts'

const fault = (
  wrong: string,
  rfc: string,
  does: string | Rule | readonly Rule[],
  proves: string,
  more: object = { side: 'extended' },
) => imapFault(wrong, rfc, does, proves, more)
const ids = (topic: string, slugs: string): string =>
  slugs
    .split(' ')
    .map((slug) => `${topic}/${slug}`)
    .join(' ')
const badIsOk = say(/^(\S+) BAD/, '$1 OK')

const P = '9394 §3.1'
const partialFaults: Faults = {
  'partial-whole': fault(
    'PARTIAL gives all that was found',
    P,
    hear(/PARTIAL -?\d+:-?\d+/i, 'PARTIAL 1:1000'),
    ids('partial', 'range beyond from-the-end save fetch fetch-from-the-end reversed'),
  ),
  'partial-first-lacks': fault(
    'PARTIAL counts from 0',
    P,
    hear(/PARTIAL (\d+):(\d+)/i, (_, a, b) => `PARTIAL ${Number(a) + 1}:${Number(b) + 1}`),
    ids('partial', 'range over-the-end with-count'),
  ),
  'partial-over-nil': fault(
    'a range that goes beyond the end is NIL',
    P,
    say(/PARTIAL \((\S+) [\d:,]+\)/, 'PARTIAL ($1 NIL)'),
    ids('partial', 'over-the-end range'),
  ),
  'partial-none-untold': fault(
    'a range beyond the end gives no PARTIAL',
    P,
    say(/ PARTIAL \(\S+ NIL\)/, ''),
    'partial/beyond',
  ),
  'partial-numbers': fault(
    'PARTIAL of UID SEARCH gives no UID',
    P,
    say(/^(\* ESEARCH \(TAG "[^"]*"\)) UID/, '$1'),
    'partial/uid',
  ),
  'partial-count-of-part': fault('COUNT counts the range', P, say(/COUNT \d+/, 'COUNT 1'), 'partial/with-count'),
  'partial-with-all': fault('PARTIAL and ALL are taken together', P, 'partial-with-all', 'partial/with-all'),
  'partial-end-is-beginning': fault(
    'ranges from the end are taken from the beginning',
    P,
    hear(/PARTIAL -(\d+):-(\d+)/i, 'PARTIAL $1:$2'),
    ids('partial', 'from-the-end fetch-from-the-end'),
  ),
  'partial-reversed-refused': fault(
    'a range whose second number is the smaller one is refused',
    '9394 §4',
    reply(
      /PARTIAL -?([2-9]):-?1\b|PARTIAL -?([3-9]):-?2\b|PARTIAL -?([4-9]):-?3\b|PARTIAL -?([5-9]):-?4\b/i,
      '% BAD wrong order',
    ),
    'partial/reversed',
  ),
}

const R = '8508 §3.4'
const replaceFaults: Faults = {
  'replace-keeps': fault('REPLACE leaves the old message', R, 'replace-keeps', ids('replace', 'replaces expunge-told')),
  'replace-untold': fault(
    'REPLACE does not tell what it removed',
    '8508 §3.2',
    drop(/EXPUNGE\r/, /REPLACE/i),
    'replace/expunge-told',
  ),
  'replace-tells-deleted': fault('REPLACE tells \\Deleted', R, 'replace-tells-deleted', 'replace/no-deleted-told'),
  'replace-expunges': fault('REPLACE expunges other messages', R, 'replace-expunges', 'replace/other-deleted'),
  'replace-inherits': fault(
    'the new message has the flags of the old one',
    '8508 §1',
    'replace-inherits',
    'replace/no-inheritance',
  ),
  'replace-drops-flags': fault(
    'flags of REPLACE are overlooked',
    '8508 §3.2',
    'replace-drops-flags',
    'replace/flags-and-date',
  ),
  'replace-here-only': fault(
    'REPLACE into another mailbox is refused',
    R,
    reply(/^REPLACE/i, '% NO not there'),
    'replace/elsewhere',
  ),
  'replace-no-uid': fault(
    'there is no UID REPLACE',
    '8508 §3.3',
    reply(/^UID REPLACE/i, '% BAD no such command'),
    'replace/uid',
  ),
  'replace-no-appenduid': fault('there is no APPENDUID', '8508 §4.3', drop(/APPENDUID/), 'replace/appenduid'),
  'replace-no-trycreate': fault('NO has no TRYCREATE', R, say(/ NO \[TRYCREATE\]/, ' NO'), 'replace/trycreate'),
  'failed-replace-removes': fault(
    'a REPLACE that fails removes the message',
    R,
    'failed-replace-removes',
    'replace/failed-keeps',
  ),
  'replace-unselected': fault(
    'REPLACE is taken without a mailbox',
    '8508 §3.5',
    reply(/^(UID )?REPLACE/i, '% OK done'),
    'replace/unselected',
  ),
  'replace-read-only': fault(
    'REPLACE works in a mailbox opened by EXAMINE',
    '9051 §6.3.3',
    'replace-read-only',
    'replace/read-only',
  ),
}

const U = '8437 §3'
const unauthenticateFaults: Faults = {
  'unauthenticate-nothing': fault(
    'UNAUTHENTICATE leaves the client logged in',
    U,
    'unauthenticate-nothing',
    ids('unauthenticate', 'leaves'),
  ),
  'unauthenticate-for-good': fault(
    'nobody can log in after UNAUTHENTICATE',
    U,
    perConnection(() => {
      let left = false
      return {
        hear(line, { tag }) {
          if (left && / (LOGIN|AUTHENTICATE)/i.test(line)) return { kind: 'answer', text: `${tag} NO not again\r\n` }
          left ||= / UNAUTHENTICATE/i.test(line)
          return null
        },
      }
    }),
    'unauthenticate/login-again',
  ),
  'unauthenticate-expunges': fault(
    'UNAUTHENTICATE expunges',
    U,
    'unauthenticate-expunges',
    'unauthenticate/no-expunge',
  ),
  'unauthenticate-keeps-mailbox': fault(
    'the mailbox stays selected',
    U,
    'unauthenticate-keeps-mailbox',
    'unauthenticate/unselects',
  ),
  'unauthenticate-keeps-enabled': fault(
    'what was enabled stays enabled',
    '8437 §4.1',
    'unauthenticate-keeps-enabled',
    'unauthenticate/resets-enable',
    { side: 'modseq' },
  ),
  'unauthenticate-anybody': fault(
    'UNAUTHENTICATE is taken when nobody is logged in',
    U,
    badIsOk,
    'unauthenticate/not-before-login',
  ),
}

const Q = '9208 §4.1.2'
const quotaFaults: Faults = {
  'quota-unannounced': fault(
    'a resource is not announced',
    '9208 §3.1.2',
    say(/\(STORAGE/, '(MAILBOX 1 10 STORAGE', /^GETQUOTA/i),
    'quota/announced-resources',
  ),
  'quota-mailbox-wanted': fault(
    'GETQUOTAROOT wants a mailbox that exists',
    Q,
    reply(/^GETQUOTAROOT (?!"?INBOX)/i, '% NO no such mailbox'),
    'quota/mailbox-to-be',
  ),
  'quota-no-deleted-storage': fault(
    'STATUS knows no DELETED-STORAGE',
    '9208 §4.1.4',
    reply(/DELETED-STORAGE/i, '% BAD no such item'),
    'quota/deleted-storage',
  ),
}

const A = '6855 §3'
const utf8Faults: Faults = {
  'utf8-name-encoded': fault(
    'names are listed in modified UTF-7 after ENABLE',
    A,
    say(/^(\* LIST .*)[\x80-\xff]+/, '$1&AOk-'),
    'utf8/name',
  ),
  'utf8-name-refused': fault(
    'names in UTF-8 are refused',
    A,
    reply(/^CREATE .*[\x80-\xff]/i, '% NO no such name'),
    'utf8/name',
  ),
  'utf8-in-rev1': fault('UTF-8 is sent without ENABLE', A, 'utf8-in-rev1', 'utf8/not-enabled'),
  'utf8-any-octets': fault('octets that are no UTF-8 are taken', A, reply(/[\x80-\xff]/, '% OK done'), 'utf8/not-utf8'),
  'utf8-append-always': fault(
    'a message with UTF-8 in its header is taken before ENABLE',
    '6855 §4',
    'utf8-append-always',
    'utf8/append-not-enabled',
  ),
  'utf8-append-refused': fault(
    'the data extension UTF8 is not known',
    '6855 §4',
    reply(/^APPEND .*UTF8 \(/i, '% BAD no literal'),
    'utf8/append',
  ),
  'utf8-charset-taken': fault(
    'SEARCH with a charset is taken after ENABLE',
    A,
    'utf8-charset-taken',
    'utf8/search-charset utf8-fetch/charset-refused',
  ),
  'utf8-search-refused': fault(
    'UTF-8 in a quoted string of SEARCH is refused',
    A,
    reply(/^(UID )?SEARCH .*"[^"]*[\x80-\xff]/i, '% BAD 8-bit octets'),
    'utf8-fetch/quoted-search',
  ),
}

const M = '7377 §2.1'
const E = /^ESEARCH/i
const multiFaults: Faults = {
  'multisearch-no-mailbox': fault(
    'ESEARCH does not name the mailbox',
    M,
    say(/ MAILBOX \S+/, '', E),
    ids('multisearch', 'correlators'),
  ),
  'multisearch-other-only': fault(
    'IN is overlooked',
    '7377 §2.2',
    hear(/^ESEARCH IN \(.*?\) (?=RETURN|[A-Z])/i, 'ESEARCH '),
    ids('multisearch', 'other-mailbox one-for-each'),
  ),
  'multisearch-first-only': fault(
    'only the first mailbox is searched',
    M,
    perConnection(() => {
      let told = ''
      return {
        say(unit, during, { tag }) {
          if (!E.test(during) || !unit.startsWith('* ESEARCH')) return null
          if (told === tag) return []
          told = tag
          return [unit]
        },
      }
    }),
    'multisearch/one-for-each',
  ),
  'multisearch-twice': fault('each mailbox is told twice', M, twice(/^\* ESEARCH/, E), 'multisearch/one-for-each'),
  'multisearch-none-told': fault(
    'a mailbox in which nothing was found is told',
    M,
    before(E, '* ESEARCH (TAG "x" MAILBOX INBOX UIDVALIDITY 7) UID COUNT 0'),
    'multisearch/none',
  ),
  'multisearch-wants-in': fault(
    'ESEARCH without IN is refused',
    '7377 §2.2',
    reply(/^ESEARCH (?!IN)/i, '% BAD where'),
    'multisearch/selected-by-default',
  ),
  'multisearch-unselects': fault(
    'ESEARCH closes the selected mailbox',
    M,
    'multisearch-unselects',
    'multisearch/keeps-selected',
  ),
  'multisearch-unselected-ok': fault(
    'ESEARCH of the selected mailbox is taken when none is',
    '7377 §2.2',
    badIsOk,
    'multisearch/unselected',
  ),
}

function allEnabled(): Rule {
  let names = ''
  return {
    say(unit) {
      const found = /^\* ENABLED(.*)\r\n$/.exec(unit)
      if (!found) return null
      names += found[1]
      return [`* ENABLED${names}\r\n`]
    },
  }
}

const otherFaults: Faults = {
  'inprogress-bare': fault(
    'the data of INPROGRESS stands without parentheses',
    '9585 §4',
    before(/^(UID )?(SEARCH|FETCH|COPY|STORE|MOVE)/i, '* OK [INPROGRESS "x" 1 9] Going on'),
    'inprogress/form',
  ),
  'messagelimit-zero': fault(
    'MESSAGELIMIT is 0',
    '9738 §3',
    say(/MESSAGELIMIT=\d+/, 'MESSAGELIMIT=0'),
    'messagelimit/announced',
    { side: 'extended', early: true },
  ),
  'enabled-again': fault(
    'ENABLED repeats what was enabled before',
    '5161 §3.2',
    perConnection(allEnabled),
    'enable/additive',
  ),
  'sasl-ir-anywhere': fault(
    'an initial response is overlooked where the server speaks first',
    '4959 §3',
    hear(/^(AUTHENTICATE CRAM-MD5) .*/i, '$1'),
    'sasl-ir/where-none-may-be',
  ),
  'search-body-utf8': fault(
    'every body is taken for UTF-8',
    '9051 §6.4.4',
    'search-body-utf8',
    'search/body-charset',
    {},
  ),
}

export const extendedFaults: Faults = {
  ...partialFaults,
  ...replaceFaults,
  ...unauthenticateFaults,
  ...quotaFaults,
  ...utf8Faults,
  ...multiFaults,
  ...otherFaults,
}
