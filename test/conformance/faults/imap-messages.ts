// Faults of commands that change messages, of UIDs, and of what is told about changes (RFC 9051 §5.2, §6.4, §7.5.1).
import {
  before,
  drop,
  type Faults,
  imapFault as fault,
  hear,
  type Rule,
  reply,
  say,
  tagged,
  transform,
} from '../fault.ts'

/** STORE of one flag sets another. */
const mistaken = (flag: string, other: string): Faults => ({
  [`store-${flag.toLowerCase()}-mistaken`]: fault(
    `STORE of \\${flag} sets \\${other}`,
    '9051 §2.3.2',
    hear(new RegExp(`^(STORE .*)\\\\${flag}`, 'i'), `$1\\${other}`),
    `store/sets-${flag.toLowerCase()}`,
  ),
})

function sizeAfterStore(): Rule {
  let stored = false
  return {
    hear(line) {
      stored ||= /^\S+ (UID )?STORE/i.test(line)
      return null
    },
    say: (unit) =>
      stored && unit.includes('RFC822.SIZE') ? [unit.replace(/RFC822\.SIZE (\d+)/, 'RFC822.SIZE 1$1')] : null,
  }
}

const storeFaults: Faults = {
  ...mistaken('Answered', 'Draft'),
  ...mistaken('Deleted', 'Draft'),
  ...mistaken('Draft', 'Answered'),
  ...mistaken('Flagged', 'Draft'),
  ...mistaken('Seen', 'Draft'),
  'store-replaces-never': fault(
    'FLAGS is taken for +FLAGS',
    '9051 §6.4.6',
    hear(/^((?:UID )?STORE \S+) FLAGS/i, '$1 +FLAGS'),
    'store/replace store/replace-by-none store/replace-silent',
  ),
  'store-replaces-always': fault(
    '+FLAGS is taken for FLAGS',
    '9051 §6.4.6',
    hear(/ \+FLAGS/i, ' FLAGS'),
    'store/add store/add-silent',
  ),
  'store-toggles': fault(
    '+FLAGS and -FLAGS turn each flag about',
    '9051 §6.4.6',
    'store-toggles',
    'store/add-again store/remove-absent',
  ),
  'store-removes-all': fault(
    '-FLAGS removes all flags',
    '9051 §6.4.6',
    hear(/ -FLAGS(\S*) .*/i, ' FLAGS$1 ()'),
    'store/remove store/remove-silent store/remove-absent',
  ),
  'store-never-silent': fault(
    '.SILENT is overlooked',
    '9051 §6.4.6',
    hear(/\.SILENT/i, ''),
    'store/replace-silent store/add-silent store/remove-silent',
  ),
  'store-first-only': fault(
    'STORE changes the first message of a set',
    '9051 §6.4.6',
    hear(/^(STORE \d+)[:,]\S+/i, '$1'),
    'store/several',
  ),
  'store-everywhere': fault(
    'STORE changes every message',
    '9051 §6.4.6',
    hear(/^STORE \S+/i, 'STORE 1:*'),
    'store/not-others',
  ),
  'flags-mind-case': fault(
    'flags in another case are not known',
    '9051 §9',
    reply(/\\(?!Answered|Flagged|Deleted|Seen|Draft)/, '% BAD no such flag'),
    'store/flags-any-case',
  ),
  'store-wants-parentheses': fault(
    'flags without parentheses are refused',
    '9051 §9 store-att-flags',
    reply(/FLAGS\S* [^(]/i, '% BAD expected a list'),
    'store/without-parentheses',
  ),
  'keywords-dropped': fault(
    'keywords are overlooked',
    '9051 §2.3.2',
    'keywords-dropped',
    'store/keyword store/known-keywords store/keyword-permanent',
  ),
  'keywords-stay': fault('keywords cannot be taken off', '9051 §6.4.6', 'keywords-stay', 'store/keyword-removed'),
  'keywords-without-dollar': fault(
    'keywords that begin with $ are refused',
    '9051 §2.3.2',
    reply(/^STORE .*\$/i, '% NO no such keyword'),
    'store/known-keywords',
  ),
  'store-takes-recent': {
    ...fault(
      'STORE takes \\Recent off',
      '3501 §2.3.2',
      hear(/^(STORE \S+ [+-]?FLAGS\S*) \(\\Recent\)/i, '$1 ()'),
      'store/recent',
    ),
    switches: ['store-takes-recent'],
  },
  'uid-store-nothing': fault(
    'UID STORE does nothing',
    '9051 §6.4.9',
    reply(/^UID STORE/i, '% OK done'),
    'store/uid-store',
  ),
  'uid-store-replaces': fault(
    'UID STORE +FLAGS is taken for FLAGS',
    '9051 §6.4.9',
    hear(/^(UID STORE \S+) \+FLAGS/i, '$1 FLAGS'),
    'store/uid-store',
  ),
  'uid-store-removes-all': fault(
    'UID STORE -FLAGS removes all flags',
    '9051 §6.4.9',
    hear(/^(UID STORE \S+) -FLAGS(\S*) .*/i, '$1 FLAGS$2 ()'),
    'store/uid-store',
  ),
  'uid-store-first': fault(
    'UID STORE changes the first message of a set',
    '9051 §6.4.9',
    hear(/^(UID STORE \d+)[,:]\S+/i, '$1'),
    'store/uid-store-set',
  ),
  'uid-store-never-silent': fault(
    '.SILENT of UID STORE is overlooked',
    '9051 §6.4.9',
    hear(/^(UID STORE .*)\.SILENT/i, '$1'),
    'store/replace-silent store/add-silent',
  ),
  'uid-is-number': fault(
    'UID commands take message numbers',
    '9051 §6.4.9',
    'uid-is-number',
    'store/uid-store copy/uid-copy move/uid-move',
  ),
  'uid-store-without-uid': fault(
    'FETCH in answer to UID STORE has no UID',
    '9051 §6.4.9',
    'uid-store-without-uid',
    'store/uid-store-has-uid',
  ),
  'uid-missing-no': fault(
    'a UID that does not exist is refused',
    '9051 §6.4.9',
    'uid-missing-no',
    'store/uid-store-missing copy/uid-copy-missing move/uid-move-missing expunge/uid-expunge-missing',
  ),
  'beyond-ignored': fault(
    'numbers above that of the last message are overlooked',
    '9051 §9 seq-number',
    'beyond-ignored',
    'store/beyond copy/beyond',
  ),
  'store-bad-is-ok': fault(
    'a malformed STORE is answered by OK',
    '9051 §9 store',
    tagged(/^STORE/i, (line) => line.replace(/^(\S+) BAD/, '$1 OK')),
    'store/unknown-item store/without-flags',
  ),
  'store-changes-size': fault(
    'the size of a message is another one after STORE',
    '9051 §2.3.1.1',
    sizeAfterStore(),
    'store/size-kept',
  ),
}

const expungeFaults: Faults = {
  'expunge-all': fault('EXPUNGE removes every message', '9051 §6.4.3', 'expunge-all', 'expunge/removes-deleted'),
  'expunge-local': fault(
    'what is expunged is there in other sessions',
    '9051 §6.4.3',
    'expunge-local',
    'expunge/permanent',
  ),
  'expunge-untold': fault(
    'EXPUNGE does not tell what it removes',
    '9051 §6.4.3',
    drop(/EXPUNGE\r/, /^EXPUNGE/i),
    'expunge/told',
  ),
  'expunge-ascending': fault(
    'EXPUNGE tells the numbers from before',
    '9051 §7.5.1',
    'expunge-ascending',
    'expunge/numbers',
  ),
  'expunge-told-always': fault(
    'EXPUNGE that removes nothing tells something',
    '9051 §6.4.3',
    before(/^EXPUNGE/i, '* 1 EXPUNGE'),
    'expunge/nothing',
  ),
  'expunge-keeps-view': fault(
    'numbers stay as they were after EXPUNGE',
    '9051 §2.3.1.2',
    'expunge-keeps-view',
    'expunge/renumbers',
  ),
  'uid-expunge-all': fault(
    'UID EXPUNGE removes what is not in its set',
    '9051 §6.4.9',
    hear(/^UID EXPUNGE .*/i, 'EXPUNGE'),
    'expunge/uid-expunge',
  ),
  'uid-expunge-undeleted': fault(
    'UID EXPUNGE removes messages without \\Deleted',
    '9051 §6.4.9',
    'uid-expunge-undeleted',
    'expunge/uid-expunge-undeleted',
  ),
  'close-keeps': fault('CLOSE removes nothing', '9051 §6.4.1', hear(/^CLOSE/i, 'UNSELECT'), 'expunge/close'),
  'close-tells': fault('CLOSE tells EXPUNGE', '9051 §6.4.1', before(/^CLOSE/i, '* 1 EXPUNGE'), 'expunge/close'),
}

const copyFaults: Faults = {
  'copy-nothing': fault(
    'COPY does nothing',
    '9051 §6.4.7',
    reply(/^(UID )?COPY/i, '% OK done'),
    'copy/copies copy/uid-copy',
  ),
  'copy-moves': fault(
    'COPY takes the messages out of the source',
    '9051 §6.4.7',
    hear(/^COPY/i, 'MOVE'),
    'copy/source-kept',
  ),
  'copy-replaces': fault('COPY replaces what is in the target', '9051 §6.4.7', 'copy-replaces', 'copy/appends'),
  'copy-loses-flags': fault(
    'copies have no flags',
    '9051 §6.4.7',
    'copy-loses-flags',
    'copy/flags copy/keywords move/flags',
  ),
  'copy-dates-now': fault(
    'copies have the present date',
    '9051 §6.4.7',
    'copy-dates-now',
    'copy/internaldate move/internaldate',
  ),
  'no-trycreate': fault(
    'NO to a target that does not exist has no TRYCREATE',
    '9051 §6.4.7',
    say(/ NO \[TRYCREATE\]/, ' NO'),
    'copy/trycreate move/trycreate append/trycreate',
  ),
  'copy-creates': fault('the target is made', '9051 §6.4.7', 'copy-creates', 'copy/makes-no-mailbox copy/trycreate'),
  'copy-to-itself-refused': fault(
    'COPY to the selected mailbox is refused',
    '9051 §6.4.7',
    'copy-to-itself-refused',
    'copy/to-itself',
  ),
  'copy-needs-write': fault(
    'COPY out of a mailbox opened by EXAMINE is refused',
    '9051 §6.3.3',
    'copy-needs-write',
    'copy/in-examined',
  ),
  'copyuid-swapped': fault(
    'COPYUID has the UIDs of the copies first',
    '9051 §7.1',
    say(/COPYUID (\d+) (\S+) (\S+)\]/, (_, v, a, b) => `COPYUID ${v} ${b} ${a}]`),
    'copy/copyuid',
  ),
  'copyuid-none': fault(
    'there is no COPYUID',
    '9051 §7.1',
    say(/ OK \[COPYUID[^\]]*\]/, ' OK'),
    'copy/copyuid copy/copyuid-uid-copy',
  ),
  'copyuid-always': fault(
    'COPYUID is given when nothing was copied',
    '4315 §3',
    say(/^(\S+) OK (?!\[)/, '$1 OK [COPYUID 1 1 1] ', /^UID COPY/i),
    'copy/no-copyuid-for-nothing',
  ),
  'copy-partly': fault('a COPY that is refused copies a part', '9051 §6.4.7', 'copy-partly', 'copy/partly-beyond'),
}

