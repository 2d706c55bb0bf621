// Faults of CONDSTORE and QRESYNC (RFC 7162), before Dovecot.
import { before, drop, type Faults, hear, imapFault, type Rule, reply, say } from '../fault.ts'

const D = { side: 'dovecot' } as const
const early = { side: 'dovecot', early: true } as const
const fault = (wrong: string, rfc: string, does: Rule | readonly Rule[], proves: string, more: object = D) =>
  imapFault(wrong, rfc, does, proves, more)

const STORE = /^(UID )?STORE/i
const M = / ?MODSEQ \(\d+\)/

/** Mod-sequences are other ones in each response. */
function climbing(): Rule {
  let next = 100_000
  return say(/MODSEQ \(\d+\)/, () => `MODSEQ (${next++})`)
}

const condstoreFaults: Faults = {
  'condstore-no-highest': fault(
    'SELECT gives no HIGHESTMODSEQ',
    '7162 §3.1.2.1',
    drop(/HIGHESTMODSEQ/, /^(SELECT|EXAMINE)/i),
    'condstore/highestmodseq condstore/examine',
    early,
  ),
  'condstore-highest-low': fault(
    'HIGHESTMODSEQ is 1',
    '7162 §3.1.2.1',
    say(/HIGHESTMODSEQ \d+/, 'HIGHESTMODSEQ 1'),
    'condstore/highest-of-all condstore/status-rises',
    early,
  ),
  'condstore-modseq-bare': fault(
    'MODSEQ stands without parentheses',
    '7162 §3.1.4.2',
    say(/MODSEQ \((\d+)\)/, 'MODSEQ $1'),
    'condstore/fetch',
  ),
  'condstore-constant': fault(
    'every message has the same mod-sequence',
    '7162 §3.1',
    say(/MODSEQ \(\d+\)/, 'MODSEQ (7)'),
    'condstore/store-raises condstore/ascending condstore/append-is-highest condstore/seen-by-fetch',
  ),
  'condstore-climbs': fault(
    'mod-sequences rise by themselves',
    '7162 §3.1',
    climbing(),
    'condstore/store-leaves-others condstore/unchanged-flag condstore/kept',
  ),
  'condstore-status-differs': fault(
    'STATUS gives another HIGHESTMODSEQ than SELECT',
    '7162 §3.1.7',
    say(/HIGHESTMODSEQ (\d+)/, (_, n) => `HIGHESTMODSEQ ${Number(n) + 1}`, /^STATUS/i),
    'condstore/status',
  ),
  'condstore-store-untold': fault(
    'STORE does not tell MODSEQ',
    '7162 §3.1',
    say(M, '', STORE),
    'condstore/store-tells condstore/enable condstore/fetch-enables condstore/status-enables condstore/silent-tells',
  ),
  'condstore-unasked-untold': fault(
    'changes of others come without MODSEQ',
    '7162 §3.1',
    say(M, '', /^NOOP/i),
    'condstore/unasked-tells',
  ),
  'condstore-enabling-untold': fault(
    'the first command that enables CONDSTORE does not tell HIGHESTMODSEQ',
    '7162 §3.1',
    drop(/HIGHESTMODSEQ/),
    'condstore/first-enabling-tells',
  ),
  'condstore-unchangedsince-all-fail': fault(
    'UNCHANGEDSINCE always fails',
    '7162 §3.1.3',
    hear(/UNCHANGEDSINCE \d+/i, 'UNCHANGEDSINCE 1'),
    'condstore/unchangedsince condstore/named-twice',
  ),
  'condstore-unchangedsince-overlooked': fault(
    'UNCHANGEDSINCE is overlooked',
    '7162 §3.1.3',
    hear(/ \(UNCHANGEDSINCE \d+\)/i, ''),
    'condstore/unchangedsince-older condstore/modified condstore/modified-uid condstore/unchangedsince-zero',
  ),
  'condstore-modified-none': fault(
    'there is no MODIFIED',
    '7162 §3.1.3',
    say(/ \[MODIFIED [^\]]*\]/, ''),
    'condstore/modified condstore/modified-uid',
  ),
  'condstore-modified-off': fault(
    'MODIFIED names the message behind',
    '7162 §3.1.3',
    say(/MODIFIED (\d+)/, (_, n) => `MODIFIED ${Number(n) + 1}`),
    'condstore/modified condstore/modified-uid',
  ),
  'condstore-changedsince-overlooked': fault(
    'CHANGEDSINCE is overlooked',
    '7162 §3.1.4.1',
    hear(/CHANGEDSINCE \d+/i, 'CHANGEDSINCE 1'),
    'condstore/changedsince condstore/changedsince-none',
  ),
  'condstore-changedsince-untold': fault(
    'FETCH with CHANGEDSINCE gives no MODSEQ',
    '7162 §3.1.4.1',
    say(M, '', /CHANGEDSINCE/i),
    'condstore/changedsince-has-modseq',
  ),
  'condstore-search-above': fault(
    'SEARCH MODSEQ n finds mod-sequences above n',
    '7162 §3.1.5',
    hear(/MODSEQ (\d+)/i, (_, n) => `MODSEQ ${BigInt(n!) + 1n}`),
    'condstore/search',
  ),
  'condstore-search-untold': fault(
    'SEARCH MODSEQ tells no mod-sequence',
    '7162 §3.1.5',
    say(/ \(?MODSEQ \d+\)?/, '', /SEARCH/i),
    'condstore/search-tells condstore/esearch-min condstore/esearch-all',
  ),
  'condstore-search-none-tells': fault(
    'a SEARCH MODSEQ that finds nothing tells a mod-sequence',
    '7162 §3.1.6',
    say(/^\* SEARCH\r\n/, '* SEARCH (MODSEQ 917162500)\r\n'),
    'condstore/search-none',
  ),
  'condstore-search-entry': fault(
    'SEARCH MODSEQ takes no entry',
    '7162 §3.1.5',
    reply(/MODSEQ "/i, '% BAD expected a number'),
    'condstore/search-entry',
  ),
  'condstore-esearch-wrong': fault(
    'ESEARCH tells another mod-sequence',
    '4731 §3.2',
    say(/MODSEQ (\d+)/, 'MODSEQ 9$1', /SEARCH/i),
    'condstore/esearch-min condstore/esearch-all condstore/search-tells',
  ),
  'condstore-not-closed': fault('there is no CLOSED', '7162 §3.2.11', drop(/\[CLOSED\]/), 'condstore/closed'),
}

