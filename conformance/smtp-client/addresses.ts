// Which addresses go into the envelope, and what becomes of them.
import { check, Skipped, visible } from '../judgement.ts'
import { handFirst, headerOf, mailboxOf, must, should } from './facts.ts'
import type { Mail } from './session.ts'
import { type Exchange, type Letter, RICH, type SmtpClientCase } from './suite.ts'

/** Of the characters of an atom, `%!/|` are refused by some for the sake of old gateways. */
const ATOM = "a!#$%&'*+-/=?^_`{|}~z"
const TAME_ATOM = "a#$&'*+-=?^_`{}~z"
const QUOTED = ['"John Doe"', '"back\\\\slash\\"quote"', '"john\\.do\\e"', '"a,b;c:(d)<e>@f"'] as const

const both = (x: Exchange, local: string): Letter => ({
  from: `${local}@back.${x.domain}`,
  to: [`${local}@${x.domain}`],
})

/** The mailboxes of the envelope are those of the letter. */
function checkEnvelope(x: Exchange, mail: Mail, { from = x.sender, to = [] }: Letter): void {
  for (const [found, wanted] of [
    [mail.from, from] as const,
    ...to.map((one, i) => [mail.recipients[i]!.path, one] as const),
  ])
    check(mailboxOf(found) !== null && mailboxOf(found) === mailboxOf(wanted), `<${wanted}>`, `<${visible(found)}>`)
}

