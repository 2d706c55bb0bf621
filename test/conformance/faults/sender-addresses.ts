// Faults of a sender in the addresses of envelopes (RFC 5321 §2.4, §3.6.1, §4.1.2, §4.5.5; RFC 6531).
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import type { Recipient } from '../reference/sender-mail.ts'
import { isEightBit, splitText } from '../reference/sender-mail.ts'
import { senderFault as fault, isReport, queuesFrom, queuesTo, type SenderFaults, says } from '../sender-fault.ts'

const onLocal = (change: (local: string) => string) => (path: string) => {
  const at = path.lastIndexOf('@')
  return at < 0 ? path : change(path.slice(0, at)) + path.slice(at)
}
const lower = onLocal((local) => local.toLowerCase())
const names: { readonly [character: string]: string } = {
  '!': 'exclamation',
  '#': 'hash',
  $: 'dollar',
  '%': 'percent',
  '&': 'ampersand',
  "'": 'apostrophe',
  '*': 'asterisk',
  '+': 'plus',
  '-': 'hyphen',
  '/': 'slash',
  '=': 'equals',
  '?': 'question',
  '^': 'caret',
  _: 'underscore',
  '`': 'backquote',
  '{': 'brace',
  '|': 'bar',
  '}': 'closing-brace',
  '~': 'tilde',
}

