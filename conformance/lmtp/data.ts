// LMTP: an answer for each recipient behind DATA and BDAT LAST.
import { check, Skipped } from '../judgement.ts'
import { alive, isOneOf, lines, quoted, type Reply, type Smtp } from '../smtp/client.ts'
import type { SmtpCase } from '../smtp/suite.ts'

const MAIL = { recipient: true, consent: ['mail'] } as const
const CHUNKING = { ...MAIL, capabilities: ['CHUNKING'] } as const
const ANY = '2..|4..|5..'

const content = (s: Smtp): string => `${s.header()}${lines('Text.')}`

/** DATA and a message; the replies are the caller's to read. */
async function send(s: Smtp): Promise<void> {
  await s.data()
  await s.wire.write(`${content(s)}.\r\n`)
}

async function replies(s: Smtp, count: number, codes = ANY): Promise<Reply[]> {
  const all: Reply[] = []
  for (let i = 1; i <= count; i++) all.push(await s.expect(`the message, for recipient ${i} of ${count}`, codes))
  return all
}

/** A recipient that the server refuses; throws Skipped when it takes every one. */
async function refusedRecipient(s: Smtp): Promise<void> {
  const bad = ['RCPT TO:<>', ...(s.target.unknown === null ? [] : [`RCPT TO:<${s.target.unknown}>`])]
  for (const line of bad) if (isOneOf((await s.send(line)).code, '[45]..')) return
  throw new Skipped('the server refuses no recipient')
}

