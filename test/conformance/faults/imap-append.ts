// Faults of APPEND, of leaving a mailbox, and of IDLE (RFC 9051 §6.3.12, §6.4.1, §6.4.2, §6.3.13).
import { before, drop, type Faults, imapFault as fault, hear, later, type Rule, reply, say, tagged } from '../fault.ts'

const A = '3501 §6.3.11'

const appendFaults: Faults = {
  'append-adds-line-end': fault(
    'a line end is added to every message',
    A,
    'append-adds-line-end',
    'append/size append/content append/no-line-end',
  ),
  'append-seven-bits': fault('octets above 127 become question marks', A, 'append-seven-bits', 'append/content'),
  'append-completes-line': fault(
    'a last line without CR LF gets one',
    A,
    'append-completes-line',
    'append/no-line-end',
  ),
  'append-inbox-in-capitals': fault(
    'APPEND knows INBOX in capitals alone',
    '3501 §5.1',
    hear(/^APPEND "?(?!INBOX\b)[Ii][Nn][Bb][Oo][Xx]"?/, 'APPEND nobox'),
    'append/inbox-case',
  ),
  'append-first': fault('an appended message is the first', A, 'append-first', 'append/at-the-end'),
  'append-drops-flags': fault(
    'the flags of APPEND are overlooked',
    A,
    'append-drops-flags',
    'append/flags multiappend/all',
  ),
  'append-marks-seen': fault(
    'appended messages have \\Seen',
    A,
    'append-marks-seen',
    'append/no-flags append/empty-flags',
  ),
  'append-no-empty-flags': fault(
    'an empty list of flags is refused',
    '3501 §9',
    reply(/^APPEND .* \(\) /i, '% BAD no flags'),
    'append/empty-flags',
  ),
  'append-date-now': fault(
    'the date of APPEND is overlooked',
    A,
    'append-date-now',
    'append/date append/date-one-digit append/flags-and-date multiappend/all',
  ),
  'append-date-two-digits': fault(
    'a day with a space before it is refused',
    '3501 §9 date-day-fixed',
    reply(/^APPEND .*" \d-/i, '% BAD no date'),
    'append/date-one-digit',
  ),
  'append-date-epoch': fault('a message without a date is of 1970', A, 'append-date-epoch', 'append/date-default'),
  'append-flags-or-date': fault(
    'flags and a date together are refused',
    '3501 §9 append',
    reply(/^APPEND .*\) "/i, '% BAD too much'),
    'append/flags-and-date',
  ),
  'append-bad-date-taken': fault('a date that is none is overlooked', A, 'append-bad-date-taken', 'append/bad-date'),
  'append-bad-is-ok': fault(
    'a malformed APPEND is answered by OK',
    '3501 §9 append',
    tagged(/^APPEND/i, (line) => line.replace(/^(\S+) BAD/, '$1 OK')),
    'append/quoted-message append/bad-date',
  ),
  'append-keeps-nul': fault('NUL is kept', '3501 §9 literal', 'append-keeps-nul', 'append/nul'),
  'append-creates': fault('APPEND makes the mailbox', A, 'append-creates', 'append/no-such-mailbox append/trycreate'),
  'append-unselects': fault('APPEND closes the selected mailbox', A, 'append-unselects', 'append/keeps-selection'),
  'append-limit-no-code': fault(
    'NO to a message above APPENDLIMIT has no code',
    '7889 §4',
    say(/ NO \[TOOBIG\]/, ' NO'),
    'append/limit',
    { side: 'limited' },
  ),
  'appenduid-none': fault(
    'there is no APPENDUID',
    '4315 §3',
    say(/ OK \[APPENDUID[^\]]*\]/, ' OK'),
    'append-uid/code multiappend/uids',
  ),
  'appenduid-set': fault(
    'APPENDUID of one message is a range',
    '4315 §3',
    say(/APPENDUID (\d+) (\d+)\]/, 'APPENDUID $1 $2:$2]'),
    'append-uid/one-number',
  ),
  'appenduid-low': fault(
    'APPENDUID is always 1',
    '3501 §2.3.1.1',
    say(/APPENDUID (\d+) (\d+)\]/, 'APPENDUID $1 1]'),
    'append-uid/above-all',
  ),
  'appenduid-first': fault(
    'APPENDUID names the first of several messages',
    '4315 §3',
    say(/APPENDUID (\d+) (\d+)[^\]]*/, 'APPENDUID $1 $2'),
    'multiappend/uids',
  ),
  'multiappend-first': fault(
    'only the first of several messages is appended',
    '3502 §6.3.11',
    'multiappend-first',
    'multiappend/all',
  ),
  'append-empty-taken': fault(
    'an empty literal is passed over',
    '3502 §6.3.11',
    'append-empty-taken',
    'multiappend/cancelled',
  ),
  'multiappend-partly': fault(
    'an APPEND that fails leaves the messages before',
    '3502 §6.3.11',
    'multiappend-partly',
    'multiappend/atomic multiappend/atomic-date',
  ),
}

