// Faults of a sender with octets above 127 (RFC 6152, RFC 2045).
import type { Deviation, Scene } from '../reference/sender-deviation.ts'
import { isEightBit, splitText, toSevenBits } from '../reference/sender-mail.ts'
import { senderFault as fault, type SenderFaults, says } from '../sender-fault.ts'

const takes8 = ({ offers }: Scene): boolean => offers.has('8BITMIME')
const eight = ({ message }: Scene): boolean => isEightBit(message.text)
/** BODY on MAIL is this, or nothing. */
const mail8 = (parameter: string, when: (scene: Scene) => boolean): Deviation =>
  says(/^MAIL.*(?=\r\n)/, (line) => `${line.replace(/ BODY=\S+/, '')}${parameter}`, when)
const intact = (wrong: string, change: (text: string) => string) =>
  fault(wrong, '6152 §3', { text: (text, scene) => (takes8(scene) ? change(text) : text) }, '8bit/intact')
/** What goes to servers without 8BITMIME, made of a proper conversion. */
const converted = (wrong: string, rfc: string, change: (text: string, original: string) => string) =>
  fault(
    wrong,
    rfc,
    { text: (text, scene) => (!takes8(scene) && eight(scene) ? change(text, scene.message.text) : text) },
    '8bit/converted',
  )
const convertedParts = (wrong: string, change: (text: string) => string) =>
  fault(
    wrong,
    '2045 §6.4',
    { text: (text, scene) => (!takes8(scene) && /^Content-Type:\s*multipart/im.test(text) ? change(text) : text) },
    '8bit/converted-parts',
  )
const utf8Of = (text: string): string => Buffer.from(text, 'latin1').toString('utf8')