const moveFaults: Faults = {
  'move-drops': fault('moved messages are lost', '9051 §6.4.8', 'move-drops', 'move/moves'),
  'move-copies': fault('MOVE leaves the messages in the source', '9051 §6.4.8', hear(/^MOVE/i, 'COPY'), 'move/removes'),
  'move-untold': fault(
    'MOVE does not tell what it takes out',
    '9051 §6.4.8',
    drop(/EXPUNGE\r/, /MOVE/i),
    'move/expunge-told',
  ),
  'move-marks-deleted': fault('moved messages have \\Deleted', '9051 §6.4.8', 'move-marks-deleted', 'move/no-deleted'),
  'failed-move-removes': fault(
    'a MOVE that fails takes the messages out',
    '9051 §6.4.8',
    'failed-move-removes',
    'move/failed-keeps',
  ),
  'uid-move-first': fault(
    'UID MOVE moves the first message of a set',
    '9051 §6.4.9',
    hear(/^(UID MOVE \d+)[,:]\S+/i, '$1'),
    'move/uid-move-set',
  ),
  'uid-copy-first': fault(
    'UID COPY copies the first message of a set',
    '9051 §6.4.9',
    hear(/^(UID COPY \d+)[,:]\S+/i, '$1'),
    'copy/uid-copy-set',
  ),
  'uid-move-nothing': fault('UID MOVE does nothing', '9051 §6.4.9', reply(/^UID MOVE/i, '% OK done'), 'move/uid-move'),
  'move-copyuid-late': fault(
    'COPYUID of MOVE comes behind the EXPUNGE responses',
    '9051 §6.4.8',
    'move-copyuid-late',
    'move/copyuid-before-expunge',
  ),
}

