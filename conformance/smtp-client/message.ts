// What becomes of the message text: DATA and its end, transparency, line ends, header and body.
import { check, Skipped, visible } from '../judgement.ts'
import { bodyOf, fieldsOf, headerOf, must, one, patiently, should } from './facts.ts'
import type { Mail, Script } from './session.ts'
import type { Exchange, Host, SmtpClientCase } from './suite.ts'

const DOTS = ['.', '..', '.x', 'x.', '', '. ', '...', ' .x', '\t.']
/** Behind these, every place where a buffer may end has periods around it. */
const MANY_DOTS = Array.from({ length: 40_000 }, (_, i) => (i % 7 === 0 ? '.' : '.x'))
/** What some programs take for something else than text. */
const TEXT = [
  'back\\slash \\n \\',
  'soft=',
  'break <p>&amp;</p> "quoted" \'so\'',
  '100%25 %41 $HOME ~ `x`',
  '~',
  '~.',
  'a sentence that ends... And another..',
  'begin 644 x',
  `${'wide '.repeat(40)}end`,
]
/** Whatever a header may look like: order, case, spaces, folding and repetition are the author's. */
const ABOVE = ['X-Top: above all']
const FIELDS = [
  'X-One: a',
  'Comments: folded\r\n\tover  two lines',
  'x-one: B ',
  'Keywords: z, a',
  'Comments: folded\r\n\tover  two lines',
  'X-Two:without a space',
  'X-Three:   with many',
  'References: <one@first.example>\r\n <two@second.example>\r\n  <three@third.example>',
  `X-Long: ${'long '.repeat(100)}end`,
  'Cc: Ana =?utf-8?q?=c3=a4?= (a comment (in a comment)) <Ana.MiXed@first.example>,\r\n\t"B, C" <b@second.example>',
  'X-Empty:',
  'X-Spaces: ',
  'Subject: =?UTF-8?B?w6Q=?= again',
  'X-ONE: "quoted; \\"string\\""; a=b',
]
/** RFC 5321 §4.4, and what later documents put above a message in the same way. */
const TRACE = /^(received|return-path|received-spf|authentication-results|arc-[a-z-]+|dkim-signature)$/

/** The header that was handed in stands at the end of the one that came, octet for octet, with nothing above it but trace fields. */
export function checkHeader(x: Exchange, mail: Mail): void {
  const [wanted, found] = [headerOf(x.handed), headerOf(mail.text)]
  check(found.endsWith(wanted), visible(wanted), visible(found))
  const added = fieldsOf(found.slice(0, -wanted.length)).find(({ name }) => !TRACE.test(name))
  check(added === undefined, 'no field but trace fields to be added', visible(added?.raw ?? ''))
}

/** What the client says within a while behind this reply to DATA. */
const behindData = (reply: string): Script => ({
  on: {
    async DATA(_command, session) {
      await session.wire.write(`${reply}\r\n`)
      await session.wire.speaks(1500)
      session.early.push(session.wire.waiting())
      return []
    },
  },
})

async function checkNothingSent(x: Exchange, { sessions }: Host, reply: string): Promise<void> {
  const said = await x.until(`an end behind ${reply}`, () => sessions[0]?.early[0] ?? sessions[0]?.ended)
  check(
    /^(|closed|dropped|quit|(QUIT|RSET|NOOP|MAIL FROM:.*)\r\n)$/is.test(said),
    `QUIT, RSET or an end behind ${reply}`,
    `"${visible(said)}"`,
  )
}

