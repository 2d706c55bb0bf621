// Faults of LIST with its extensions, LSUB, subscriptions and STATUS (RFC 9051 §6.3.7-6.3.11).
import { before, drop, type Faults, imapFault as fault, hear, type Rule, reply, say, tagged, twice } from '../fault.ts'
import { noIsOk } from './imap-state.ts'

const levels = { side: 'levels' } as const
const L = '3501 §6.3.8'
const LIST = /^LIST/i
const LINE = /^\* LIST/

const swapChildren = say(/\\Has(No)?Children/, (_, no) => (no ? '\\HasChildren' : '\\HasNoChildren'))
/** Instead of each name another one that does not exist. */
const ghosts: Rule = {
  say: (unit) => {
    const found = /^\* LIST \([^)]*\) ("." )(?:"((?:[^"\\]|\\.)*)"|(\S+))\r\n$/.exec(unit)
    return found ? [`* LIST () ${found[1]}"${found[2] ?? found[3]}x"\r\n`] : null
  },
}

const listFaults: Faults = {
  'list-attributes-bare': fault(
    'attributes stand without parentheses',
    '3501 §7.2.2',
    say(/^\* LIST \(([^)]*)\)/, '* LIST $1'),
    'list/form',
  ),
  'list-exact-prefix': fault(
    'a name without wildcards lists what begins with it',
    L,
    hear(/^(LIST "" )"?([^"*%]+)"?$/i, '$1"$2*"'),
    'list/exact',
  ),
  'list-nothing-no': fault('a pattern that nothing matches is answered by NO', L, 'list-nothing-no', 'list/nothing'),
  'list-star-one-level': fault('* is taken for %', L, hear(/\*/g, '%'), 'list/star list/star-inside'),
  'list-percent-all-levels': fault('% is taken for *', L, hear(/%/g, '*'), 'list/percent list/percent-inside'),
  'list-wildcard-one': fault(
    'a wildcard matches at least one character',
    L,
    'list-wildcard-one',
    'list/star-matches-nothing',
  ),
  'list-twice': fault('each name is listed twice', L, twice(LINE), 'list/each-once list-extended/patterns-once'),
  'list-no-noselect': fault(
    'names that cannot be selected are not listed',
    L,
    drop(/^\* L(IST|SUB) \([^)]*\\Noselect/i),
    'lsub/level-by-percent list/empty-name',
  ),
  'list-no-levels': fault(
    'levels that are no mailboxes are not listed',
    L,
    drop(/^\* LIST \([^)]*\\Noselect/i),
    'list/level-without-mailbox',
    levels,
  ),
  'list-reference-overlooked': fault(
    'the reference is overlooked',
    L,
    hear(/^LIST "[^"]+" /i, 'LIST "" '),
    'list/reference',
  ),
  'list-empty-name-all': fault(
    'an empty name lists all mailboxes',
    L,
    hear(/^LIST "" ""/i, 'LIST "" *'),
    'list/empty-name',
  ),
  'list-root-selectable': fault(
    'the root is not \\Noselect',
    L,
    say(/\(\\Noselect\) "\/" ""/, '() "/" ""'),
    'list/empty-name-noselect',
  ),
  'list-two-separators': fault(
    'names of one hierarchy have two separators',
    '3501 §5.1.1',
    say(/^(\* LIST \([^)]*\)) "\/" ("?[^"\r]*\/)/, '$1 "." $2'),
    'list/one-separator',
  ),
  'list-no-inbox': fault('INBOX is not listed', L, drop(/^\* LIST .* "?INBOX"?\r/), 'list/inbox list/inbox-percent'),
  'list-inbox-noselect': fault(
    'INBOX is \\Noselect',
    L,
    say(/^\* LIST \(([^)]*)\) "\/" INBOX\r/, '* LIST (\\Noselect $1) "/" INBOX\r'),
    'list/inbox',
  ),
  'list-inbox-lower': fault(
    'INBOX is listed in lower case',
    L,
    say(/^(\* LIST .*) "?INBOX"?\r/, '$1 Inbox\r'),
    'list/inbox',
  ),
  'list-inbox-minds-case': fault(
    'inbox in another case lists nothing',
    '3501 §5.1',
    reply(/^LIST "" "?(?!INBOX)[Ii][Nn][Bb][Oo][Xx]/, '% OK done'),
    'list/inbox-case',
  ),
  'list-ghosts': fault('names are listed that do not exist', '3501 §7.2.2', ghosts, 'list/name-for-select list/exact'),
  'list-marked-unmarked': fault(
    'names are \\Marked and \\Unmarked',
    '9051 §7.3.1',
    say(/^\* LIST \(/, '* LIST (\\Marked \\Unmarked '),
    'list/marks',
  ),
  'list-children-swapped': fault(
    '\\HasChildren and \\HasNoChildren are swapped',
    '3348 §3',
    swapChildren,
    'list/children list-extended/return-children',
  ),
  'list-children-both': fault(
    'names have \\HasChildren and \\HasNoChildren',
    '3348 §3',
    say(/\\Has(No)?Children/, '\\HasChildren \\HasNoChildren'),
    'list/children-not-both',
  ),
  'list-unselects': fault('LIST closes the selected mailbox', L, 'list-unselects', 'list/keeps-selection'),
  'list-pattern-refused': fault(
    'a pattern that is no name is refused',
    '9051 §6.3.9',
    reply(/^LIST "" "?[^"]*([^\x20-\x7e]|\/\/|&)/i, '% NO no such name'),
    'list/pattern-not-accepted',
  ),
  'lsub-all': fault(
    'LSUB lists all mailboxes',
    '3501 §6.3.9',
    [hear(/^LSUB/i, 'LIST'), say(LINE, '* LSUB', /^LSUB/i)],
    'lsub/pattern subscribe/create-does-not',
  ),
  'list-subscribed-only': fault(
    'LIST lists subscribed mailboxes only',
    L,
    hear(/^LIST ""/i, 'LIST (SUBSCRIBED) ""'),
    'lsub/not-in-list',
  ),
}

