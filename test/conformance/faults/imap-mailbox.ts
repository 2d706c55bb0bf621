// Faults of commands that make, name and open mailboxes (RFC 9051 §6.3).
import { before, drop, type Faults, imapFault as fault, hear, type Rule, reply, say } from '../fault.ts'
import { noIsOk } from './imap-state.ts'

const OPEN = /^(SELECT|EXAMINE)/i
const early = { early: true } as const

const createFaults: Faults = {
  'create-nothing': fault(
    'CREATE is answered by OK and makes nothing',
    '3501 §6.3.3',
    reply(/^CREATE/i, '% OK made'),
    'create/new',
  ),
  'create-with-welcome': fault('a new mailbox has a message', '3501 §6.3.3', 'create-with-welcome', 'create/empty'),
  'create-existing-ok': fault(
    'CREATE of what exists is answered by OK',
    '3501 §6.3.3',
    'create-existing-ok',
    'create/existing',
  ),
  'create-inbox-ok': fault(
    'CREATE of INBOX is answered by OK',
    '3501 §6.3.3',
    'create-inbox-ok',
    'create/inbox create/inbox-case',
  ),
  'inbox-minds-case': fault(
    'inbox is another mailbox than INBOX',
    '3501 §5.1',
    'inbox-minds-case',
    'create/inbox-case select/inbox-case',
  ),
  'create-trailing-refused': fault(
    'a name that ends in the separator is refused',
    '3501 §6.3.3',
    reply(/^CREATE .*\/"?$/i, '% NO no such name'),
    'create/trailing-separator',
  ),
  'create-no-inferiors': fault(
    'names below a name cannot be made',
    '3501 §6.3.3',
    'create-no-inferiors',
    'create/child-of-declared',
  ),
  'create-no-superiors': fault(
    'superior names are not made',
    '3501 §6.3.3',
    'create-no-superiors',
    'create/superiors rename/superiors',
  ),
  'uidvalidity-constant': fault(
    'every mailbox has the UIDVALIDITY 1',
    '3501 §2.3.1.1',
    'uidvalidity-constant',
    'rename/old-name-again uid/recreated',
    early,
  ),
  'create-unselects': fault(
    'CREATE closes the selected mailbox',
    '3501 §6.3.3',
    'create-unselects',
    'create/does-not-select',
  ),
  'list-names-bare': fault(
    'LIST gives a name with a space as it stands',
    '3501 §9 mailbox',
    say(/^(\* LIST .*) "([^"]* [^"]*)"\r/, '$1 $2\r'),
    'create/name-with-space',
  ),
  'create-no-literal': fault(
    'CREATE takes no literal',
    '3501 §4.3',
    reply(/^CREATE \{/i, '% BAD no name'),
    'create/name-as-literal',
  ),
  'create-use-overlooked': fault(
    'USE is overlooked',
    '6154 §3',
    hear(/^(CREATE .*) \(USE .*\)$/i, '$1'),
    'create/special-use create/special-use-unknown',
  ),
}

const deleteFaults: Faults = {
  'delete-nothing': fault(
    'DELETE is answered by OK and removes nothing',
    '3501 §6.3.4',
    reply(/^DELETE/i, '% OK gone'),
    'delete/gone delete/not-selectable',
  ),
  'delete-no-is-ok': fault(
    'what cannot be deleted is answered by OK',
    '3501 §6.3.4',
    noIsOk(/^DELETE/i),
    'delete/no-such-mailbox delete/inbox delete/inbox-case delete/noselect-with-children',
  ),
  'delete-inbox-ok': fault('INBOX can be deleted', '3501 §6.3.4', 'delete-inbox-ok', 'delete/inbox delete/inbox-case'),
  'delete-keeps-messages': fault(
    'the messages of a deleted mailbox are in the next one of its name',
    '3501 §6.3.4',
    'delete-keeps-messages',
    'delete/messages',
  ),
  'delete-takes-children': fault(
    'DELETE removes the mailboxes below',
    '3501 §6.3.4',
    'delete-takes-children',
    'delete/children-stay',
  ),
  'delete-parent-selectable': fault(
    'a deleted mailbox with children can be selected',
    '3501 §6.3.4',
    'delete-parent-selectable',
    'delete/parent-not-selectable',
  ),
  'delete-haschildren-no-code': fault(
    'NO to DELETE of a mailbox with children has no code',
    '9051 §6.3.5',
    say(/ NO \[HASCHILDREN\]/, ' NO'),
    'delete/has-children',
    { side: 'keeping' },
  ),
  'delete-takes-parent': fault(
    'DELETE of a child removes its parent',
    '3501 §6.3.4',
    'delete-takes-parent',
    'delete/child',
  ),
}

const renameFaults: Faults = {
  'rename-nothing': fault(
    'RENAME is answered by OK and does nothing',
    '3501 §6.3.5',
    reply(/^RENAME/i, '% OK renamed'),
    'rename/moves',
  ),
  'rename-loses-flags': fault('RENAME loses flags', '3501 §2.3.1.1', 'rename-loses-flags', 'rename/keeps-content'),
  'rename-no-is-ok': fault(
    'what cannot be renamed is answered by OK',
    '3501 §6.3.5',
    noIsOk(/^RENAME/i),
    'rename/no-such-mailbox rename/existing-target rename/to-inbox',
  ),
  'rename-leaves-inferiors': fault(
    'RENAME leaves the names below',
    '3501 §6.3.5',
    'rename-leaves-inferiors',
    'rename/children',
  ),
  'rename-takes-parent': fault(
    'RENAME of a child removes its parent',
    '3501 §6.3.5',
    'rename-takes-parent',
    'rename/leaf',
  ),
  'rename-inbox-copies': fault(
    'RENAME of INBOX leaves its messages there',
    '3501 §6.3.5',
    'rename-inbox-copies',
    'rename/inbox',
  ),
  'rename-inbox-bad': fault(
    'RENAME of INBOX is answered by BAD',
    '9051 §6.3.6',
    reply(/^RENAME "?INBOX/i, '% BAD not INBOX'),
    'rename/inbox-is-no-error-of-syntax',
  ),
  'rename-unselects': fault(
    'RENAME closes the selected mailbox',
    '3501 §6.3.5',
    'rename-unselects',
    'rename/keeps-selection',
  ),
}

/** Each time another number. */
function counting(pattern: RegExp, word: string): Rule {
  let next = 7000
  return say(pattern, () => `${word} ${next++}`)
}

const selectFaults: Faults = {
  'select-flags-lack-draft': fault(
    'FLAGS lacks \\Draft',
    '3501 §6.3.1',
    say(/^(\* FLAGS \(.*) \\Draft/, '$1', OPEN),
    'select/flags select/permanentflags-within-flags',
    early,
  ),
  'select-flags-lack-keywords': fault(
    'FLAGS has the system flags alone',
    '3501 §6.3.1',
    say(/^\* FLAGS \(.*\)/, '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)', OPEN),
    'select/flags-keyword',
  ),
  'select-exists-wrong': fault(
    'EXISTS is one too many',
    '3501 §6.3.1',
    say(/^\* (\d+) EXISTS/, (_, n) => `* ${Number(n) + 1} EXISTS`, OPEN),
    'select/exists select/exists-empty',
    early,
  ),
  'select-uidvalidity-zero': fault(
    'UIDVALIDITY is 0',
    '3501 §6.3.1',
    say(/UIDVALIDITY \d+/, 'UIDVALIDITY 0', OPEN),
    'select/uidvalidity uid/uidvalidity',
    early,
  ),
  'select-no-uidvalidity': fault(
    'SELECT gives no UIDVALIDITY',
    '3501 §6.3.1',
    drop(/UIDVALIDITY/, OPEN),
    'select/uidvalidity',
    early,
  ),
  'select-uidnext-low': fault(
    'UIDNEXT is the UID of the last message',
    '3501 §6.3.1',
    say(/UIDNEXT (\d+)/, (_, n) => `UIDNEXT ${Math.max(1, Number(n) - 1)}`, OPEN),
    'select/uidnext uid/uidnext-above',
    early,
  ),
  'select-no-permanentflags': fault(
    'SELECT gives no PERMANENTFLAGS',
    '3501 §6.3.1',
    drop(/PERMANENTFLAGS/, OPEN),
    'select/permanentflags',
    early,
  ),
  'store-not-kept': fault(
    'flags are told as set, but not kept',
    '3501 §7.1',
    'store-not-kept',
    'store/permanent store/keyword-permanent',
  ),
  'select-no-recent': fault(
    'SELECT gives no RECENT',
    '3501 §6.3.1',
    drop(/^\* \d+ RECENT/, OPEN),
    'recent/select',
    early,
  ),
  'select-unseen-wrong': fault(
    'UNSEEN is the message behind the first unseen',
    '3501 §6.3.1',
    say(/UNSEEN (\d+)/, (_, n) => `UNSEEN ${Number(n) + 1}`, OPEN),
    'select/unseen',
    early,
  ),
  'select-no-list': fault(
    'SELECT gives no LIST',
    '9051 §6.3.2',
    drop(/^\* LIST/, OPEN),
    'select/list examine/list',
    early,
  ),
  'select-no-code': fault(
    'OK to SELECT has no code',
    '3501 §6.3.1',
    say(/ OK \[READ-\w+\]/, ' OK', OPEN),
    'select/read-write examine/read-only',
    early,
  ),
  'select-no-is-ok': fault(
    'a mailbox that does not exist can be selected',
    '3501 §6.3.1',
    noIsOk(OPEN),
    'select/no-such-mailbox examine/no-such-mailbox',
  ),
  'failed-select-keeps': fault(
    'a SELECT that fails leaves the mailbox selected',
    '3501 §6.3.1',
    'failed-select-keeps',
    'select/failure-deselects examine/failure-deselects select/closed-by-failure',
  ),
  'select-keeps-view': fault(
    'numbers mean the messages of the mailbox before',
    '3501 §6.3.1',
    'select-keeps-view',
    'select/another',
  ),
  'select-expunges': fault(
    'SELECT of another mailbox expunges the first',
    '3501 §6.4.2',
    'select-expunges',
    'expunge/select-removes-nothing',
  ),
  'select-no-closed': fault(
    'SELECT gives no CLOSED',
    '9051 §6.3.2',
    drop(/\[CLOSED\]/),
    'select/closed select/closed-by-failure',
  ),
  'closed-late': fault('CLOSED comes behind EXISTS', '9051 §7.1', 'closed-late', 'select/closed-comes-first'),
  'closed-on-success': fault(
    'a SELECT that fails gives no CLOSED',
    '9051 §6.3.2',
    'closed-on-success',
    'select/closed-by-failure',
  ),
  'closed-always': fault(
    'the first SELECT gives CLOSED',
    '9051 §7.1',
    before(OPEN, '* OK [CLOSED] What was there before'),
    'select/not-closed-at-first',
    early,
  ),
  'uidvalidity-changes': fault(
    'UIDVALIDITY is another one at each SELECT',
    '3501 §2.3.1.1',
    counting(/UIDVALIDITY \d+/, 'UIDVALIDITY'),
    'uid/kept',
    early,
  ),
  'uids-descend': fault(
    'UIDs descend',
    '3501 §2.3.1.1',
    say(/([ (])UID (\d+)/, (_, space, n) => `${space}UID ${100 - Number(n)}`),
    'uid/ascending',
  ),
  'uidnext-constant': fault(
    'UIDNEXT is always the same',
    '3501 §2.3.1.1',
    say(/UIDNEXT \d+/, 'UIDNEXT 1000'),
    'uid/uidnext-changes',
    early,
  ),
  'uidnext-climbs': fault(
    'UIDNEXT is another one each time',
    '3501 §2.3.1.1',
    counting(/UIDNEXT \d+/, 'UIDNEXT'),
    'uid/uidnext-unchanged',
    early,
  ),
  'uidnext-high': fault(
    'UIDNEXT is above the UID that a new message gets',
    '3501 §2.3.1.1',
    say(/UIDNEXT (\d+)/, (_, n) => `UIDNEXT ${Number(n) + 100}`),
    'uid/uidnext-reached',
    early,
  ),
  'uidnext-status-differs': fault(
    'STATUS gives another UIDNEXT than SELECT',
    '9051 §6.3.11',
    say(/UIDNEXT (\d+)/, (_, n) => `UIDNEXT ${Number(n) + 1}`, /^STATUS/i),
    'uid/status-agrees',
  ),
  'uid-reused': fault(
    'UIDs of removed messages are given again',
    '9051 §2.3.1.1',
    'uid-reused',
    'uid/not-reused uid/not-reused-when-empty',
  ),
}

const examineFaults: Faults = {
  'examine-read-write': fault(
    'OK to EXAMINE has the code READ-WRITE',
    '3501 §6.3.2',
    say(/\[READ-ONLY\]/, '[READ-WRITE]'),
    'examine/read-only',
    early,
  ),
  'examine-no-uidnext': fault(
    'EXAMINE gives no UIDNEXT',
    '3501 §6.3.2',
    drop(/UIDNEXT/, /^EXAMINE/i),
    'examine/same-data',
    early,
  ),
  'examine-writes': fault(
    'a mailbox opened by EXAMINE can be changed',
    '3501 §6.3.2',
    'examine-writes',
    'store/read-only store/read-only-refused expunge/read-only expunge/read-only-refused expunge/close-read-only move/read-only recent/kept-by-examine',
  ),
}

export const mailboxFaults: Faults = {
  ...createFaults,
  ...deleteFaults,
  ...renameFaults,
  ...selectFaults,
  ...examineFaults,
}