/** No mailbox can be selected any more. */
function closedForGood(): Rule {
  let closed = false
  return {
    hear(line, { tag }) {
      const isOpening = /^\S+ (SELECT|EXAMINE)/i.test(line)
      if (closed && isOpening) return { kind: 'answer', text: `${tag} BAD log in first\r\n` }
      closed ||= /^\S+ (CLOSE|UNSELECT)/i.test(line)
      return null
    },
  }
}

const closeFaults: Faults = {
  'check-expunges': fault('CHECK expunges', '3501 §6.4.1', hear(/^CHECK/i, 'EXPUNGE'), 'check/does-not-expunge'),
  'close-nothing': fault(
    'CLOSE and UNSELECT leave the mailbox selected',
    '3501 §6.4.2',
    reply(/^(CLOSE|UNSELECT)/i, '% OK closed'),
    'close/deselects unselect/deselects',
  ),
  'closed-for-good': fault(
    'no mailbox can be selected after CLOSE',
    '3501 §6.4.2',
    closedForGood(),
    'close/authenticated unselect/authenticated',
  ),
  'close-arguments': fault(
    'arguments of CLOSE, UNSELECT, EXPUNGE and IDLE are overlooked',
    '3501 §9',
    hear(/^(CLOSE|UNSELECT|EXPUNGE|IDLE) .*/i, '$1'),
    'close/argument unselect/argument expunge/argument idle/argument',
  ),
  'unselect-closes': fault(
    'UNSELECT expunges',
    '3691 §2',
    hear(/^UNSELECT/i, 'CLOSE'),
    'unselect/keeps unselect/keeps-marks',
  ),
  'expunge-exists-stale': fault(
    'EXISTS behind EXPUNGE is the number from before',
    '3501 §7.3.1',
    before(/^EXPUNGE/i, '* 9 EXISTS'),
    'expunge/no-shrinking-exists',
  ),
  'expunge-tells-uids': fault('EXPUNGE tells UIDs', '4315 §2.1', 'expunge-tells-uids', 'uid-expunge/responses'),
  'uid-expunge-without-set': fault(
    'UID EXPUNGE without a set expunges all',
    '4315 §4',
    hear(/^UID EXPUNGE$/i, 'EXPUNGE'),
    'uid-expunge/no-set',
  ),
}

function deafAfterIdle(): Rule {
  let idled = false
  return {
    hear(line) {
      if (idled) return { kind: 'silence' }
      idled = /^\S+ IDLE/i.test(line)
      return null
    },
  }
}

const IDLE = /^IDLE/i
const idleFaults: Faults = {
  'idle-unasked': fault('IDLE gives no continuation request', '2177 §3', drop(/^\+/, IDLE), 'idle/continuation'),
  'idle-done-minds-case': fault(
    'DONE in another case is not known',
    '2177 §4',
    'idle-done-minds-case',
    'idle/done-case',
  ),
  'idle-deaf': fault('nothing is answered after IDLE', '2177 §3', deafAfterIdle(), 'idle/commands-after'),
  'idle-once': fault('IDLE is taken once', '2177 §3', later(reply(IDLE, '% BAD not again')), 'idle/twice'),
  'idle-no-exists': fault(
    'new messages are not told while IDLE lasts',
    '2177 §3',
    drop(/EXISTS\r/, IDLE),
    'idle/new-message idle/before-idle',
  ),
  'idle-no-expunge': fault(
    'removals are not told while IDLE lasts',
    '2177 §3',
    drop(/EXPUNGE\r/, IDLE),
    'idle/removal',
  ),
  'idle-no-flags': fault('flags are not told while IDLE lasts', '2177 §3', drop(/FETCH/, IDLE), 'idle/flags'),
  'idle-without-uid': fault(
    'FETCH while IDLE lasts has no UID',
    '9051 §6.3.13',
    say(/ UID \d+\)/, ')', IDLE),
    'idle/fetch-has-uid',
  ),
  'idle-refused': fault(
    'IDLE wants a selected mailbox',
    '2177 §3',
    reply(IDLE, '% BAD select a mailbox first'),
    'idle/not-selected',
  ),
  'idle-any-line': fault('any line ends IDLE', '2177 §4', 'idle-any-line', 'idle/not-done'),
  'idle-before-login': fault(
    'IDLE is taken before a login',
    '9051 §6.3',
    reply(IDLE, '+ idling'),
    'idle/not-authenticated',
  ),
}

export const appendFaultTable: Faults = { ...appendFaults, ...closeFaults, ...idleFaults }