const subscribeFaults: Faults = {
  'subscribe-nothing': fault(
    'SUBSCRIBE does nothing',
    '3501 §6.3.6',
    reply(/^SUBSCRIBE/i, '% OK noted'),
    'subscribe/adds',
  ),
  'subscribe-twice-no': fault(
    'SUBSCRIBE of what is subscribed is answered by NO',
    '9051 §6.3.7',
    'subscribe-twice-no',
    'subscribe/twice',
  ),
  'unsubscribe-nothing': fault(
    'UNSUBSCRIBE does nothing',
    '3501 §6.3.7',
    reply(/^UNSUBSCRIBE/i, '% OK noted'),
    'subscribe/removes',
  ),
  'unsubscribe-deletes': fault(
    'UNSUBSCRIBE removes the mailbox',
    '3501 §6.3.7',
    hear(/^UNSUBSCRIBE/i, 'DELETE'),
    'subscribe/unsubscribe-keeps-mailbox',
  ),
  'unsubscribe-no': fault(
    'UNSUBSCRIBE of what is not subscribed is answered by NO',
    '9051 §6.3.8',
    reply(/^UNSUBSCRIBE/i, '% NO not subscribed'),
    'subscribe/not-subscribed',
  ),
  'delete-unsubscribes': fault(
    'DELETE unsubscribes',
    '3501 §6.3.9',
    'delete-unsubscribes',
    'subscribe/deleted-mailbox-stays',
  ),
}

const X = '5258 §3'
const badIsOk = tagged(LIST, (line) => line.replace(/^(\S+) BAD/, '$1 OK'))
const childInfo = ' ("CHILDINFO" ("SUBSCRIBED"))'

