// Which addresses go into the envelope, and what becomes of them.
import { check, Skipped, visible } from '../judgement.ts'
import { must, should } from './facts.ts'
import { RICH, type SmtpClientCase } from './suite.ts'

/** What quoting does not change: `"a b"` and `"a\ b"` name the same mailbox. */
const unquoted = (local: string): string => (local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/g, '$1') : local)

export const addressCases: readonly SmtpClientCase[] = [
  must('addresses/reverse-path', 'RFC 5321 §2.4', 'The local part of the reverse-path keeps its case.', async (x) => {
    const from = `Sender.MiXed+Tag@back.${x.domain}`
    const mail = await x.send({ from })
    check(mail.from.split('@')[0] === 'Sender.MiXed+Tag', `<${from}>`, `<${visible(mail.from)}>`)
  }),
  must('addresses/forward-path', 'RFC 5321 §2.4', 'The local part of a recipient keeps its case.', async (x) => {
    const mail = await x.send({ to: ['ReCipient.MiXed'] })
    const path = mail.recipients[0]!.path
    check(path.split('@')[0] === 'ReCipient.MiXed', `<ReCipient.MiXed@${x.domain}>`, `<${visible(path)}>`)
  }),
  must('addresses/special', 'RFC 5321 §4.1.2', 'Every character of an atom passes as it is.', async (x) => {
    const local = "a!#$&'*+-/=?^_`{|}~z"
    const reply = await x.offer({ to: [local] })
    if (reply.code >= 300) throw new Skipped(`the MTA does not take the address: "${visible(reply.raw)}"`)
    const path = (await x.mail()).recipients[0]!.path
    check(path === `${local}@${x.domain}`, `<${local}@…>`, `<${visible(path)}>`)
  }),
  must('addresses/quoted', 'RFC 5321 §4.1.2', 'A quoted local part stays the same mailbox.', async (x) => {
    const reply = await x.offer({ to: [`"john doe"@${x.domain}`] })
    if (reply.code >= 300) throw new Skipped(`the MTA does not take the address: "${visible(reply.raw)}"`)
    const path = (await x.mail()).recipients[0]!.path
    const local = path.slice(0, path.lastIndexOf('@'))
    check(local.startsWith('"') && unquoted(local) === 'john doe', '<"john doe"@…>', `<${visible(path)}>`)
  }),
  must('addresses/long-local', 'RFC 5321 §4.5.3.1.1', 'A local part of 64 octets passes whole.', async (x) => {
    const local = 'l'.repeat(64)
    const path = (await x.send({ to: [local] })).recipients[0]!.path
    check(path === `${local}@${x.domain}`, 'the whole address', `<${visible(path)}>`)
  }),
  should('addresses/source-route', 'RFC 5321 §3.6.1', 'No source route is sent.', async (x) => {
    const reply = await x.offer({ to: [`@relay.${x.domain}:rcpt@${x.domain}`] })
    if (reply.code >= 300) throw new Skipped(`the MTA does not take source routes: "${visible(reply.raw)}"`)
    const path = (await x.mail()).recipients[0]!.path
    check(path === x.recipient, `<${x.recipient}>`, `<${visible(path)}>`)
  }),
  should('addresses/null', 'RFC 5321 §4.5.5', 'A null reverse-path is passed on as null.', async (x) => {
    const mail = await x.send({ from: '' })
    check(mail.from === '', '<>', `<${visible(mail.from)}>`)
  }),
  must('utf8/only-offered', 'RFC 5321 §4.1.1.11', 'Without SMTPUTF8 offered, the parameter is not sent.', async (x) => {
    x.mx.script = { offers: ['8BITMIME'] }
    const mail = await x.send()
    check(!mail.parameters.some((text) => /^SMTPUTF8/i.test(text)), 'no SMTPUTF8', mail.parameters.join(' '))
  }),
  should(
    'utf8/only-needed',
    'RFC 6531 §3.4',
    'The parameter is not sent where neither envelope nor message needs it.',
    async (x) => {
      x.mx.script = { offers: RICH }
      const mail = await x.send()
      check(!mail.parameters.some((text) => /^SMTPUTF8/i.test(text)), 'no SMTPUTF8', mail.parameters.join(' '))
    },
  ),
  must('utf8/declared', 'RFC 6531 §3.4', 'An internationalized address is sent with SMTPUTF8 on MAIL.', async (x) => {
    x.mx.script = { offers: RICH }
    const mail = await x.send({
      to: ['gr\xc3\xbc\xc3\x9fe'],
      wants: ['SMTPUTF8', '8BITMIME'],
      fromParameters: 'BODY=8BITMIME SMTPUTF8',
    })
    check(
      mail.parameters.some((text) => /^SMTPUTF8$/i.test(text)),
      'SMTPUTF8 without a value',
      mail.parameters.join(' '),
    )
  }),
  must('utf8/address', 'RFC 6531 §3.3', 'The UTF-8 of an address passes unchanged.', async (x) => {
    x.mx.script = { offers: RICH }
    const mail = await x.send({
      to: ['gr\xc3\xbc\xc3\x9fe'],
      wants: ['SMTPUTF8', '8BITMIME'],
      fromParameters: 'BODY=8BITMIME SMTPUTF8',
    })
    const path = mail.recipients[0]!.path
    check(path.split('@')[0] === 'gr\xc3\xbc\xc3\x9fe', visible('<gr\xc3\xbc\xc3\x9fe@…>'), `<${visible(path)}>`)
  }),
  must(
    'utf8/address-not-to-others',
    'RFC 6531 §3.2',
    'An internationalized address is not sent to a server without SMTPUTF8.',
    async (x) => {
      x.mx.script = { offers: ['8BITMIME'] }
      await x.hand({
        to: ['gr\xc3\xbc\xc3\x9fe'],
        wants: ['SMTPUTF8', '8BITMIME'],
        fromParameters: 'BODY=8BITMIME SMTPUTF8',
      })
      await x.until('the message to be returned, or the session to end', () => x.reports[0] ?? x.mx.sessions[0]?.ended)
      const strange = x.mx.sessions.flatMap(({ commands }) => commands).find(({ line }) => /[^\x20-\x7e]/.test(line))
      check(strange === undefined, 'no UTF-8 in commands', `"${visible(strange?.line ?? '')}"`)
    },
  ),
  must(
    'utf8/header-not-to-others',
    'RFC 6531 §3.2',
    'A message with UTF-8 in its header is not sent to a server without SMTPUTF8.',
    async (x) => {
      x.mx.script = { offers: ['8BITMIME'] }
      await x.hand({
        wants: ['SMTPUTF8', '8BITMIME'],
        fromParameters: 'BODY=8BITMIME SMTPUTF8',
        header: ['Comments: gr\xc3\xbc\xc3\x9fe'],
      })
      await x.until(
        'the message to be returned, sent in another form, or the session to end',
        () => x.reports[0] ?? x.mails[0] ?? x.mx.sessions[0]?.ended,
      )
      const mail = x.mails[0]
      const header = mail?.text.split('\r\n\r\n')[0] ?? ''
      check(!/[^\x00-\x7f]/.test(header), 'no UTF-8 in the header', visible(header))
    },
  ),
]
