// Faults of CATENATE, ACL, METADATA, QUOTA, PREVIEW, COMPRESS and OBJECTID, before Dovecot and Cyrus.
import {
  before,
  drop,
  type Faults,
  hear,
  imapFault,
  later,
  octets,
  perConnection,
  type Rule,
  reply,
  say,
  tagged,
} from '../fault.ts'
import { noIsOk } from './imap-state.ts'

const fault = (
  wrong: string,
  rfc: string,
  does: Rule | readonly Rule[],
  proves: string,
  more: object = { side: 'dovecot' },
) => imapFault(wrong, rfc, does, proves, more)
const ids = (topic: string, slugs: string): string =>
  slugs
    .split(' ')
    .map((slug) => `${topic}/${slug}`)
    .join(' ')
const badIsOk = say(/^(\S+) BAD/, '$1 OK')

/** From a command on, responses are other ones. */
const since = (command: RegExp, pattern: RegExp, replacement: string): Rule =>
  perConnection(() => sinceThen(command, pattern, replacement))
function sinceThen(command: RegExp, pattern: RegExp, replacement: string): Rule {
  let done = false
  return {
    hear(line) {
      done ||= command.test(line)
      return null
    },
    say: (unit) => (done && pattern.test(unit) ? [unit.replace(pattern, replacement)] : null),
  }
}
/** From a command on, others are answered by this. */
const refusedSince = (command: RegExp, others: RegExp, text: string): Rule =>
  perConnection(() => refusedThen(command, others, text))
function refusedThen(command: RegExp, others: RegExp, text: string): Rule {
  let done = false
  return {
    hear(line, { tag }) {
      if (done && others.test(line)) return { kind: 'answer', text: `${tag} ${text}\r\n` }
      done ||= command.test(line)
      return null
    },
  }
}
function counting(pattern: RegExp, value: (n: number) => string): Rule {
  let next = 1
  return say(pattern, () => value(next++))
}

const CAT = '4469 §3'
const catenateFaults: Faults = {
  'catenate-cut': fault(
    'CATENATE loses the last octets',
    CAT,
    octets(/BODY\[\]/, (text) => text.slice(0, -5)),
    ids('catenate', 'text url url-section mixed'),
  ),
  'catenate-no-flags': fault(
    'flags of CATENATE are overlooked',
    CAT,
    say(/FLAGS \([^)]*\)/, 'FLAGS ()'),
    'catenate/flags',
  ),
  'catenate-marks': fault(
    'CATENATE sets \\Seen',
    CAT,
    since(/CATENATE/i, /FLAGS \(/, 'FLAGS (\\Seen '),
    'catenate/keeps-unseen',
  ),
  'catenate-unselects': fault(
    'CATENATE closes the selected mailbox',
    CAT,
    refusedSince(/CATENATE/i, / (FETCH|UID|SEARCH|NOOP|CHECK|STORE)/i, 'BAD no mailbox is selected'),
    'catenate/keeps-selected',
  ),
  'catenate-no-badurl': fault(
    'NO has no BADURL',
    '4469 §4.1',
    say(/ \[BADURL [^\]]*\]/, ''),
    ids('catenate', 'badurl badurl-first'),
  ),
  'catenate-other-badurl': fault(
    'BADURL names another URL',
    '4469 §4.1',
    say(/BADURL "?[^"\]]*"?\]/, 'BADURL "/other;UID=9"]'),
    ids('catenate', 'badurl badurl-first'),
  ),
  'catenate-appends-partly': fault(
    'CATENATE that fails appends something',
    '9051 §6.3.12',
    before(/^UID FETCH/i, '* 10 FETCH (UID 10)'),
    'catenate/failed-appends-nothing',
  ),
  'catenate-no-appenduid': fault('there is no APPENDUID', CAT, say(/ \[APPENDUID [^\]]*\]/, ''), 'catenate/appenduid'),
  'catenate-bad-is-ok': fault('CATENATE without a part is answered by OK', '4469 §5', badIsOk, 'catenate/empty'),
}