/** Held until the command is at its end. */
function vanishedLast(): Rule {
  let held: string[] = []
  return {
    say(unit, during) {
      if (!/^SELECT/i.test(during)) return null
      if (/^\* VANISHED/.test(unit)) {
        held.push(unit)
        return []
      }
      if (unit.startsWith('* ')) return null
      const all = [...held, unit]
      held = []
      return all
    },
  }
}

const badIsOk = say(/^(\S+) BAD/, '$1 OK')
const Q = '7162 §3.2.5.1'
const qresyncFaults: Faults = {
  'qresync-enabled-unnamed': fault(
    'ENABLED does not name QRESYNC',
    '7162 §3.2.3',
    say(/^\* ENABLED.*/, '* ENABLED'),
    'qresync/enable qresync/enable-both',
  ),
  'qresync-not-with-condstore': fault(
    'ENABLE QRESYNC CONDSTORE is refused',
    '7162 §3.2.3',
    reply(/^ENABLE .*CONDSTORE/i, '% BAD one of them'),
    'qresync/enable-both',
  ),
  'qresync-bad-is-ok': fault(
    'QRESYNC that is malformed or not enabled is taken',
    '7162 §3.2.5',
    badIsOk,
    'qresync/select-unenabled qresync/fetch-unenabled qresync/select-malformed qresync/fetch-vanished-alone qresync/fetch-vanished-numbers',
  ),
  'qresync-expunge': fault(
    'EXPUNGE is told after ENABLE QRESYNC',
    '7162 §3.2.7',
    say(/^\* VANISHED (\d+).*/, '* $1 EXPUNGE'),
    'qresync/expunge qresync/uid-expunge qresync/other-session qresync/move',
  ),
  'qresync-expunge-no-highest': fault(
    'OK to EXPUNGE has no HIGHESTMODSEQ',
    '7162 §3.2.7',
    say(/ \[HIGHESTMODSEQ \d+\]/, '', /EXPUNGE/i),
    'qresync/expunge-highestmodseq qresync/uid-expunge',
  ),
  'qresync-close-highest': fault(
    'OK to CLOSE has HIGHESTMODSEQ',
    '7162 §3.2.8',
    say(/^(\S+) OK /, '$1 OK [HIGHESTMODSEQ 9] ', /^CLOSE/i),
    'qresync/close-without',
  ),
  'qresync-close-vanished': fault(
    'CLOSE tells VANISHED',
    '7162 §3.2.8',
    before(/^CLOSE/i, '* VANISHED 1'),
    'qresync/close-without',
  ),
  'qresync-vanished-in-fetch': fault(
    'VANISHED is told in answer to FETCH',
    '7162 §3.2.10.2',
    before(/^FETCH/i, '* VANISHED 2'),
    'qresync/not-in-fetch',
  ),
  'qresync-without-uid': fault(
    'FETCH responses of STORE have no UID',
    '7162 §3.2.4',
    say(/UID \d+ ?/, '', STORE),
    'qresync/unasked-has-uid',
  ),
  'qresync-select-no-vanished': fault(
    'SELECT tells no VANISHED',
    Q,
    drop(/^\* VANISHED/, /^SELECT/i),
    'qresync/select-vanished qresync/select-known-uids',
  ),
  'qresync-vanished-not-earlier': fault(
    'VANISHED of SELECT lacks EARLIER',
    Q,
    say(/^\* VANISHED \(EARLIER\)/, '* VANISHED'),
    'qresync/select-vanished qresync/fetch-vanished',
  ),
  'qresync-select-no-fetch': fault(
    'SELECT tells no changed flags',
    Q,
    drop(/^\* \d+ FETCH/, /^SELECT/i),
    'qresync/select-flags',
  ),
  'qresync-fetch-first': fault('VANISHED comes behind FETCH', '7162 §3.2.6', vanishedLast(), 'qresync/select-order'),
  'qresync-known-overlooked': fault(
    'the list of known UIDs is overlooked',
    Q,
    hear(/(QRESYNC \(\d+ \d+)[^)]*\)/i, '$1)'),
    'qresync/select-known-uids',
  ),
  'qresync-always-changes': fault(
    'SELECT tells a change that was none',
    '7162 §3.2.5',
    before(/QRESYNC/i, '* VANISHED (EARLIER) 400'),
    'qresync/select-other-validity qresync/select-unchanged',
  ),
  'qresync-no-exists': fault(
    'SELECT with QRESYNC gives no EXISTS',
    '7162 §3.2.5',
    drop(/EXISTS\r/, /QRESYNC/i),
    'qresync/select-tells-all',
  ),
  'qresync-fetch-no-vanished': fault(
    'UID FETCH tells no VANISHED',
    '7162 §3.2.6',
    drop(/^\* VANISHED/, /^UID FETCH/i),
    'qresync/fetch-vanished',
  ),
  'qresync-highest-constant': fault(
    'HIGHESTMODSEQ stays when messages are removed',
    '7162 §3.2',
    say(/HIGHESTMODSEQ \d+/, 'HIGHESTMODSEQ 5000'),
    'qresync/expunge-raises',
    early,
  ),
}

export const modseqFaults: Faults = { ...condstoreFaults, ...qresyncFaults }