export const dataCases: readonly SmtpCase[] = [
  {
    id: 'lmtp/data/no-recipients',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'DATA without a recipient is answered by 503.',
    state: 'mail',
    async run(s) {
      await s.send('DATA', '503')
    },
  },
  {
    id: 'lmtp/data/refused-recipients-alone',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'DATA behind refused recipients alone is answered by 503.',
    state: 'mail',
    async run(s) {
      await refusedRecipient(s)
      await s.send('DATA', '503')
    },
  },
  {
    id: 'lmtp/data/accepted',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'A message for one recipient is delivered and answered by one 250.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await send(s)
      await replies(s, 1, '250')
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/one-reply-each',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'The end of the message is answered once for each accepted recipient.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      if (s.target.rcpt2 === null) throw new Skipped('needs a second recipient (--rcpt2)')
      await s.rcpt(s.target.rcpt2)
      await send(s)
      await replies(s, 2)
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/same-recipient-twice',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'A recipient that was accepted twice is answered twice.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      await send(s)
      await replies(s, 2)
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/refused-not-answered',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'A recipient that was refused at RCPT gets no answer behind the message.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await refusedRecipient(s)
      await send(s)
      await replies(s, 1, '250')
      // a reply too many would stand before this one
      await s.send('QUIT', '221')
    },
    ending: 'any',
  },
  {
    id: 'lmtp/data/clears-recipients',
    rfc: 'RFC 2033 §4.2',
    level: 'must',
    requirement: 'The recipients of a message are gone with it: the next one is answered for its own recipients alone.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      await send(s)
      await replies(s, 2)
      await s.mail()
      await s.rcpt()
      await send(s)
      await replies(s, 1)
      await s.send('QUIT', '221')
    },
    ending: 'any',
  },
  {
    id: 'lmtp/data/status-codes',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement: 'Each of the replies to the end of a message begins with an enhanced status code of its own class.',
    needs: { ...MAIL, capabilities: ['ENHANCEDSTATUSCODES'] },
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      await send(s)
      for (const reply of await replies(s, 2))
        for (const line of reply.lines)
          check(
            new RegExp(`^${String(reply.code)[0]}\\.\\d{1,3}\\.\\d{1,3} `).test(line),
            'a status code',
            quoted(reply),
          )
    },
  },
  {
    id: 'lmtp/data/null-reverse-path',
    rfc: 'RFC 5321 §4.5.5',
    level: 'must',
    requirement: 'A message with the null reverse-path is taken like another.',
    needs: MAIL,
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:<>', '250')
      await s.rcpt()
      await send(s)
      await replies(s, 1, '250')
    },
  },
  {
    id: 'lmtp/data/dot-line',
    rfc: 'RFC 5321 §4.5.2',
    level: 'must',
    requirement: 'A line that begins with a doubled period does not end the message.',
    needs: MAIL,
    state: 'data',
    async run(s) {
      await s.endData(`${s.header()}${lines('..', '..x', 'NOOP')}`)
      await alive(s)
    },
  },
  {
    id: 'lmtp/data/bare-lf-end',
    rfc: 'RFC 5321 §4.1.1.4',
    level: 'must',
    requirement: 'The octets <LF>.<LF> do not end a message (or the message is refused as a whole).',
    needs: MAIL,
    state: 'data',
    ending: 'any',
    async run(s) {
      await s.wire.write(`${s.header()}before\n.\nNOOP\r\nbehind\r\n.\r\n`)
      const first = await s.replyOrEnd('the end of the message')
      if (first === null || first.code === 421) return
      await s.wire.write('QUIT\r\n')
      const second = await s.replyOrEnd('QUIT')
      check(second === null || second.code === 221, '221 to QUIT', second ? quoted(second) : '')
    },
  },
  {
    id: 'lmtp/data/8bit',
    rfc: 'RFC 6152 §3',
    level: 'must',
    requirement: 'A MIME message declared BODY=8BITMIME is taken with octets above 127 in its body.',
    needs: { ...MAIL, capabilities: ['8BITMIME'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=8BITMIME')
      await s.rcpt()
      await s.data()
      const mime =
        'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n'
      await s.endData(`${s.header('Conformance probe', mime)}gr\xfc\xdfe\r\n`)
    },
  },
  {
    id: 'lmtp/pipelining/group',
    rfc: 'RFC 2920 §3.1',
    level: 'must',
    requirement: 'MAIL, two RCPT and DATA sent as one group are answered one by one, in their order.',
    needs: { ...MAIL, capabilities: ['PIPELINING'] },
    state: 'ehlo',
    async run(s) {
      const to = `RCPT TO:<${s.recipient}>\r\n`
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\n${to}${to}DATA\r\n`)
      await s.expect('MAIL', '250')
      await s.expect('the first RCPT', '25[01]')
      await s.expect('the second RCPT', '25[01]')
      await s.expect('DATA', '354')
      await s.wire.write(`${content(s)}.\r\n`)
      await replies(s, 2)
    },
  },
]

export const chunkingCases: readonly SmtpCase[] = [
  {
    id: 'lmtp/chunking/one-reply-each',
    rfc: 'RFC 2033 §4.3',
    level: 'must',
    requirement: 'BDAT LAST is answered once for each accepted recipient.',
    needs: CHUNKING,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      const text = content(s)
      await s.wire.write(`BDAT ${text.length} LAST\r\n${text}`)
      await replies(s, 2)
      await alive(s)
    },
  },
  {
    id: 'lmtp/chunking/not-last',
    rfc: 'RFC 2033 §4.3',
    level: 'must',
    requirement: 'A BDAT without LAST has one reply alone, however many recipients there are.',
    needs: CHUNKING,
    state: 'rcpt',
    async run(s) {
      await s.rcpt()
      const text = content(s)
      await s.wire.write(`BDAT ${text.length}\r\n${text}`)
      await s.expect('BDAT', '250')
      await s.send('RSET', '250')
      await alive(s)
    },
  },
  {
    id: 'lmtp/chunking/no-recipients',
    rfc: 'RFC 2033 §4.3',
    level: 'must',
    requirement: 'BDAT without a recipient is answered by 503, once.',
    needs: { capabilities: ['CHUNKING'] },
    state: 'mail',
    async run(s) {
      await s.wire.write('BDAT 7 LAST\r\nText.\r\n')
      await s.expect('BDAT', '503')
      await s.send('RSET', '250')
    },
  },
]