const ACL = '4314 §3.1'
const aclFaults: Faults = {
  'acl-no-myrights': fault('MYRIGHTS gives no response', '4314 §3.5', drop(/^\* MYRIGHTS/), 'acl/myrights'),
  'acl-rights-upper': fault(
    'rights are in upper case',
    '4314 §3.5',
    say(/^(\* MYRIGHTS .* )"?(\w+)"?\r/, (_, head, rights) => `${head}${rights!.toUpperCase()}\r`),
    'acl/myrights',
  ),
  'acl-no-acl': fault('GETACL gives no response', '4314 §3.3', drop(/^\* ACL/), 'acl/getacl'),
  'acl-set-nothing': fault(
    'SETACL does nothing',
    ACL,
    reply(/^SETACL/i, '% OK done'),
    ids('acl', 'setacl setacl-adds setacl-removes setacl-replaces'),
  ),
  'acl-sign-overlooked': fault(
    '+ and - are overlooked',
    ACL,
    hear(/^(SETACL .* "?)[+-](\w+"?)$/i, '$1$2'),
    ids('acl', 'setacl-adds setacl-removes'),
  ),
  'acl-always-adds': fault(
    'SETACL without a sign adds',
    ACL,
    hear(/^(SETACL .* "?)(?![+-])(\w+"?)$/i, '$1+$2'),
    'acl/setacl-replaces',
  ),
  'acl-delete-nothing': fault(
    'DELETEACL does nothing',
    '4314 §3.2',
    reply(/^DELETEACL/i, '% OK done'),
    'acl/deleteacl',
  ),
  'acl-bad-is-ok': fault('unknown rights are overlooked', ACL, badIsOk, ids('acl', 'unknown-right upper-case-right')),
  'acl-no-d': fault(
    'there is no right d',
    '4314 §2.1.1',
    say(/^(\* (?:ACL|MYRIGHTS) .*)/, (line) =>
      line!.replace(/(?<= "?)[a-z]*[lrswi][a-z]*(?="?(?: |$))/g, (rights) => rights.replace('d', '')),
    ),
    'acl/obsolete-delete',
  ),
  'acl-no-c': fault(
    'there is no right c',
    '4314 §2.1.1',
    say(/^(\* MYRIGHTS .* "?[a-z]*)c/, '$1'),
    'acl/obsolete-create',
  ),
  'acl-rights-twice': fault(
    'LISTRIGHTS names a right twice',
    '4314 §3.7',
    say(/^(\* LISTRIGHTS .*)\r/, '$1 l l\r'),
    'acl/listrights',
  ),
}

/** The mailbox is neither deleted nor made again. */
function deletesNothing(): Rule {
  let deleted = false
  return {
    hear(line, { tag }) {
      deleted ||= /^\S+ DELETE/i.test(line)
      return deleted && /^\S+ (DELETE|CREATE)/i.test(line) ? { kind: 'answer', text: `${tag} OK done\r\n` } : null
    },
  }
}

const META = '5464 §4.3'
const metadataFaults: Faults = {
  'metadata-set-nothing': fault(
    'SETMETADATA does nothing',
    META,
    reply(/^SETMETADATA/i, '% OK done'),
    ids('metadata', 'set-and-get replace lines several'),
  ),
  'metadata-set-once': fault(
    'an entry that is there is not replaced',
    META,
    refusedSince(/SETMETADATA/i, /SETMETADATA/i, 'OK done'),
    ids('metadata', 'replace remove'),
  ),
  'metadata-one-line': fault(
    'a value is its first line',
    '5464 §3.2',
    octets(/"?\/\S+/, (value) => value.split('\r\n')[0]!),
    'metadata/lines',
  ),
  'metadata-short': fault(
    'values of more than 1000 octets are refused',
    '5464 §4.1',
    reply(/^SETMETADATA .*(x{1000}|\{10\d\d)/i, '% NO [METADATA MAXSIZE 1000] too long'),
    'metadata/size',
  ),
  'metadata-first-only': fault(
    'only the first entry that was asked for is given',
    '5464 §4.2',
    hear(/^(GETMETADATA \S+) \((\S+) .*\)$/i, '$1 $2'),
    'metadata/several',
  ),
  'metadata-entry-case': fault(
    'entry names mind case',
    '5464 §3.2',
    hear(/^(GETMETADATA \S+ .*)(\/[a-z]*[A-Z]\S*)/, '$1/private/other'),
    'metadata/entry-case',
  ),
  'metadata-bad-is-ok': fault(
    'malformed entry names are taken',
    '5464 §3.2',
    badIsOk,
    ids('metadata', 'entry-wildcard entry-double-slash entry-trailing-slash'),
  ),
  'metadata-no-is-ok': fault(
    'a mailbox that does not exist has metadata',
    META,
    noIsOk(/^SETMETADATA/i),
    'metadata/no-such-mailbox',
  ),
  'metadata-maxsize-overlooked': fault(
    'MAXSIZE is overlooked',
    '5464 §4.2.1',
    hear(/ ?\(MAXSIZE \d+\)/i, ''),
    'metadata/maxsize',
  ),
  'metadata-lost-in-rename': fault(
    'a renamed mailbox loses its entries',
    '5464 §4.1',
    since(/RENAME/i, /^(\* METADATA .*) ("[^"]*"|\{\d+\}\r\n.*)\)\r\n/s, '$1 NIL)\r\n'),
    'metadata/follows-rename',
  ),
  'metadata-outlives-delete': fault(
    'the entries of a deleted mailbox are those of the next',
    '5464 §4.1',
    deletesNothing(),
    'metadata/goes-with-delete',
  ),
}

const QUOTA = '9208 §4.1.2'
const quotaFaults: Faults = {
  'quota-no-quotaroot': fault('GETQUOTAROOT names no root', QUOTA, drop(/^\* QUOTAROOT/), 'quota/quotaroot'),
  'quota-no-quota': fault(
    'GETQUOTAROOT gives no QUOTA',
    QUOTA,
    drop(/^\* QUOTA /, /^GETQUOTAROOT/i),
    'quota/quota-for-each-root',
  ),
  'quota-other-limit': fault(
    'GETQUOTA gives another limit than GETQUOTAROOT',
    '9208 §4.1.1',
    say(/(STORAGE \d+) (\d+)/, '$1 1$2', /^GETQUOTA /i),
    'quota/getquota',
  ),
  'quota-no-is-ok': fault(
    'a root that does not exist has a quota',
    '9208 §4.1.1',
    noIsOk(/^GETQUOTA /i),
    'quota/no-such-root',
  ),
  'quota-usage-constant': fault(
    'the usage stays when messages come',
    '9208 §4.2.1',
    say(/STORAGE \d+/, 'STORAGE 1'),
    'quota/usage',
  ),
  'quota-bad-is-ok': fault('GETQUOTA without a root is answered by OK', '9208 §7', badIsOk, 'quota/no-arguments'),
}

const PRE = '8970 §3.2'
const preview = (change: (text: string) => string | null): Rule => octets(/PREVIEW/, change)
const previewFaults: Faults = {
  'preview-nil': fault(
    'PREVIEW is NIL',
    PRE,
    preview(() => null),
    'preview/string',
  ),
  'preview-invented': fault(
    'PREVIEW of an empty body has a text',
    PRE,
    preview((text) => (text === '' ? 'empty' : text)),
    'preview/empty',
  ),
  'preview-subject': fault(
    'PREVIEW is something else than the text',
    PRE,
    preview(() => 'Click here'),
    'preview/of-the-text',
  ),
  'preview-no-lazy': fault('LAZY is refused', '8970 §4.1', reply(/LAZY/i, '% BAD no such modifier'), 'preview/lazy'),
  'preview-long': fault(
    'PREVIEW has 257 characters',
    '8970 §3.3',
    preview((text) => text + text.padEnd(257, 'x')),
    ids('preview', 'length length-advised'),
  ),
  'preview-latin': fault(
    'PREVIEW is in ISO-8859-1',
    '8970 §3.3',
    preview((text) => Buffer.from(text, 'latin1').toString('utf8')),
    'preview/utf-8',
  ),
  'preview-encoded': fault(
    'PREVIEW is transfer encoded',
    '8970 §3.3',
    preview((text) => text.replace(/\xc3\xb1/g, '=F1')),
    'preview/decoded',
  ),
  'preview-markup': fault(
    'PREVIEW has markup',
    '8970 §3.3',
    preview((text) => `<p>${text}</p>`),
    'preview/markup',
  ),
  'preview-changes': fault(
    'PREVIEW is another one each time',
    PRE,
    counting(/PREVIEW ("[^"]*"|\{\d+\}\r\n[^)]*)/, (n) => `PREVIEW "text ${n}"`),
    'preview/same',
  ),
  'preview-marks': fault(
    'PREVIEW sets \\Seen',
    '9051 §6.4.5',
    since(/PREVIEW/i, /FLAGS \(/, 'FLAGS (\\Seen '),
    'preview/keeps-unseen',
  ),
  'preview-alone': fault(
    'beside PREVIEW nothing is given',
    '8970 §3.1',
    hear(/\(.*PREVIEW.*\)/i, 'PREVIEW'),
    'preview/with-others',
  ),
}

const compressFaults: Faults = {
  'compress-only-says': fault(
    'COMPRESS is answered by OK, and nothing is compressed',
    '4978 §3',
    reply(/^COMPRESS/i, '% OK now'),
    ids('compress', 'deflate literals keeps-state append'),
  ),
  'compress-twice': fault(
    'COMPRESS is taken twice',
    '4978 §3',
    later(reply(/^COMPRESS/i, '% OK again')),
    'compress/twice',
    { side: 'extended' },
  ),
  'compress-unknown-ok': fault(
    'COMPRESS with an unknown mechanism is answered by OK',
    '4978 §3',
    tagged(/^COMPRESS/i, (line) => line.replace(/^(\S+) (BAD|NO)/, '$1 OK')),
    'compress/unknown',
    { side: 'extended' },
  ),
}

const OID = '8474 §4'
const cyrus = { side: 'cyrus' } as const
const objectIdFaults: Faults = {
  'objectid-no-mailboxid': fault(
    'SELECT gives no MAILBOXID',
    `${OID}.2`,
    drop(/^\* OK \[MAILBOXID/),
    ids('objectid', 'select examine'),
    { ...cyrus, early: true },
  ),
  'objectid-mailboxid-changes': fault(
    'MAILBOXID is another one each time',
    OID,
    counting(/MAILBOXID \([^)]*\)/, (n) => `MAILBOXID (M${n})`),
    ids('objectid', 'examine create-agrees status kept-by-rename'),
    cyrus,
  ),
  'objectid-create-none': fault(
    'OK to CREATE has no MAILBOXID',
    `${OID}.1`,
    say(/ \[MAILBOXID [^\]]*\]/, '', /^CREATE/i),
    ids('objectid', 'create create-agrees'),
    cyrus,
  ),
  'objectid-mailboxid-constant': fault(
    'every mailbox has the same MAILBOXID',
    OID,
    say(/MAILBOXID \([^)]*\)/, 'MAILBOXID (M1)'),
    ids('objectid', 'distinct not-reused'),
    { ...cyrus, early: true },
  ),
  'objectid-bare': fault(
    'EMAILID and THREADID stand without parentheses',
    '8474 §5.3',
    say(/(EMAILID|THREADID) \(([^)]*)\)/g, '$1 $2'),
    ids('objectid', 'emailid threadid'),
    cyrus,
  ),
  'objectid-emailid-changes': fault(
    'EMAILID is another one each time',
    '8474 §5.1',
    counting(/EMAILID \([^)]*\)/, (n) => `EMAILID (E${n})`),
    ids('objectid', 'emailid-kept emailid-of-copy emailid-of-moved emailid-same-flags'),
    cyrus,
  ),
  'objectid-emailid-constant': fault(
    'every message has the same EMAILID',
    '8474 §5.1',
    say(/EMAILID \([^)]*\)/g, 'EMAILID (E1)'),
    'objectid/emailid-distinct',
    cyrus,
  ),
  'objectid-threadid-changes': fault(
    'THREADID is another one each time',
    '8474 §5.2',
    counting(/THREADID \([^)]*\)/, (n) => `THREADID (T${n})`),
    ids('objectid', 'threadid-of-copy threadid-related'),
    cyrus,
  ),
  'objectid-same-ids': fault(
    'THREADID is the EMAILID',
    '8474 §5.2',
    [say(/EMAILID \([^)]*\)/g, 'EMAILID (X1)'), say(/THREADID \([^)]*\)/g, 'THREADID (X1)')],
    'objectid/threadid-other-than-emailid',
    cyrus,
  ),
  'objectid-search-all': fault(
    'SEARCH EMAILID and THREADID find everything',
    '8474 §6',
    hear(/(EMAILID|THREADID) \S+/i, 'ALL'),
    ids('objectid', 'search-emailid search-emailid-unknown search-threadid'),
    cyrus,
  ),
}

export const storeFaultTable: Faults = {
  ...catenateFaults,
  ...aclFaults,
  ...metadataFaults,
  ...quotaFaults,
  ...previewFaults,
  ...compressFaults,
  ...objectIdFaults,
}