export const messageCases: readonly SmtpClientCase[] = [
  must('data/wait', 'RFC 5321 §3.3', 'No text is sent before the reply to DATA.', async (x) => {
    x.mx.script = { on: { DATA: patiently(700) } }
    const { session } = await x.send()
    check(session.early.length === 0, 'nothing before 354', session.early.join())
  }),
  must('data/refused', 'RFC 5321 §3.3', 'No text is sent behind a 4yz or 5yz reply to DATA.', async (x) => {
    x.mx.script = behindData('554 5.7.1 no mail today')
    const places = await x.places({ later: behindData('451 4.3.0 not now') })
    await x.hand()
    for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
    await checkNothingSent(x, x.mx, '554')
    for (const [, host] of places) await checkNothingSent(x, host, '451')
  }),
  must(
    'data/only-354',
    'RFC 5321 §3.3',
    'A 2yz reply to DATA, in the place of 354, is not answered by text.',
    async (x) => {
      x.mx.script = behindData('250 2.0.0 fine')
      const places = await x.places({ other: behindData('259 2.0.0 fine') })
      await x.hand()
      for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
      await checkNothingSent(x, x.mx, '250')
      for (const [, host] of places) await checkNothingSent(x, host, '259')
    },
  ),
  must(
    'data/transparency',
    'RFC 5321 §4.5.2',
    'A line that begins with a period gets another one before it.',
    async (x) => {
      const lines = [...DOTS, ...MANY_DOTS]
      const mail = await x.send({ body: lines })
      if (mail.via === 'BDAT') throw new Skipped('the text came by BDAT')
      const found = bodyOf(mail.raw).split('\r\n')
      const wanted = [...lines.map((line) => (line.startsWith('.') ? `.${line}` : line)), '']
      const at = wanted.findIndex((line, i) => line !== found[i])
      check(at < 0, `"${wanted[at]}" as line ${at + 1}`, visible(found[at] ?? 'an end'))
      check(found.length === wanted.length, `${wanted.length} lines`, String(found.length))
    },
  ),
  must('data/crlf', 'RFC 5321 §2.3.8', 'The lines of the text end in CR LF; no other CR or LF is sent.', async (x) => {
    const { raw } = await x.send({ body: ['one', '', 'three', 'x'.repeat(500)] })
    const bare = /[^\r]\n|\r(?!\n)|^\n/.exec(raw)
    check(
      bare === null,
      'CR LF alone',
      visible(raw.slice(Math.max(0, (bare?.index ?? 0) - 20), (bare?.index ?? 0) + 20)),
    )
  }),
  must('data/end', 'RFC 5321 §4.1.1.4', 'The final period adds no line to the text.', async (x) => {
    for (const [count, body] of [['first', 'last'], [], ['', '']].entries()) {
      await x.hand({ body })
      const mail = await x.until('the message', () => x.mails[count])
      check(bodyOf(mail.text) === bodyOf(x.handed), visible(bodyOf(x.handed)) || 'no body', visible(bodyOf(mail.text)))
    }
  }),
  must('data/body', 'RFC 5321 §3.6.3', 'The body of a relayed message is not changed.', async (x) => {
    const body = [
      '',
      '',
      'two  spaces ',
      '\tand tabs\t',
      '',
      '',
      'From the beginning',
      '=20 ~ \x7f\x01\x0c\x1b',
      ' leading',
      '>From',
      '--',
      ...TEXT,
      '',
    ]
    const { text } = await x.send({ body })
    check(bodyOf(text) === `${body.join('\r\n')}\r\n`, visible(body.join('\r\n')), visible(bodyOf(text)))
  }),
  must(
    'data/header',
    'RFC 5321 §3.6.3',
    'The header of a relayed message is not changed, new trace fields aside.',
    async (x) => checkHeader(x, await x.send({ above: ABOVE, header: FIELDS })),
  ),
  must(
    'data/line-998',
    'RFC 5321 §4.5.3.1.6',
    'A text line of 1000 octets, CR LF included, passes whole.',
    async (x) => {
      const lines = ['l'.repeat(998), `.${'d'.repeat(997)}`]
      const found = bodyOf((await x.send({ body: ['before', ...lines, 'behind'] })).text).split('\r\n')
      lines.forEach((line, i) => {
        check(found[i + 1] === line, `the line of ${line[0]}s`, `${found[i + 1]?.length ?? 0} octets`)
      })
      check(found.length === 5, 'four lines', String(found.length - 1))
    },
  ),
  one(
    'data/line-too-long',
    'RFC 5321 §4.5.3.1.6',
    'may',
    'A text line of more than 1000 octets is not sent as it is.',
    async (x) => {
      const reply = await x.offer({ body: ['before', 'l'.repeat(3000), 'behind'] })
      if (reply.code >= 300) throw new Skipped(`the MTA does not take it: "${visible(reply.raw)}"`)
      const mail = await x.until('the message, or its return', () => x.mails[0] ?? x.reports[0])
      if (x.isReport(mail)) return
      const longest = Math.max(...mail.raw.split('\r\n').map((line) => line.length + 2))
      check(longest <= 1001, 'lines of up to 1000 octets', `one of ${longest}`)
    },
  ),
  must('data/large', 'RFC 5321 §4.5.3.1.7', 'A text of 64 KiB and more passes whole.', async (x) => {
    const body = Array.from({ length: 3000 }, (_, i) => `${i % 50 === 0 ? '.' : ''}${i} ${'x'.repeat(60)}`)
    const { code, raw } = await x.offer({ body })
    check(code < 300, 'a message of 200 KB to be taken', visible(raw))
    const { text } = await x.mail()
    check(
      bodyOf(text) === bodyOf(x.handed),
      `${bodyOf(x.handed).length} octets`,
      `${bodyOf(text).length} octets, or others`,
    )
  }),
  must('data/once', 'RFC 5321 §4.1.1.4', 'A message that was taken is not sent again.', async (x) => {
    const places = await x.places({
      lines: { on: { '.': ['250-2.0.0 taken', '250 2.0.0 indeed'] } },
      goodbye: { on: { QUIT: { close: true } } },
      other: { on: { '.': '251 2.0.0 taken', QUIT: '250 2.0.0 bye' } },
    })
    await x.hand()
    for (const [, host] of places) await x.hand({ to: [`rcpt@${host.name}`] })
    await x.until('all messages', () => x.mails.length > places.length)
    await x.never('second copy', () => x.mails.length > 1 + places.length)
  }),
  should('data/patience', 'RFC 5321 §4.5.3.2.6', 'The reply to the text may take a while.', async (x) => {
    const waitMs = Math.min(6000, x.target.answerMs - 1000)
    let left = false
    x.mx.script = {
      on: {
        async '.'(_command, session) {
          await session.wire.speaks(waitMs)
          left = session.wire.over
          return null
        },
      },
    }
    await x.hand()
    await x.until('the reply to the text', () => x.mails[0], waitMs + x.target.answerMs)
    check(!left, `the client to wait ${waitMs / 1000} s`, 'a closed connection')
  }),
]