const extendedFaults: Faults = {
  'list-selection-overlooked': fault(
    'the selection option SUBSCRIBED is overlooked',
    X,
    hear(/^LIST \(SUBSCRIBED\)/i, 'LIST ()'),
    'list-extended/select-subscribed',
  ),
  'list-no-subscribed': fault(
    'no name has \\Subscribed',
    X,
    say(/ ?\\Subscribed/i, ''),
    'list-extended/select-subscribed-attribute list-extended/return-subscribed',
  ),
  'list-all-subscribed': fault(
    'every name has \\Subscribed',
    X,
    say(/^\* LIST \((?!.*\\Subscribed)/, '* LIST (\\Subscribed '),
    'list-extended/return-subscribed list-extended/recursivematch-not-subscribed',
  ),
  'list-no-nonexistent': fault(
    'subscribed names without a mailbox are not listed',
    X,
    drop(/\\NonExistent/i),
    'list-extended/subscribed-nonexistent',
  ),
  'list-first-pattern': fault(
    'only the first pattern counts',
    X,
    hear(/^(LIST (?:\([^)]*\) )?"" )\((\S+) [^)]*\)/i, '$1$2'),
    'list-extended/patterns',
  ),
  'list-empty-pattern-root': fault(
    'an empty pattern gives the root in the extended syntax',
    X,
    before(/^LIST .*\(""/i, '* LIST (\\Noselect) "/" ""'),
    'list-extended/empty-pattern',
  ),
  'list-no-empty-selection': fault(
    'an empty list of selection options is refused',
    X,
    reply(/^LIST \(\)/i, '% BAD no options'),
    'list-extended/no-options',
  ),
  'list-no-empty-return': fault(
    'an empty list of return options is refused',
    X,
    reply(/RETURN \(\)/i, '% BAD no options'),
    'list-extended/no-return-options',
  ),
  'list-bad-is-ok': fault(
    'a malformed LIST is answered by OK',
    X,
    badIsOk,
    'list-extended/unknown-selection list-extended/unknown-return list-extended/recursivematch-alone list-extended/recursivematch-remote',
  ),
  'list-option-once': fault(
    'an option that is given twice is refused',
    X,
    reply(/\(.*\b([A-Z-]+) \1\b/i, '% BAD twice'),
    'list-extended/option-twice',
  ),
  'list-remote-only': fault(
    'REMOTE lists remote mailboxes alone',
    '5258 §3.1',
    reply(/^LIST \(REMOTE/i, '% OK done'),
    'list-extended/remote',
  ),
  'list-no-childinfo': fault(
    'there is no CHILDINFO',
    '5258 §3.1',
    say(/ \("?CHILDINFO"? [^\r]*/, ''),
    'list-extended/recursivematch list-extended/childinfo-of-match',
  ),
  'list-childinfo-always': fault(
    'every name has CHILDINFO',
    '5258 §3.5',
    say(/^(\* LIST [^\r]*)\r/, `$1${childInfo}\r`),
    'list-extended/childinfo-unasked',
  ),
  'list-always-recursive': fault(
    'LIST (SUBSCRIBED) lists the levels above',
    '5258 §3.5',
    hear(/^LIST \(SUBSCRIBED\)/i, 'LIST (SUBSCRIBED RECURSIVEMATCH)'),
    'list-extended/level-without-mailbox',
  ),
}

/** The line before comes behind. */
function statusFirst(): Rule {
  let held: string[] = []
  return {
    say(unit) {
      if (LINE.test(unit)) {
        const before = held
        held = [unit]
        return before
      }
      const all = [unit, ...held]
      held = []
      return /^\* STATUS/.test(unit) ? all : all.toReversed()
    },
  }
}
const statusOfLevels: Rule = {
  say: (unit) => {
    const found = /^\* LIST \([^)]*\\(?:Noselect|NonExistent)[^)]*\) ".+?" (.*)\r\n$/i.exec(unit)
    return found ? [unit, `* STATUS ${found[1]} (MESSAGES 0)\r\n`] : null
  },
}
const USES = /\\(?:All|Archive|Drafts|Flagged|Junk|Sent|Trash)/

const returnFaults: Faults = {
  'list-status-none': fault(
    'RETURN (STATUS) gives no STATUS',
    '5819 §2',
    drop(/^\* STATUS/, LIST),
    'list-status/each list-status/selected-mailbox',
  ),
  'list-status-wrong': fault(
    'STATUS of LIST counts one too many',
    '5819 §2',
    say(/MESSAGES (\d+)/, (_, n) => `MESSAGES ${Number(n) + 1}`, LIST),
    'list-status/values',
  ),
  'list-status-first': fault('STATUS comes before LIST', '5819 §2', statusFirst(), 'list-status/behind-its-list'),
  'list-status-of-levels': fault(
    'names that cannot be selected have STATUS',
    '5819 §2',
    statusOfLevels,
    'list-status/not-for-levels',
    levels,
  ),
  'list-special-all': fault(
    'the selection option SPECIAL-USE is overlooked',
    '6154 §2',
    hear(/^LIST \(SPECIAL-USE\)/i, 'LIST ()'),
    'special-use/selection',
  ),
  'list-special-none': fault(
    'RETURN (SPECIAL-USE) gives no special use',
    '6154 §2',
    say(new RegExp(` ?${USES.source}`), '', /RETURN \(SPECIAL-USE/i),
    'special-use/return',
  ),
  'list-special-differs': fault(
    'LIST without options names another use',
    '6154 §2',
    say(USES, '\\Flagged', /^LIST ""(?!.*RETURN)/i),
    'special-use/plain-list',
  ),
  'useattr-none': fault(
    'NO to an unknown use has no code',
    '6154 §3',
    say(/ NO \[USEATTR\]/, ' NO'),
    'create/special-use-code',
  ),
}

const T = '3501 §6.3.10'
const STATUS = /^STATUS/i
const more = (item: string): Rule => say(new RegExp(`${item} (\\d+)`), (_, n) => `${item} ${Number(n) + 1}`, STATUS)

const statusFaults: Faults = {
  'status-messages-wrong': fault(
    'MESSAGES is one too many',
    T,
    more('MESSAGES'),
    'status/messages status/empty-mailbox',
  ),
  'status-unseen-number': fault(
    'UNSEEN is the number of a message',
    T,
    say(/UNSEEN \d+/, 'UNSEEN 2', STATUS),
    'status/unseen',
  ),
  'status-recent-high': fault(
    'RECENT is above the number of messages',
    T,
    say(/RECENT (\d+)/, 'RECENT 9$1', STATUS),
    'status/recent',
  ),
  'status-deleted-wrong': fault('DELETED is one too many', '9051 §6.3.11', more('DELETED'), 'status/deleted'),
  'status-size-low': fault(
    'SIZE is less than the sum of sizes',
    '8438 §2',
    say(/SIZE (\d+)/, (_, n) => `SIZE ${Number(n) - 1}`, STATUS),
    'status/size',
  ),
  'status-more-items': fault(
    'items come that were not asked for',
    T,
    say(/^(\* STATUS .*)\)/, '$1 UIDVALIDITY 7 MESSAGES 7)'),
    'status/only-what-is-asked',
  ),
  'status-no-is-ok': fault(
    'a mailbox that does not exist has a STATUS',
    T,
    noIsOk(STATUS),
    'status/no-such-mailbox status/wildcard',
  ),
  'status-bad-is-ok': fault(
    'an unknown item is overlooked',
    '3501 §9',
    tagged(STATUS, (line) => line.replace(/^(\S+) BAD/, '$1 OK')),
    'status/unknown-item',
  ),
  'status-selected-refused': fault(
    'STATUS of the selected mailbox is refused',
    '9051 §6.3.11',
    reply(STATUS, '% NO it is selected'),
    'status/selected-mailbox',
  ),
  'status-unselects': fault('STATUS closes the selected mailbox', T, 'status-unselects', 'status/keeps-selection'),
  'status-takes-recent': fault('STATUS takes \\Recent off', T, 'status-takes-recent', 'status/changes-no-message'),
  'status-appendlimit-list': fault(
    'APPENDLIMIT is a list',
    '7889 §3.1',
    say(/APPENDLIMIT (\d+|NIL)/, 'APPENDLIMIT ($1)', STATUS),
    'status/appendlimit',
    { side: 'limits' },
  ),
}

export const listFaultTable: Faults = {
  ...listFaults,
  ...subscribeFaults,
  ...extendedFaults,
  ...returnFaults,
  ...statusFaults,
}