export const addressCases: readonly SmtpClientCase[] = [
  must('addresses/reverse-path', 'RFC 5321 §2.4', 'The local part of the reverse-path keeps its case.', async (x) => {
    const letter = { from: `Sender.MiXed+Tag@back.${x.domain}` }
    checkEnvelope(x, await x.send(letter), letter)
  }),
  must('addresses/forward-path', 'RFC 5321 §2.4', 'The local part of a recipient keeps its case.', async (x) => {
    const letter = { to: [`ReCipient.MiXed@${x.domain}`] }
    checkEnvelope(x, await x.send(letter), letter)
  }),
  must(
    'addresses/case-distinct',
    'RFC 5321 §2.4',
    'Recipients whose local parts differ in case alone are two recipients.',
    async (x) => {
      const to = [`Twin@${x.domain}`, `twin@${x.domain}`]
      await x.hand({ to })
      const paths = () => x.mails.flatMap(({ recipients }) => recipients.map(({ path }) => path))
      await x.until(`the message to reach ${to.join(' and ')}`, () => to.every((path) => paths().includes(path)))
    },
  ),
  must('addresses/special', 'RFC 5321 §4.1.2', 'Every character of an atom passes as it is.', async (x) => {
    const letters = [ATOM, TAME_ATOM].flatMap((local) => [both(x, local), { to: both(x, local).to! }])
    const letter = await handFirst(x, ...letters)
    const mail = await x.mail()
    checkEnvelope(x, mail, letter)
    check(!mail.recipients[0]!.path.startsWith('"'), 'an atom', `<${visible(mail.recipients[0]!.path)}>`)
  }),
  must('addresses/quoted', 'RFC 5321 §4.1.2', 'A quoted local part stays the same mailbox.', async (x) => {
    const taken: Letter[] = []
    for (const local of QUOTED) {
      const letter = await handFirst(x, both(x, local), { to: both(x, local).to! }).catch((thrown) => {
        if (thrown instanceof Skipped) return null
        throw thrown
      })
      if (letter === null) continue
      taken.push(letter)
      checkEnvelope(x, await x.until('the message', () => x.mails[taken.length - 1]), letter)
    }
    if (taken.length === 0) throw new Skipped('the MTA takes no quoted local parts')
  }),
  must('addresses/long-local', 'RFC 5321 §4.5.3.1.1', 'A local part of 64 octets passes whole.', async (x) => {
    const letter = both(x, 'l'.repeat(64))
    checkEnvelope(x, await x.send(letter), letter)
  }),
  should('addresses/source-route', 'RFC 5321 §3.6.1', 'No source route is sent.', async (x) => {
    const route = `@first.${x.domain},@second.${x.domain}:`
    const [from, to] = [`${route}${x.sender}`, [`${route}${x.recipient}`]]
    await handFirst(x, { from, to }, { to })
    checkEnvelope(x, await x.mail(), { from: x.sender, to: [x.recipient] })
  }),
  should('addresses/null', 'RFC 5321 §4.5.5', 'A null reverse-path is passed on as null.', async (x) => {
    const mail = await x.send({ from: '' })
    check(mail.from === '', '<>', `<${visible(mail.from)}>`)
  }),
  must('utf8/only-offered', 'RFC 5321 §4.1.1.11', 'Without SMTPUTF8 offered, the parameter is not sent.', async (x) => {
    x.mx.script = { offers: ['8BITMIME'] }
    // declared, but not needed: whether it is sent then or returned is the MTA's affair
    await x.hand(x.takes('SMTPUTF8') ? { fromParameters: 'BODY=8BITMIME SMTPUTF8' } : {})
    const mail = await x.until('the message, or its return', () => x.mails[0] ?? x.reports[0])
    if (x.isReport(mail)) return
    check(!mail.parameters.some(isUtf8), 'no SMTPUTF8', mail.parameters.join(' '))
  }),
  should(
    'utf8/only-needed',
    'RFC 6531 §3.4',
    'The parameter is not sent where neither envelope nor message needs it.',
    async (x) => {
      x.mx.script = { offers: RICH }
      const eightBit = {
        fromParameters: 'BODY=8BITMIME',
        header: ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'],
        body: [GRUESSE],
      }
      const mail = await x.send(x.takes('8BITMIME') ? eightBit : {})
      check(!mail.parameters.some(isUtf8), 'no SMTPUTF8', mail.parameters.join(' '))
    },
  ),
  must('utf8/declared', 'RFC 6531 §3.4', 'An internationalized address is sent with SMTPUTF8 on MAIL.', async (x) => {
    x.mx.script = { offers: RICH }
    for (const [count, letter] of international(x).entries()) {
      await x.hand(letter)
      checkDeclared(await x.until('the message', () => x.mails[count]))
    }
  }),
  must(
    'utf8/header-declared',
    'RFC 6531 §3.4',
    'A message with UTF-8 in its header is sent with SMTPUTF8 on MAIL.',
    async (x) => {
      x.mx.script = { offers: RICH }
      checkDeclared(await x.send({ ...UTF8, header: [`Comments: ${GRUESSE}`] }))
    },
  ),
  must('utf8/address', 'RFC 6531 §3.3', 'The UTF-8 of an address passes unchanged.', async (x) => {
    x.mx.script = { offers: RICH }
    for (const [count, letter] of international(x).entries()) {
      await x.hand(letter)
      checkEnvelope(x, await x.until('the message', () => x.mails[count]), letter)
    }
  }),
  must(
    'utf8/address-not-to-others',
    'RFC 6531 §3.2',
    'Mail with an internationalized address in its envelope is not sent to a server without SMTPUTF8.',
    async (x) => {
      x.mx.script = { offers: ['8BITMIME'] }
      for (const [count, letter] of international(x).entries()) {
        await x.hand(letter)
        await x.until(
          'the message to be returned, or the session to end',
          () => x.reports[count] ?? x.mx.sessions[count]?.ended,
        )
      }
      const commands = x.mx.sessions.flatMap((session) => session.commands)
      const strange = commands.find(({ verb, line }) => /[^\x20-\x7e]/.test(line) || verb === 'DATA')
      check(strange === undefined, 'no UTF-8 in commands, and no text', `"${visible(strange?.line ?? '')}"`)
    },
  ),
  must(
    'utf8/header-not-to-others',
    'RFC 6531 §3.2',
    'A message with UTF-8 in its header is not sent to a server without SMTPUTF8.',
    async (x) => {
      x.mx.script = { offers: ['8BITMIME'] }
      await x.hand({ ...UTF8, header: [`Comments: ${GRUESSE}`] })
      await x.until(
        'the message to be returned, sent in another form, or the session to end',
        () => x.reports[0] ?? x.mails[0] ?? x.mx.sessions[0]?.ended,
      )
      const header = headerOf(x.mails[0]?.text ?? '')
      check(!/[^\x00-\x7f]/.test(header), 'no UTF-8 in the header', visible(header))
      // RFC 2047, as RFC 6857 downgrades
      const isKept = x.mails.length === 0 || /=\?utf-8\?/i.test(header)
      check(isKept, 'the field in another form', visible(header))
    },
  ),
]

const GRUESSE = 'gr\xc3\xbc\xc3\x9fe'
const UTF8 = { wants: ['SMTPUTF8', '8BITMIME'], fromParameters: 'BODY=8BITMIME SMTPUTF8' } as const

/** One with such a recipient, one with such a sender. */
const international = (x: Exchange): Letter[] => [
  { ...UTF8, to: [`${GRUESSE}@${x.domain}`] },
  { ...UTF8, from: `${GRUESSE}@back.${x.domain}`, to: [x.recipient] },
]

const isUtf8 = (parameter: string): boolean => /^SMTPUTF8\b/i.test(parameter)

const checkDeclared = ({ parameters }: Mail): void =>
  check(
    parameters.some((text) => /^SMTPUTF8$/i.test(text)),
    'SMTPUTF8 without a value',
    parameters.join(' '),
  )
