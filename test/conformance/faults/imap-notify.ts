// Faults of NOTIFY, URLAUTH, FILTERS and UIDONLY (RFC 5465, 4467, 5466, 9586).
import { after, drop, type Faults, hear, imapFault, perConnection, type Rule, reply, say } from '../fault.ts'

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

const N = '5465 §5'
const dovecot = { side: 'dovecot' }
const notifyFaults: Faults = {
  'notify-no-fetch': fault(
    'a new message is told without the items that were asked for',
    `${N}.2`,
    drop(/^\* \d+ FETCH/),
    'notify/new-fetch',
    dovecot,
  ),
  'notify-no-exists': fault('a new message is not told', `${N}.2`, drop(/EXISTS\r/), 'notify/delayed-new', dovecot),
  'notify-no-expunge': fault('a removal is not told', `${N}.3`, drop(/EXPUNGE\r/), 'notify/expunge', dovecot),
  'notify-not-delayed': fault(
    'SELECTED-DELAYED does not wait',
    '5465 §6.1.2',
    after(/^NOTIFY SET .*SELECTED-DELAYED/i, '* 2 EXPUNGE'),
    'notify/delayed-expunge',
    dovecot,
  ),
  'notify-none-overlooked': fault(
    'a new message is told after NOTIFY NONE',
    '5465 §3.2',
    after(/^NOTIFY NONE/i, '* 10 EXISTS'),
    'notify/none',
    dovecot,
  ),
  'notify-no-status': fault(
    'changes in other mailboxes are not told',
    `${N}.2`,
    drop(/^\* STATUS/),
    ids('notify', 'other-mailbox other-mailbox-expunge status replaced'),
    dovecot,
  ),
  'notify-status-always': fault(
    'NOTIFY SET tells STATUS without being asked',
    '5465 §3.1',
    hear(/^NOTIFY SET \(/i, 'NOTIFY SET STATUS ('),
    'notify/without-status',
    dovecot,
  ),
  'notify-bad-is-ok': fault(
    'events that want others are taken alone',
    N,
    badIsOk,
    ids('notify', 'new-without-expunge flags-alone'),
    dovecot,
  ),
  'notify-missing-refused': fault(
    'a mailbox that does not exist is refused',
    '5465 §3.1',
    reply(/^NOTIFY SET .*mailboxes/i, '% NO no such mailbox'),
    'notify/missing-mailbox',
    dovecot,
  ),
  'notify-no-list': fault(
    'mailboxes made, deleted, renamed and subscribed are not told',
    `${N}.4`,
    drop(/^\* LIST/),
    ids('notify', 'created deleted renamed subscribed'),
    dovecot,
  ),
  'notify-no-oldname': fault(
    'LIST of a renamed mailbox has no OLDNAME',
    `${N}.4`,
    say(/ \("?OLDNAME"? .*\)\r/i, '\r'),
    'notify/renamed',
    dovecot,
  ),
  'notify-first-stays': fault(
    'a second NOTIFY SET is overlooked',
    '5465 §3.1',
    perConnection(() => {
      let set = false
      return {
        hear(line, { tag }) {
          if (!/ NOTIFY SET/i.test(line)) return null
          if (set) return { kind: 'answer', text: `${tag} OK done\r\n` }
          set = true
          return null
        },
      }
    }),
    'notify/replaced',
    dovecot,
  ),
  'condstore-idle-untold': fault(
    'flags told in IDLE have no MODSEQ',
    '7162 §3.1',
    say(/ ?MODSEQ \(\d+\)/, '', /^(IDLE|NOOP)/i),
    'flags-told/in-idle',
    dovecot,
  ),
}

const X = '5465 §3.1'
const selectedFaults: Faults = {
  'notify-not-at-once': fault(
    'new messages of the selected mailbox wait for a command',
    `${N}.2`,
    drop(/EXISTS\r/),
    ids('notify', 'new implies-noop'),
  ),
  'notify-flags-without-uid': fault('flags are told without UID', `${N}.1`, 'notify-without-uid', 'notify/flags'),
  'notify-unwatched': fault('the selected mailbox is told of unasked', X, 'notify-unwatched', 'notify/unwatched'),
  'notify-any-event': fault(
    'an unknown event is overlooked',
    X,
    'notify-any-event',
    ids('notify', 'unknown-event badevent'),
  ),
  'notify-no-badevent': fault(
    'NO to an unknown event has no code',
    X,
    say(/ NO \[BADEVENT[^\]]*\]/, ' NO'),
    'notify/badevent',
  ),
}

const G = '4467 §7'
const urlFaults: Faults = {
  'urlauth-short': fault(
    'the authorization has 8 digits',
    G,
    say(/(:INTERNAL:[0-9a-f]{8})[0-9a-f]+/i, '$1'),
    'urlauth/genurlauth',
  ),
  'urlauth-other-octets': fault(
    'URLFETCH gives other octets',
    G,
    say(/^(\* URLFETCH .*) (?:"[^"]*"|\{\d+\}\r\n.*)\r\n$/s, '$1 "other"\r\n'),
    'urlauth/urlfetch',
  ),
  'urlauth-any-authorization': fault(
    'any authorization will do',
    G,
    'urlauth-any-authorization',
    ids('urlauth', 'urlfetch-forged urlfetch-other'),
  ),
  'urlauth-any-url': fault(
    'the authorization of one URL opens all of the mailbox',
    '4467 §6',
    'urlauth-any-url',
    'urlauth/urlfetch-other',
  ),
  'urlauth-key-stays': fault('RESETKEY does nothing', G, 'urlauth-key-stays', 'urlauth/resetkey'),
  'urlauth-marks': fault('URLFETCH sets \\Seen', G, 'urlauth-marks', 'urlauth/keeps-unseen'),
  'jmapaccess-silent': fault('GETJMAPACCESS tells nothing', '9698 §3', drop(/^\* JMAPACCESS/), 'jmapaccess/url'),
  'filter-all': fault(
    'every FILTER finds all messages',
    '5466 §3.1',
    hear(/FILTER \S+/i, 'ALL'),
    ids('filters', 'filter undefined'),
  ),
  'filter-no-code': fault(
    'NO to an unknown FILTER has no code',
    '5466 §3.1',
    say(/ NO \[UNDEFINED-FILTER[^\]]*\]/, ' NO'),
    'filters/undefined',
  ),
}

const O = '9586 §3'
const uidOnlyFaults: Faults = {
  'uidonly-unnamed': fault(
    'ENABLED does not name UIDONLY',
    `${O}.1`,
    say(/^\* ENABLED.*/, '* ENABLED'),
    'uidonly/enable',
  ),
  'uidonly-numbers': fault(
    'message numbers are taken',
    O,
    'uidonly-numbers',
    ids('uidonly', 'numbers-refused uidrequired'),
  ),
  'uidonly-no-code': fault(
    'BAD to message numbers has no code',
    O,
    say(/ BAD \[UIDREQUIRED\]/, ' BAD'),
    'uidonly/uidrequired',
  ),
  'uidonly-fetch': fault('UID FETCH is answered by FETCH', `${O}.3`, 'uidonly-fetch', 'uidonly/uidfetch'),
  'uidonly-expunge': fault('removals are told by EXPUNGE', `${O}.4`, 'uidonly-expunge', 'uidonly/vanished'),
}

export const notifyFaultTable: Faults = { ...notifyFaults, ...selectedFaults, ...urlFaults, ...uidOnlyFaults }
