// Faults of ESEARCH, SEARCHRES and WITHIN (RFC 9051 §6.4.4, RFC 5032).
import { before, drop, type Faults, imapFault as fault, hear, type Rule, say, tagged } from '../fault.ts'

const K = '9051 §6.4.4'
const SEARCH = /^(UID )?SEARCH/i

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
  'esearch-count-quoted': fault(
    'COUNT is a string',
    '9051 §9 search-ret-data-ext',
    say(/COUNT (\d+)/, 'COUNT "$1"'),
    'esearch/count',
  ),
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

export const resultFaults: Faults = { ...esearchFaults, ...searchresFaults, ...withinFaults }