const updateFaults: Faults = {
  'expunge-anywhere': fault(
    'EXPUNGE is told in answer to FETCH, STORE and SEARCH',
    '9051 §7.5.1',
    'expunge-anywhere',
    'updates/no-expunge-in-fetch updates/no-expunge-in-store updates/no-expunge-in-search',
  ),
  'expunge-silent': fault(
    'numbers change before EXPUNGE is told',
    '9051 §7.5.1',
    'expunge-silent',
    'updates/numbers-until-told updates/expunge-told',
  ),
  'noop-tells-no-expunge': fault(
    'NOOP tells no EXPUNGE',
    '9051 §5.2',
    drop(/EXPUNGE\r/, /^NOOP/i),
    'updates/expunge-told move/other-session',
  ),
  'exists-untold': fault(
    'new messages are not told',
    '9051 §5.2',
    drop(/EXISTS\r/, /^(NOOP|APPEND)/i),
    'updates/exists-told updates/append-told',
  ),
  'append-untold': fault(
    'a message appended to the selected mailbox is told later',
    '9051 §6.3.12',
    'append-untold',
    'updates/append-told-at-once',
  ),
  'new-is-first': fault('a new message gets the number 1', '9051 §2.3.1.2', 'new-is-first', 'updates/new-is-last'),
  'flags-untold': fault(
    'flags changed by another session are not told',
    '9051 §5.2',
    drop(/FETCH/, /^NOOP/i),
    'updates/flags-told',
  ),
  'unasked-without-uid': fault(
    'a FETCH response that nothing asked for has no UID',
    '9051 §7.5.2',
    say(/ UID \d+\)/, ')', /^NOOP/i),
    'updates/unasked-has-uid',
  ),
  'flags-stale': fault(
    'FETCH shows flags as they were when the mailbox was opened',
    '9051 §2.3.2',
    'flags-stale',
    'updates/flags-seen',
    { early: true },
  ),
  'exists-wrong': fault(
    'EXISTS told by NOOP is one too many',
    '9051 §7.5.1',
    say(/^\* (\d+) EXISTS/, (_, n) => `* ${Number(n) + 1} EXISTS`, /^NOOP/i),
    'updates/expunge-and-new updates/exists-told',
  ),
  'store-expunged-closes': fault(
    'STORE of a message that is gone ends the connection',
    '9051 §7.5.1',
    'store-expunged-closes',
    'updates/store-of-expunged',
  ),
  'noop-expunges': fault(
    'NOOP tells an EXPUNGE that is none',
    '9051 §6.1.2',
    before(/^NOOP/i, '* 1 EXPUNGE'),
    'updates/none-when-unchanged',
  ),
  'check-refused': fault(
    'CHECK is not known',
    '3501 §6.4.1',
    reply(/^CHECK/i, '% BAD no such command'),
    'updates/check',
  ),
  'closed-mailbox-told': fault(
    'changes of a closed mailbox are told',
    '9051 §7.4.1',
    before(/^NOOP/i, '* 10 EXISTS'),
    'updates/unselected-is-silent',
  ),
}

const recentFaults: Faults = {
  'never-recent': fault('no message is recent', '3501 §2.3.2', 'never-recent', 'recent/first-session', {
    early: true,
  }),
  'recent-wrong': fault(
    'RECENT is one too many',
    '3501 §7.3.2',
    say(/^\* (\d+) RECENT/, (_, n) => `* ${Number(n) + 1} RECENT`),
    'recent/agrees',
    { early: true },
  ),
  'search-recent-none': fault(
    'SEARCH RECENT finds nothing',
    '3501 §6.4.4',
    transform(/^SEARCH.* RECENT/i, (unit) => unit.replace(/^\* SEARCH .*/, '* SEARCH')),
    'recent/search',
  ),
  'always-recent': fault('every message is recent', '3501 §2.3.2', 'always-recent', 'recent/once', { early: true }),
}

export const messageFaults: Faults = {
  ...storeFaults,
  ...expungeFaults,
  ...copyFaults,
  ...moveFaults,
  ...updateFaults,
  ...recentFaults,
}