const addressFaults: SenderFaults = {
  'sender-lowered': fault(
    'the local part of the sender is put in small letters',
    '5321 §2.4',
    queuesFrom(lower),
    'addresses/reverse-path',
  ),
  'sender-capitals': fault(
    'the local part of the sender is put in capitals',
    '5321 §2.4',
    queuesFrom(onLocal((local) => local.toUpperCase())),
    'addresses/reverse-path',
  ),
  'sender-first-letter': fault(
    'the first letter of the sender is made small',
    '5321 §2.4',
    queuesFrom(onLocal((local) => local.slice(0, 1).toLowerCase() + local.slice(1))),
    'addresses/reverse-path',
  ),
  'recipients-lowered': fault(
    'local parts of recipients are put in small letters',
    '5321 §2.4',
    queuesTo(lower),
    'addresses/forward-path',
  ),
  'recipients-first-letter': fault(
    'the first letter of a recipient is made small',
    '5321 §2.4',
    queuesTo(onLocal((local) => local.slice(0, 1).toLowerCase() + local.slice(1))),
    'addresses/forward-path',
  ),
  'recipients-merged-by-case': fault(
    'recipients that differ in case alone are taken for one',
    '5321 §2.4',
    {
      queues: (message) => ({
        ...message,
        recipients: [
          ...new Map(message.recipients.map((one) => [one.path.toLowerCase(), one] as [string, Recipient])).values(),
        ],
      }),
    },
    'addresses/case-distinct',
  ),
  ...Object.fromEntries(
    Object.entries(names).map(([character, name]) => [
      `address-loses-${name}`,
      fault(
        `${character} is dropped from local parts`,
        '5321 §4.1.2',
        queuesTo(onLocal((local) => local.replaceAll(character, ''))),
        'addresses/special',
      ),
    ]),
  ),
  'address-plus-cut': fault(
    'what follows + in a local part is cut off',
    '5321 §4.1.2',
    queuesTo(onLocal((local) => local.replace(/\+.*$/, ''))),
    'addresses/special',
  ),
  'address-percent-hack': fault(
    'user%host is sent to user at host',
    '5321 §4.1.2',
    says(/^RCPT TO:<([^"]*)%(.*?)@.*?>/, 'RCPT TO:<$1@$2>'),
    'addresses/special',
  ),
  'address-xtext': fault(
    '+ and = in a local part are encoded as xtext',
    '5321 §4.1.2',
    says(/^RCPT TO:<.*?>/, (path) => path.replaceAll('+', '+2B').replaceAll('=', '+3D')),
    'addresses/special',
  ),

  'quotes-dropped': fault(
    'quotes of a local part are dropped',
    '5321 §4.1.2',
    queuesTo(onLocal((local) => local.replace(/^"(.*)"$/, '$1'))),
    'addresses/quoted',
  ),
  'quoted-pair-opened': fault(
    'backslashes within quotes are dropped',
    '5321 §4.1.2',
    queuesTo(onLocal((local) => local.replace(/\\(.)/g, '$1'))),
    'addresses/quoted',
  ),
  'quoted-pair-doubled': fault(
    'backslashes within quotes are doubled',
    '5321 §4.1.2',
    queuesTo(onLocal((local) => local.replaceAll('\\', '\\\\'))),
    'addresses/quoted',
  ),
  'quoted-space-dropped': fault(
    'spaces within quotes are dropped',
    '5321 §4.1.2',
    queuesTo(onLocal((local) => local.replaceAll(' ', ''))),
    'addresses/quoted',
  ),
  'quoted-space-underscore': fault(
    'spaces within quotes become underscores, without quotes',
    '5321 §4.1.2',
    queuesTo(onLocal((local) => local.replace(/^"(.*)"$/, '$1').replaceAll(' ', '_'))),
    'addresses/quoted',
  ),
  'quoted-at-first': fault(
    'an @ within quotes ends the local part',
    '5321 §4.1.2',
    says(/^RCPT TO:<"([^"@]*)@.*@(.*?)>/, 'RCPT TO:<"$1"@$2>'),
    'addresses/quoted',
  ),
  'quoted-lowered': fault(
    'a quoted local part is put in small letters',
    '5321 §2.4',
    queuesTo(onLocal((local) => (local.startsWith('"') ? local.toLowerCase() : local))),
    'addresses/quoted',
  ),

  'local-63': fault(
    'local parts are cut at 63 octets',
    '5321 §4.5.3.1.1',
    queuesTo(onLocal((local) => local.slice(0, 63))),
    'addresses/long-local',
  ),
  'local-64-refused': fault(
    'mail to a local part of 64 octets is returned',
    '5321 §4.5.3.1.1',
    {
      found: (found, { recipients }) =>
        recipients.some(({ path }) => path.lastIndexOf('@') >= 64) ? { kind: 'failed', text: '5.1.3 too long' } : found,
    },
    'addresses/long-local',
  ),
  'path-64': fault(
    'paths are cut at 64 octets before the domain, quotes and all',
    '5321 §4.5.3.1.1',
    says(/^RCPT TO:<(.{60}).*@/, 'RCPT TO:<$1@'),
    'addresses/long-local',
  ),

  'source-route-kept': fault(
    'a source route is passed on',
    '5321 §3.6.1',
    { queues: (message, came) => ({ ...message, recipients: came.recipients }) },
    'addresses/source-route',
  ),
  'source-route-one-hop': fault(
    'one hop is taken off a source route',
    '5321 §3.6.1',
    {
      queues: (message, came) => ({
        ...message,
        recipients: came.recipients.map((one) => ({ ...one, path: one.path.replace(/^@[^:,]*[:,]/, '') })),
      }),
    },
    'addresses/source-route',
  ),
  'source-route-back': fault(
    'the reverse-path gets a source route',
    '5321 §3.6.1',
    says(/^MAIL FROM:<(?=[^>])/, 'MAIL FROM:<@sender.example:'),
    'addresses/source-route',
  ),

  'null-postmaster': fault(
    'a null reverse-path becomes postmaster',
    '5321 §4.5.5',
    says(/^MAIL FROM:<>/, 'MAIL FROM:<postmaster@sender.example>'),
    'addresses/null',
  ),
  'null-space': fault(
    'a null reverse-path has a space',
    '5321 §4.5.5',
    says(/^MAIL FROM:<>/, 'MAIL FROM:< >'),
    'addresses/null',
  ),
  'null-quoted': fault(
    'a null reverse-path is an empty local part',
    '5321 §4.5.5',
    says(/^MAIL FROM:<>/, 'MAIL FROM:<""@sender.example>'),
    'addresses/null',
  ),
  'null-from-header': fault(
    'a null reverse-path is filled from the header',
    '5321 §4.5.5',
    {
      command: (line, scene) =>
        isReport(scene)
          ? line
          : line.replace(
              /^MAIL FROM:<>/,
              `MAIL FROM:<${/^From:.*?([^\s<>]+@[^\s<>]+)/im.exec(scene.message.text)?.[1] ?? ''}>`,
            ),
    },
    'addresses/null',
  ),
}

const adds = (parameter: string, when: (scene: Scene) => boolean): Deviation =>
  says(/^MAIL.*(?=\r\n)/, (line) => (/ SMTPUTF8/.test(line) ? line : `${line} ${parameter}`), when)
const offersUtf8 = ({ offers }: Scene): boolean => offers.has('SMTPUTF8')
const hasPath = ({ message, recipients }: Scene): boolean =>
  isEightBit(message.from) || recipients.some(({ path }) => isEightBit(path))
const headerOf = ({ message }: Scene): string => splitText(message.text).header

const rewritten = (change: (text: string) => string) => (path: string) =>
  Buffer.from(change(Buffer.from(path, 'latin1').toString('utf8'))).toString('latin1')

/** Mail goes to a server without SMTPUTF8 all the same. */
const sendsUtf8 = (when: (scene: Scene) => boolean): Deviation => ({
  hinders: (reply, scene) => (reply !== null && / 5\.6\.7 /.test(reply.lines[0]!) && when(scene) ? null : reply),
})

const utf8Faults: SenderFaults = {
  'smtputf8-always': fault(
    'SMTPUTF8 is declared for all mail, offered or not',
    '5321 §4.1.1.11',
    adds('SMTPUTF8', () => true),
    'utf8/only-offered utf8/only-needed',
  ),
  'smtputf8-needed-not-offered': fault(
    'SMTPUTF8 is declared where it is needed, though not offered',
    '6531 §3.4',
    {
      ...sendsUtf8(() => true),
      ...adds('SMTPUTF8', (scene) => hasPath(scene) || isEightBit(headerOf(scene))),
    },
    'utf8/address-not-to-others utf8/header-not-to-others',
  ),
  'smtputf8-where-offered': fault(
    'SMTPUTF8 is declared wherever it is offered',
    '6531 §3.4',
    adds('SMTPUTF8', offersUtf8),
    'utf8/only-needed',
  ),
  'smtputf8-for-bodies': fault(
    'SMTPUTF8 is declared for a message whose body alone has 8 bits',
    '6531 §3.4',
    adds('SMTPUTF8', (scene) => offersUtf8(scene) && isEightBit(scene.message.text)),
    'utf8/only-needed',
  ),
  'smtputf8-never': fault(
    'SMTPUTF8 is not declared',
    '6531 §3.4',
    says(/^(MAIL.*) SMTPUTF8/, '$1'),
    'utf8/declared utf8/header-declared',
  ),
  'smtputf8-for-envelopes': fault(
    'SMTPUTF8 is not declared where the header alone needs it',
    '6531 §3.4',
    says(/^(MAIL.*) SMTPUTF8/, '$1', (scene) => !hasPath(scene)),
    'utf8/header-declared',
  ),
  'source-route-of-sender-kept': fault(
    'a source route of the sender is passed on',
    '5321 §3.6.1',
    { queues: (message, came) => ({ ...message, from: came.from }) },
    'addresses/source-route',
  ),
  'smtputf8-not-for-senders': fault(
    'SMTPUTF8 is not declared where the sender alone needs it',
    '6531 §3.4',
    says(/^(MAIL.*) SMTPUTF8/, '$1', ({ recipients }) => !recipients.some(({ path }) => isEightBit(path))),
    'utf8/declared',
  ),
  'smtputf8-not-for-recipients': fault(
    'SMTPUTF8 is not declared where a recipient alone needs it',
    '6531 §3.4',
    says(/^(MAIL.*) SMTPUTF8/, '$1', ({ message }) => !isEightBit(message.from)),
    'utf8/declared',
  ),
  'smtputf8-on-rcpt': fault(
    'SMTPUTF8 is declared on RCPT',
    '6531 §3.4',
    {
      command: (line, scene) => {
        if (!hasPath(scene)) return line
        return line.replace(/^(MAIL.*) SMTPUTF8/, '$1').replace(/^(RCPT.*)(?=\r\n)/, '$1 SMTPUTF8')
      },
    },
    'utf8/declared',
  ),
  'smtputf8-old-name': fault(
    'SMTPUTF8 is declared by its old name',
    '6531 §3.4',
    says(/^(MAIL.*) SMTPUTF8/, '$1 UTF8SMTP'),
    'utf8/declared',
  ),
  'smtputf8-value': fault(
    'SMTPUTF8 is declared with a value',
    '6531 §3.4',
    says(/^(MAIL.*) SMTPUTF8/, '$1 SMTPUTF8=YES'),
    'utf8/declared',
  ),

  'utf8-decomposed': fault(
    'addresses are put in decomposed form',
    '6531 §3.3',
    queuesTo(rewritten((text) => text.normalize('NFD'))),
    'utf8/address',
  ),
  'utf8-latin1': fault(
    'addresses are sent in ISO 8859-1',
    '6531 §3.3',
    queuesTo((path) =>
      Buffer.from(path, 'latin1')
        .toString('utf8')
        .replace(/[^\0-\xff]/g, '?'),
    ),
    'utf8/address',
  ),
  'utf8-doubly': fault(
    'the UTF-8 of addresses is encoded once more',
    '6531 §3.3',
    queuesTo((path) => Buffer.from(path, 'utf8').toString('latin1')),
    'utf8/address',
  ),
  'utf8-capitals': fault(
    'letters beyond ASCII are put in capitals',
    '6531 §3.3',
    queuesTo(rewritten((text) => text.replace(/[^\0-\x7f]/g, (c) => c.toUpperCase()))),
    'utf8/address',
  ),
  'utf8-questions': fault(
    'what is not ASCII in a recipient becomes a question mark',
    '6531 §3.3',
    says(/^RCPT.*/, (line) => line.replace(/[^\0-\x7f]/g, '?')),
    'utf8/address',
  ),
  'utf8-sender-decomposed': fault(
    'the reverse-path alone is put in decomposed form',
    '6531 §3.3',
    queuesFrom(rewritten((text) => text.normalize('NFD'))),
    'utf8/address',
  ),

  'utf8-to-others': fault(
    'internationalized addresses go to servers without SMTPUTF8',
    '6531 §3.2',
    sendsUtf8(() => true),
    'utf8/address-not-to-others utf8/header-not-to-others',
  ),
  'utf8-sender-to-others': fault(
    'an internationalized sender goes to a server without SMTPUTF8 when the recipients are ASCII',
    '6531 §3.2',
    sendsUtf8(({ recipients }) => !recipients.some(({ path }) => isEightBit(path))),
    'utf8/address-not-to-others',
  ),
  'utf8-recipient-to-others': fault(
    'an internationalized recipient goes to a server without SMTPUTF8 when the sender is ASCII',
    '6531 §3.2',
    sendsUtf8(({ message }) => !isEightBit(message.from)),
    'utf8/address-not-to-others',
  ),
  'utf8-header-unlooked': fault(
    'envelopes alone are looked at before mail goes to a server without SMTPUTF8',
    '6531 §3.2',
    sendsUtf8((scene) => !hasPath(scene)),
    'utf8/header-not-to-others',
  ),
  'utf8-header-by-8bitmime': fault(
    'a server that offers 8BITMIME gets UTF-8 in the header',
    '6531 §3.2',
    sendsUtf8((scene) => !hasPath(scene) && scene.offers.has('8BITMIME')),
    'utf8/header-not-to-others',
  ),
  'utf8-header-addresses-alone': fault(
    'UTF-8 in fields without addresses goes to servers without SMTPUTF8',
    '6531 §3.2',
    sendsUtf8((scene) => !hasPath(scene) && !/^(From|To|Cc|Sender|Reply-To):.*[^\0-\x7f]/im.test(headerOf(scene))),
    'utf8/header-not-to-others',
  ),
  'utf8-header-subject-alone': fault(
    'UTF-8 in address fields goes to servers without SMTPUTF8',
    '6531 §3.2',
    sendsUtf8((scene) => !hasPath(scene) && !/^Subject:.*[^\0-\x7f]/im.test(headerOf(scene))),
    'utf8/header-not-to-others',
  ),
}

export const senderAddressFaults: SenderFaults = { ...addressFaults, ...utf8Faults }
