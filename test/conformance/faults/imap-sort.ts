// Faults of SORT, THREAD, ESORT and CONTEXT=SEARCH (RFC 5256, 5957, 5267), before Dovecot.
import { before, drop, type Faults, hear, imapFault, later, perConnection, type Rule, reply, say } from '../fault.ts'

const fault = (wrong: string, rfc: string, does: Rule | readonly Rule[], proves: string, side = 'dovecot') =>
  imapFault(wrong, rfc, does, proves, { side })

const numbers = (change: (all: number[]) => number[]): Rule =>
  say(/^\* SORT ([\d ]+)/, (_, list) => `* SORT ${change(list!.trim().split(' ').map(Number)).join(' ')}`)
const instead = (name: string, given: string): Rule => hear(new RegExp(`(?<=[( ])${name}(?=[ )])`, 'i'), given)
const ids = (topic: string, slugs: string): string =>
  slugs
    .split(' ')
    .map((slug) => `${topic}/${slug}`)
    .join(' ')
const badIsOk = say(/^(\S+) BAD/, '$1 OK')

/** From the first SORT on, every message is \\Seen. */
const seenBySort = perConnection(() => {
  let sorted = false
  return {
    hear(line) {
      const isLater = sorted
      sorted ||= / SORT /i.test(line)
      return isLater ? { kind: 'pass', line: line.replace(/ SEEN/i, ' ALL').replace(/ UNSEEN/i, ' NOT ALL') } : null
    },
    say: (unit) => (sorted && unit.includes('FLAGS (') ? [unit.replace('FLAGS (', 'FLAGS (\\Seen ')] : null),
  }
})

const S = '5256 §3'
const sortFaults: Faults = {
  'sort-by-number': fault(
    'SORT does not sort',
    S,
    numbers((all) => all.toSorted((a, b) => a - b)),
    `${ids('sort', 'arrival reverse date size from to cc subject several date-zone date-absent subject-any-case subject-encoded subject-re subject-blob subject-trailer subject-forwarded')} ${ids('sort-display', 'from from-address to')}`,
  ),
  'sort-backwards': fault(
    'SORT sorts backwards',
    S,
    numbers((all) => all.toReversed()),
    `sort/tie ${ids('sort', 'arrival date size subject')}`,
  ),
  'sort-ties-flip': fault(
    'messages that are equal by the criteria stand in another order the second time',
    S,
    later(numbers((all) => all.toReversed())),
    'sort/tie-after-another',
    'cyrus',
  ),
  'sort-reverse-overlooked': fault('REVERSE is overlooked', S, hear(/REVERSE /i, ''), 'sort/reverse'),
  'sort-date-arrival': fault('DATE is taken for ARRIVAL', S, instead('DATE', 'ARRIVAL'), 'sort/date-zone'),
  'sort-first-criterion': fault(
    'only the first criterion counts',
    S,
    hear(/^((?:UID )?SORT) \(((?:REVERSE )?\S+) [^)]*\)/i, '$1 ($2)'),
    'sort/several',
  ),
  'sort-everything': fault(
    'the search criteria are overlooked',
    S,
    hear(/^(SORT \([^)]*\) \S+) .*/i, '$1 ALL'),
    'sort/criteria sort/none',
  ),
  'sort-none-untold': fault('a SORT that finds nothing gives no response', S, drop(/^\* SORT\r/), 'sort/none'),
  'sort-uid-numbers': fault('UID SORT tells message numbers', S, hear(/^UID SORT/i, 'SORT'), 'sort/uid'),
  'sort-no-us-ascii': fault(
    'US-ASCII is refused',
    S,
    reply(/^SORT .*US-ASCII/i, '% NO [BADCHARSET (UTF-8)] no such charset'),
    'sort/us-ascii',
  ),
  'sort-any-charset': fault(
    'every charset is taken for UTF-8',
    S,
    hear(/^((?:SORT \([^)]*\))|(?:THREAD \S+)) \S+/i, '$1 UTF-8'),
    'sort/charset-unknown thread/charset-unknown',
  ),
  'sort-bad-is-ok': fault(
    'a malformed SORT or THREAD is answered by OK',
    '5256 §5',
    badIsOk,
    'sort/without-charset sort/unknown-criterion sort/no-criteria thread/unknown-algorithm',
  ),
  'sort-marks': fault('SORT sets \\Seen', S, seenBySort, 'sort/keeps-unseen'),
  'sort-modseq-untold': fault(
    'SORT with MODSEQ tells no mod-sequence',
    '7162 §3.1.9',
    say(/ \(MODSEQ \d+\)/, ''),
    'sort/modseq',
  ),
}

