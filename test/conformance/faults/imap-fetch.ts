// Faults of FETCH: its items, sets and sections, and \Seen (RFC 9051 §6.4.5).
import { type Faults, hear, later, reply, say, tagged, transform } from '../fault.ts'

const FETCH = /^(UID )?FETCH /i
const bySession = (): ((unit: string) => string) => {
  let given = 0
  return (unit) =>
    unit.replace(/(INTERNALDATE ".{12}..:)\d\d:\d\d/, (_, start: string) => `${start}00:${10 + (given++ % 50)}`)
}

export const fetchFaults: Faults = {
  'fetch-flags-lack-answered': {
    wrong: 'FLAGS leaves out \\Answered',
    rfc: 'RFC 9051 §7.5.2',
    rules: [say(/(FLAGS \([^)]*)\\Answered ?/, '$1', FETCH)],
    proves: ['imap/fetch/flags'],
  },
  'fetch-no-flags-nil': {
    wrong: 'FLAGS of a message without flags is NIL',
    rfc: 'RFC 9051 §7.5.2',
    rules: [say(/FLAGS \((\\Recent)?\)/, 'FLAGS NIL', FETCH)],
    proves: ['imap/fetch/flags-none'],
  },
  'fetch-internaldate-one-digit': {
    wrong: 'a day below 10 is one digit without a space before it',
    rfc: 'RFC 9051 §9 date-day-fixed',
    rules: [say(/INTERNALDATE "0/, 'INTERNALDATE "', FETCH)],
    proves: ['imap/fetch/internaldate-form'],
  },
  'fetch-internaldate-zone-lost': {
    wrong: 'INTERNALDATE has the zone of the server without the time being converted',
    rfc: 'RFC 9051 §6.3.12',
    rules: [say(/(INTERNALDATE "[^"]*) \+0000/, '$1 -0500', FETCH)],
    proves: ['imap/fetch/internaldate-of-append'],
  },
  'fetch-internaldate-of-header': {
    wrong: 'INTERNALDATE is the Date field',
    rfc: 'RFC 9051 §2.3.3',
    switches: ['internaldate-from-header'],
    proves: ['imap/fetch/internaldate-not-of-the-header'],
  },
  'fetch-internaldate-epoch': {
    wrong: 'a message appended without a date is of 1970',
    rfc: 'RFC 9051 §6.3.12',
    rules: [say(/(INTERNALDATE "..-...-)20(2[1-9]|[3-9]\d)/, (_, start) => `${start}1970`, FETCH)],
    proves: ['imap/fetch/internaldate-of-now'],
  },
  'fetch-size-counts-lf': {
    wrong: 'RFC822.SIZE counts a line end as one octet',
    rfc: 'RFC 9051 §2.3.4',
    rules: [say(/RFC822\.SIZE (\d+)/, (_, size) => `RFC822.SIZE ${Number(size) - 5}`, FETCH)],
    proves: ['imap/fetch/size'],
  },
  'fetch-uid-zero': {
    wrong: 'UIDs begin with 0',
    rfc: 'RFC 9051 §7.5.2',
    rules: [say(/([ (]UID) \d+/, '$1 0', FETCH)],
    proves: ['imap/fetch/uid'],
  },
  'fetch-first-item-only': {
    wrong: 'only the first item of a list is given',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/^((?:UID )?FETCH \S+) \((\S+) .*\)$/i, '$1 ($2)')],
    proves: ['imap/fetch/items-together'],
  },
  'fetch-wants-parentheses': {
    wrong: 'an item without parentheses is refused',
    rfc: 'RFC 9051 §9 fetch',
    rules: [reply(/^FETCH \S+ [^(]/i, '% BAD expected a list')],
    proves: ['imap/fetch/item-alone'],
  },
  'fetch-items-mind-case': {
    wrong: 'items in lower case are not known',
    rfc: 'RFC 9051 §9',
    rules: [reply(/^\S+ \S+ .*[a-z]/, '% BAD no such item')],
    proves: ['imap/fetch/items-any-case'],
  },
  'fetch-size-changes': {
    wrong: 'RFC822.SIZE is another one at the second FETCH',
    rfc: 'RFC 9051 §2.3.1.1',
    rules: [later(say(/RFC822\.SIZE (\d+)/, 'RFC822.SIZE 1$1', FETCH))],
    proves: ['imap/fetch/static'],
  },
  'fetch-internaldate-changes': {
    wrong: 'INTERNALDATE is another one in each response',
    rfc: 'RFC 9051 §2.3.1.1',
    rules: [transform(FETCH, bySession())],
    proves: ['imap/fetch/static'],
  },
  'fetch-fast-is-all': {
    wrong: 'FAST gives ENVELOPE too',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/ FAST$/i, ' ALL')],
    proves: ['imap/fetch/macro-fast'],
  },
  'fetch-fast-lacks-size': {
    wrong: 'FAST gives no RFC822.SIZE',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/ FAST$/i, ' (FLAGS INTERNALDATE)')],
    proves: ['imap/fetch/macro-fast'],
  },
  'fetch-all-is-full': {
    wrong: 'ALL gives BODY too',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/ ALL$/i, ' FULL')],
    proves: ['imap/fetch/macro-all'],
  },
  'fetch-full-is-all': {
    wrong: 'FULL gives no BODY',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/ FULL$/i, ' ALL')],
    proves: ['imap/fetch/macro-full'],
  },
  'fetch-full-has-bodystructure': {
    wrong: 'FULL gives BODYSTRUCTURE instead of BODY',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/ FULL$/i, ' (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)')],
    proves: ['imap/fetch/macro-full'],
  },
  'uid-fetch-without-uid': {
    wrong: 'UID FETCH gives no UID that was not asked for',
    rfc: 'RFC 9051 §6.4.9',
    switches: ['uid-fetch-without-uid'],
    proves: ['imap/fetch/uid-fetch-has-uid'],
  },
  'uid-fetch-first': {
    wrong: 'UID FETCH gives the first message of a set',
    rfc: 'RFC 9051 §6.4.9',
    rules: [hear(/^(UID FETCH \d+)[,:]\S+/i, '$1')],
    proves: ['imap/fetch/uid-fetch-set'],
  },
  'uid-fetch-numbers-are-uids': {
    wrong: 'the number before FETCH is the UID',
    rfc: 'RFC 9051 §6.4.9',
    rules: [say(/^\* \d+ FETCH \((.*)UID (\d+)/s, '* $2 FETCH ($1UID $2', /^UID FETCH/i)],
    proves: ['imap/fetch/uid-fetch-numbers'],
  },
  'uid-fetch-missing-no': {
    wrong: 'UID FETCH that finds nothing is refused',
    rfc: 'RFC 9051 §6.4.9',
    switches: ['uid-fetch-missing-no'],
    proves: ['imap/fetch/uid-fetch-missing', 'imap/fetch/uid-fetch-empty-mailbox'],
  },
  'uid-star-not-below': {
    wrong: 'a UID range n:* is empty when n is above the last UID',
    rfc: 'RFC 9051 §6.4.9',
    switches: ['uid-star-not-below'],
    proves: ['imap/fetch/uid-fetch-beyond'],
  },
  'uid-gaps-refused': {
    wrong: 'a UID range with gaps is refused',
    rfc: 'RFC 9051 §6.4.9',
    switches: ['uid-gaps-refused'],
    proves: ['imap/fetch/uid-fetch-with-gaps'],
  },
  'set-star-is-first': {
    wrong: '* is the first message',
    rfc: 'RFC 9051 §9 sequence-set',
    rules: [hear(/^FETCH \* /i, 'FETCH 1 ')],
    proves: ['imap/fetch/set-star'],
  },
  'set-range-to-star-cut': {
    wrong: 'n:* is message n alone',
    rfc: 'RFC 9051 §9 sequence-set',
    rules: [hear(/^FETCH (\d+):\* /i, 'FETCH $1 ')],
    proves: ['imap/fetch/set-range-to-star'],
  },
  'set-star-to-number-cut': {
    wrong: '*:n is the last message alone',
    rfc: 'RFC 9051 §9 sequence-set',
    rules: [hear(/^FETCH \*:\d+ /i, 'FETCH * ')],
    proves: ['imap/fetch/set-star-to-number'],
  },
  'set-reversed-refused': {
    wrong: 'a range whose second number is the smaller one is refused',
    rfc: 'RFC 9051 §9 seq-range',
    rules: [reply(/^FETCH (?:9:[1-8]|8:[1-7]|7:[1-6]|6:[1-5]|5:[1-4]|4:[1-3]|3:[12]|2:1) /i, '% BAD wrong order')],
    proves: ['imap/fetch/set-reversed'],
  },
  'set-list-first-only': {
    wrong: 'only what stands before the first comma of a set is taken',
    rfc: 'RFC 9051 §9 sequence-set',
    rules: [hear(/^FETCH ([^ ,]+),\S+ /i, 'FETCH $1 ')],
    proves: ['imap/fetch/set-list'],
  },
  'fetch-bad-is-ok': {
    wrong: 'FETCH that is malformed is answered by OK',
    rfc: 'RFC 9051 §7.1.3',
    rules: [tagged(/^(UID )?FETCH/i, (line) => line.replace(/^(\S+) BAD/, '$1 OK'))],
    proves: [
      'imap/fetch/set-zero',
      'imap/fetch/set-malformed',
      'imap/fetch/set-beyond',
      'imap/fetch/unknown-item',
      'imap/fetch/unknown-section',
      'imap/fetch/no-items',
      'imap/fetch/without-items',
      'imap/fetch/mime-without-part',
      'imap/fetch/partial-of-nothing',
    ],
  },
  'fetch-sets-no-seen': {
    wrong: 'no FETCH sets \\Seen',
    rfc: 'RFC 9051 §6.4.5',
    switches: ['fetch-sets-no-seen'],
    proves: [
      'imap/seen/by-body',
      'imap/seen/by-part',
      'imap/seen/by-header',
      'imap/seen/by-rfc822',
      'imap/seen/by-rfc822-text',
      'imap/seen/by-partial',
    ],
  },
  'fetch-peek-marks': {
    wrong: 'BODY.PEEK sets \\Seen',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/BODY\.PEEK\[/i, 'BODY[')],
    proves: ['imap/seen/not-by-peek'],
  },
  'fetch-peek-header-marks': {
    wrong: 'BODY.PEEK[HEADER] sets \\Seen',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/BODY\.PEEK\[HEADER/i, 'BODY[HEADER')],
    proves: ['imap/seen/not-by-peek'],
  },
  'fetch-peek-text-marks': {
    wrong: 'BODY.PEEK[TEXT] sets \\Seen',
    rfc: 'RFC 9051 §6.4.5',
    rules: [hear(/BODY\.PEEK\[TEXT/i, 'BODY[TEXT')],
    proves: ['imap/seen/not-by-peek'],
  },
  'rfc822-header-marks': {
    wrong: 'RFC822.HEADER sets \\Seen',
    rfc: 'RFC 3501 §6.4.5',
    switches: ['rfc822-header-marks'],
    proves: ['imap/seen/not-by-rfc822-header'],
  },
  'envelope-marks': {
    wrong: 'ENVELOPE sets \\Seen',
    rfc: 'RFC 9051 §6.4.5',
    switches: ['envelope-marks'],
    proves: ['imap/seen/not-by-envelope'],
  },
  'seen-untold': {
    wrong: 'that a FETCH has set \\Seen is not told',
    rfc: 'RFC 9051 §6.4.5',
    switches: ['seen-untold'],
    proves: ['imap/seen/told'],
  },
  'seen-in-examine': {
    wrong: 'FETCH sets \\Seen in a mailbox opened by EXAMINE',
    rfc: 'RFC 9051 §6.3.3',
    switches: ['seen-in-examine'],
    proves: ['imap/seen/not-in-examine'],
  },
  'seen-not-kept': {
    wrong: 'that a FETCH has set \\Seen is told, but forgotten',
    rfc: 'RFC 9051 §2.3.2',
    switches: ['seen-not-kept'],
    proves: ['imap/seen/kept'],
  },
}