export const senderEightBitFaults: SenderFaults = {
  'body-8bitmime-always': fault(
    'BODY=8BITMIME is declared for all mail, offered or not',
    '5321 §4.1.1.11',
    mail8(' BODY=8BITMIME', () => true),
    '8bit/only-offered',
  ),
  'body-7bit-unoffered': fault(
    'BODY=7BIT is declared though 8BITMIME is not offered',
    '5321 §4.1.1.11',
    mail8(' BODY=7BIT', (scene) => !takes8(scene)),
    '8bit/only-offered',
  ),
  'body-needed-not-offered': fault(
    'BODY=8BITMIME is declared for 8-bit text, though not offered',
    '5321 §4.1.1.11',
    mail8(' BODY=8BITMIME', eight),
    '8bit/only-offered',
  ),
  'body-undeclared': fault(
    'BODY is never declared',
    '6152 §3',
    mail8('', () => true),
    '8bit/declared',
  ),
  'body-7bit': fault('8-bit text is declared as 7BIT', '6152 §3', mail8(' BODY=7BIT', takes8), '8bit/declared'),
  'body-8bit': fault('8-bit text is declared as 8BIT', '6152 §3', mail8(' BODY=8BIT', takes8), '8bit/declared'),
  'body-binary': fault(
    '8-bit text is declared as BINARYMIME, which is not offered',
    '3030 §3',
    mail8(' BODY=BINARYMIME', (scene) => takes8(scene) && eight(scene)),
    '8bit/declared',
  ),
  'body-on-rcpt': fault(
    'BODY is declared on RCPT',
    '6152 §3',
    {
      command: (line, scene) =>
        eight(scene) && takes8(scene)
          ? line.replace(/ BODY=8BITMIME/, '').replace(/^RCPT.*(?=\r\n)/, '$& BODY=8BITMIME')
          : line,
    },
    '8bit/declared',
  ),

  'eighth-bit-stripped': intact('the eighth bit is set to 0', (text) =>
    text.replace(/[^\0-\x7f]/g, (c) => String.fromCharCode(c.charCodeAt(0) & 0x7f)),
  ),
  'eight-bits-encoded-again': intact('octets above 127 are taken for ISO 8859-1 and put in UTF-8', (text) =>
    Buffer.from(text, 'utf8').toString('latin1'),
  ),
  'eight-bits-replaced': intact('what is no UTF-8 becomes U+FFFD', (text) =>
    Buffer.from(utf8Of(text), 'utf8').toString('latin1'),
  ),
  'eight-bits-normalized': intact('lines that are UTF-8 are put in decomposed form', (text) =>
    text
      .split('\n')
      .map((line) => {
        const decoded = utf8Of(line)
        return decoded.includes('\ufffd') ? line : Buffer.from(decoded.normalize('NFD'), 'utf8').toString('latin1')
      })
      .join('\n'),
  ),
  'eight-bits-c1': intact('octets from 128 to 159 are dropped', (text) => text.replace(/[\x80-\x9f]/g, '')),
  'eight-bits-nbsp': intact('octets of 160 become spaces', (text) => text.replaceAll('\xa0', ' ')),
  'eight-bits-255': intact('octets of 255 are dropped', (text) => text.replaceAll('\xff', '')),
  'eight-bits-converted': fault(
    '8-bit text is converted to 7 bits before a server that takes it',
    '6152 §3',
    { text: (_, { message }) => toSevenBits(message.text) },
    '8bit/intact',
  ),

  'eight-to-all': fault(
    '8-bit text goes to servers without 8BITMIME',
    '6152 §3',
    { text: (_, { message }) => message.text },
    '8bit/not-to-others',
  ),
  'eight-after-helo': fault(
    '8-bit text goes to servers that have no EHLO',
    '6152 §3',
    { text: (text, { message, heard }) => (heard.some(({ to }) => to.startsWith('HELO')) ? message.text : text) },
    '8bit/not-to-others',
  ),
  'eight-unless-declared': fault(
    '8-bit text without Content-Transfer-Encoding: 8bit goes to servers without 8BITMIME',
    '6152 §3',
    {
      text: (text, { message }) =>
        /^Content-Transfer-Encoding: *8bit/im.test(splitText(message.text).header) ? text : message.text,
    },
    '8bit/not-to-others',
  ),
  'eight-last-octet': fault(
    'the last octet above 127 goes to servers without 8BITMIME as it is',
    '6152 §3',
    {
      text: (text) =>
        text.replace(/=([89A-F][0-9A-F])(?![\s\S]*=[89A-F][0-9A-F])/, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        ),
    },
    '8bit/not-to-others',
  ),

  'converted-questions': converted('octets above 127 become question marks', '6152 §3', (_, original) =>
    original.replace(/[^\0-\x7f]/g, '?'),
  ),
  'converted-stripped': converted('octets above 127 lose their eighth bit', '6152 §3', (_, original) =>
    original.replace(/[^\0-\x7f]/g, (c) => String.fromCharCode(c.charCodeAt(0) & 0x7f)),
  ),
  'converted-undeclared': converted(
    'the text is encoded, and Content-Transfer-Encoding left as it was',
    '2045 §6',
    (text) => text.replace(/^(Content-Transfer-Encoding:).*/im, '$1 8bit'),
  ),
  'converted-no-encoding-field': converted('Content-Transfer-Encoding is lost', '2045 §6', (text) =>
    text.replace(/^Content-Transfer-Encoding:.*\r\n/im, ''),
  ),
  'converted-two-fields': converted('Content-Transfer-Encoding stands there twice', '2045 §6', (text) =>
    text.replace(/^(Content-Transfer-Encoding:).*\r\n/im, '$&$1 8bit\r\n'),
  ),
  'converted-base64-declared': converted('quoted-printable is declared as base64', '2045 §6', (text) =>
    text.replace(/^(Content-Transfer-Encoding:).*/im, '$1 base64'),
  ),
  'converted-misspelt': converted('quoted-printable is spelt with an underscore', '2045 §6.1', (text) =>
    text.replace(/^(Content-Transfer-Encoding:).*/im, '$1 quoted_printable'),
  ),
  'converted-equals-bare': converted('= is not encoded', '2045 §6.7', (text) => text.replaceAll('=3D', '=')),
  'converted-small-digits': converted('hexadecimal digits are small letters', '2045 §6.7', (text) =>
    text.replace(/=[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  ),
  'converted-long-lines': converted('encoded lines are longer than 76', '2045 §6.7', (text) =>
    text.replace(/=\r\n/g, ''),
  ),
  'converted-hard-breaks': converted('soft breaks are hard', '2045 §6.7', (text) => text.replace(/=\r\n/g, '\r\n')),
  'converted-trailing-spaces': converted('spaces at the end of lines are not encoded', '2045 §6.7', (text) =>
    text.replace(/=20(?=\r\n)/g, ' '),
  ),
  'converted-trailing-spaces-lost': converted('spaces at the end of lines are lost', '2045 §6.7', (text) =>
    text.replace(/=20(?=\r\n)/g, ''),
  ),
  'converted-charset': converted('the charset becomes us-ascii', '2045 §6', (text) =>
    text.replace(/charset=[^\s;]+/i, 'charset=us-ascii'),
  ),
  'converted-mime-version': converted('MIME-Version is lost', '2045 §4', (text) =>
    text.replace(/^MIME-Version:.*\r\n/im, ''),
  ),
  'converted-last-line': converted('the last line is lost', '6152 §3', (text) => text.replace(/[^\n]*\r\n$/, '')),
  'converted-multipart': fault(
    'a multipart message is encoded as a whole',
    '2045 §6.4',
    {
      text: (text, scene) => {
        if (takes8(scene) || !eight(scene)) return text
        const original = scene.message.text
        const { header: top, body: whole } = splitText(original)
        if (!/^Content-Type:\s*multipart/im.test(top)) return text
        const encoded = splitText(toSevenBits(`X: x\r\n\r\n${whole}`)).body
        return `${top.replace(/^Content-Transfer-Encoding:.*\r\n/im, '')}Content-Transfer-Encoding: quoted-printable\r\n\r\n${encoded}`
      },
    },
    '8bit/converted-parts',
  ),
  'converted-multipart-declared': convertedParts(
    'quoted-printable is declared for a multipart, whose parts are encoded',
    (text) => {
      const { header: top, body: whole } = splitText(text)
      return `${top.replace(/^Content-Transfer-Encoding:.*\r\n/im, '')}Content-Transfer-Encoding: quoted-printable\r\n\r\n${whole}`
    },
  ),
  'converted-part-undeclared': convertedParts('an encoded part keeps its Content-Transfer-Encoding', (text) =>
    text.replace(/^(Content-Transfer-Encoding:) quoted-printable/gim, '$1 8bit'),
  ),
  'converted-last-part': convertedParts('the last part of a multipart is lost', (text) =>
    text.replace(/(\r\n--[^\r\n]+\r\n)(?![\s\S]*\r\n--[^\r\n]+[^-]\r\n)[\s\S]*?(?=\r\n--[^\r\n]+--)/, ''),
  ),
}
