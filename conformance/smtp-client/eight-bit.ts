// Octets above 127 in the text: 8BITMIME, and the conversion for servers without it.
import { check, Skipped, visible } from '../judgement.ts'
import { bodyOf, fieldsOf, must } from './facts.ts'
import { decode, encodingOf, partsOf } from './mime.ts'
import type { Mail } from './session.ts'
import { type Exchange, type Letter, RICH, type SmtpClientCase } from './suite.ts'

const HIGH = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join('')
const ENCODING = 'content-transfer-encoding'

const EIGHT_BIT = {
  wants: ['8BITMIME'],
  fromParameters: 'BODY=8BITMIME',
  header: ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=iso-8859-1', 'Content-Transfer-Encoding: 8bit'],
  body: [
    HIGH,
    'gr\xfc\xdfe =3D = \xe9t\xe9',
    '.',
    '.dots',
    `${'long '.repeat(60)}\xe9`,
    'space at the end ',
    'plain',
    '',
  ],
} as const

/** Composed and decomposed, as it is. */
const UTF8 = {
  ...EIGHT_BIT,
  header: ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'],
  body: ['gr\xc3\xbc\xc3\x9fe a\xcc\x88 \xe2\x82\xac'],
} as const

const MIXED = {
  ...EIGHT_BIT,
  header: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="=_b"', 'Content-Transfer-Encoding: 8bit'],
  body: [
    '--=_b',
    'Content-Type: text/plain; charset=iso-8859-1',
    'Content-Transfer-Encoding: 8bit',
    '',
    'gr\xfc\xdfe = \xe9t\xe9',
    '--=_b',
    'Content-Type: text/plain',
    '',
    'plain = text',
    '--=_b--',
  ],
} as const

/** The message as it came to a server without 8BITMIME. */
async function converted(x: Exchange, letter: Letter): Promise<Mail> {
  await x.hand(letter)
  const mail = await x.until('the message converted, or returned', () => x.mails[0] ?? x.reports[0])
  if (x.isReport(mail)) throw new Skipped('the MTA returns such mail')
  if (/[^\x00-\x7f]/.test(mail.text)) throw new Skipped('the MTA sends it as it is')
  return mail
}

export const eightBitCases: readonly SmtpClientCase[] = [
  must(
    '8bit/only-offered',
    'RFC 5321 §4.1.1.11',
    'Without 8BITMIME offered, MAIL has no BODY parameter.',
    async (x) => {
      const mail = await x.send({ wants: ['8BITMIME'], fromParameters: 'BODY=8BITMIME' })
      await x.hand(EIGHT_BIT)
      const second = await x.until('the message converted, or returned', () => x.mails[1] ?? x.reports[0])
      for (const { parameters } of x.isReport(second) ? [mail] : [mail, second])
        check(!parameters.some((text) => /^BODY\b/i.test(text)), 'no BODY', parameters.join(' '))
    },
  ),
  must('8bit/declared', 'RFC 6152 §3', 'A message with 8-bit text is sent with BODY=8BITMIME.', async (x) => {
    x.mx.script = { offers: RICH }
    const mail = await x.send(EIGHT_BIT)
    check(
      mail.parameters.some((text) => /^BODY=8BITMIME$/i.test(text)),
      'BODY=8BITMIME',
      mail.parameters.join(' '),
    )
  }),
  must(
    '8bit/intact',
    'RFC 6152 §3',
    'The octets of an 8-bit body pass unchanged to a server that offers 8BITMIME.',
    async (x) => {
      x.mx.script = { offers: RICH }
      for (const [count, letter] of [EIGHT_BIT, UTF8].entries()) {
        await x.hand(letter)
        const { text } = await x.until('the message', () => x.mails[count])
        check(bodyOf(text) === bodyOf(x.handed), visible(bodyOf(x.handed)), visible(bodyOf(text)))
      }
    },
  ),
  must('8bit/not-to-others', 'RFC 6152 §3', 'No octet above 127 is sent to a server without 8BITMIME.', async (x) => {
    const places = await x.places({ old: { on: { EHLO: '502 5.5.1 not implemented' } } })
    const letters = [
      EIGHT_BIT,
      ...places.map(([, { name }]) => ({ ...EIGHT_BIT, to: [`rcpt@${name}`] })),
      // nothing but its octets says so
      { ...EIGHT_BIT, header: [] },
    ]
    for (const letter of letters) {
      const before = x.mails.length + x.reports.length
      await x.hand(letter)
      await x.until('the message converted, or returned', () => x.mails.length + x.reports.length > before)
      const strange = x.mails.find(({ raw }) => /[^\x00-\x7f]/.test(raw))
      check(strange === undefined, '7-bit text', visible(bodyOf(strange?.raw ?? '')))
    }
  }),
  must('8bit/converted', 'RFC 6152 §3', 'A conversion to 7 bits loses nothing, and is valid MIME.', async (x) => {
    const mail = await converted(x, EIGHT_BIT)
    const fields = fieldsOf(mail.text)
    const encodings = fields.filter(({ name }) => name === ENCODING)
    check(encodings.length === 1, 'one Content-Transfer-Encoding', visible(encodings.map(({ raw }) => raw).join('')))
    const kept = fieldsOf(x.handed).filter(({ name }) => name !== ENCODING)
    const lost = kept.find(({ raw }) => !fields.some((field) => field.raw === raw))
    check(lost === undefined, 'the other fields', `a header without ${visible(lost?.raw ?? '')}`)
    const encoding = encodingOf(mail.text)
    const decoded = decode(bodyOf(mail.text), encoding)
    check(decoded === bodyOf(x.handed), visible(bodyOf(x.handed)), `${encoding}: ${visible(decoded)}`)
  }),
  must(
    '8bit/converted-parts',
    'RFC 2045 §6.4',
    'Where a multipart is converted to 7 bits, its parts are encoded, not the whole.',
    async (x) => {
      const mail = await converted(x, MIXED)
      const whole = encodingOf(mail.text)
      check(whole === '7bit', '7bit for the whole', visible(whole))
      const found = partsOf(mail.text).map(({ header, body }) => decode(body, encodingOf(`${header}\r\n`)))
      const wanted = partsOf(x.handed).map(({ body }) => body)
      check(found.join('|') === wanted.join('|'), visible(wanted.join('|')), visible(found.join('|')))
    },
  ),
]