const T = '5256 §3'
/** Changes the threads, in which numbers stand. */
const threads = (change: (numbers: string[], text: string) => string): Rule =>
  say(/^\* THREAD (\(.*)\r\n/, (_, text) => `* THREAD ${change(text!.match(/\d+/g) ?? [], text!)}\r\n`)
const inOrder = (all: string[], text: string): string => {
  const sorted = all.map(Number).toSorted((a, b) => a - b)
  return text.replace(/\d+/g, () => String(sorted.shift()))
}

const threadFaults: Faults = {
  'thread-flat': fault(
    'every message is a thread of its own',
    T,
    threads((all) => all.map((n) => `(${n})`).join('')),
    ids(
      'thread',
      'orderedsubject-groups orderedsubject-children references-chain references-siblings references-in-reply-to references-references-first references-missing-parent references-missing-parent-of-one references-missing-between references-parent-later references-same-subject references-equal-subjects',
    ),
  ),
  'thread-chain': fault(
    'all messages are one chain',
    T,
    threads((all) => `(${all.join(' ')})`),
    ids(
      'thread',
      'orderedsubject-children orderedsubject-threads-by-date references-siblings references-missing-parent references-unrelated references-id-case refs references-references-first references-equal-subjects',
    ),
  ),
  'thread-by-number': fault(
    'messages stand in the order of their numbers',
    T,
    threads(inOrder),
    ids('thread', 'orderedsubject-by-date orderedsubject-threads-by-date references-parent-later'),
  ),
  'thread-everything': fault(
    'the search criteria are overlooked',
    T,
    hear(/^(THREAD \S+ \S+) .*/i, '$1 ALL'),
    'thread/orderedsubject-criteria',
  ),
  'thread-none-untold': fault(
    'a THREAD that finds nothing gives no response',
    T,
    drop(/^\* THREAD ?\r/),
    'thread/orderedsubject-none',
    'cyrus',
  ),
  'thread-loop-lost': fault(
    'messages that refer to each other in a circle are lost',
    T,
    say(/^\* THREAD .*/, '* THREAD'),
    'thread/references-loop',
  ),
  'thread-uid-numbers': fault('UID THREAD tells message numbers', T, hear(/^UID THREAD/i, 'THREAD'), 'thread/uid'),
}

const E = '5267 §3.1'
const oneOff = (word: string): Rule => say(new RegExp(`${word} (\\d+)`), (_, n) => `${word} ${Number(n) + 1}`)
const esortFaults: Faults = {
  'esort-min-off': fault('MIN is another message', E, oneOff('MIN'), 'esort/min'),
  'esort-max-off': fault('MAX is another message', E, oneOff('MAX'), 'esort/max'),
  'esort-all-sorted': fault(
    'ALL is in the order of numbers',
    E,
    say(
      / ALL (\S+)/,
      (_, set) =>
        ` ALL ${set!
          .split(',')
          .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
          .join(',')}`,
    ),
    'esort/all',
  ),
  'esort-no-options-count': fault(
    'RETURN () gives COUNT',
    '5267 §3.3',
    hear(/RETURN \(\)/i, 'RETURN (COUNT)'),
    'esort/no-options',
  ),
  'esort-count-off': fault('COUNT is one too many', E, oneOff('COUNT'), 'esort/count context/returns'),
  'esort-and-sort': fault(
    'SORT with RETURN gives an untagged SORT too',
    '5267 §3',
    before(/RETURN/i, '* SORT 1'),
    'esort/instead-of-sort',
  ),
  'esort-without-uid': fault(
    'ESEARCH to UID SORT has no UID',
    '5267 §3',
    say(/^(\* ESEARCH \(TAG "[^"]*"\)) UID/, '$1'),
    'esort/uid',
  ),
}

const C = '5267 §4.3'
const contextFaults: Faults = {
  'context-no-addto': fault(
    'what comes to match is not told',
    `${C}.3`,
    drop(/ADDTO/),
    'context/addto context/new-message',
  ),
  'context-no-removefrom': fault(
    'what no longer matches is not told',
    `${C}.4`,
    drop(/REMOVEFROM/),
    'context/removefrom',
  ),
  'context-without-uid': fault(
    'changes of a UID SEARCH are told without UID',
    `${C}.2`,
    say(/^(\* ESEARCH \(TAG "[^"]*"\)) UID/, '$1'),
    'context/uid',
  ),
  'context-not-cancelled': fault(
    'CANCELUPDATE does nothing',
    `${C}.5`,
    reply(/^CANCELUPDATE/i, '% OK done'),
    'context/cancelupdate',
  ),
  'context-tag-taken': fault('a tag may be used for two searches', C, badIsOk, 'context/tag-reused'),
  'context-hint-refused': fault(
    'CONTEXT is refused',
    '5267 §4.2',
    reply(/RETURN .*CONTEXT/i, '% BAD no such option'),
    'context/hint',
  ),
}

export const sortFaultTable: Faults = { ...sortFaults, ...threadFaults, ...esortFaults, ...contextFaults }
