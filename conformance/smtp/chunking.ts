// SMTP: CHUNKING and BINARYMIME.
import { check, visible } from '../judgement.ts'
import { alive, type Smtp } from './client.ts'
import { bareKeyword, commandCase, type SmtpCase } from './suite.ts'

const CHUNKING = { capabilities: ['CHUNKING'] } as const
const WITH_RECIPIENT = { ...CHUNKING, recipient: true } as const
const MAIL = { ...WITH_RECIPIENT, consent: ['mail'] } as const
const BINARY = { capabilities: ['BINARYMIME', 'CHUNKING'] } as const

/** A chunk with its command. */
const chunk = (text: string, last: boolean): string => `BDAT ${text.length}${last ? ' LAST' : ''}\r\n${text}`

/** Sends a chunk; the reply is read. */
async function bdat(s: Smtp, text: string, last: boolean, codes: string): Promise<void> {
  await s.wire.write(chunk(text, last))
  await s.expect(`BDAT ${text.length}${last ? ' LAST' : ''}`, codes)
}

/** A refused chunk is read to its end: only then does RSET, which clears the state, have its reply. */
async function refusedBdat(s: Smtp, text: string, codes = '[45]..'): Promise<void> {
  await bdat(s, text, true, codes)
  await s.send('RSET', '250')
}

const messageCase = (
  slug: string,
  requirement: string,
  needs: SmtpCase['needs'],
  state: SmtpCase['state'],
  run: (s: Smtp) => Promise<void>,
): SmtpCase => ({ id: `smtp/${slug}`, rfc: 'RFC 3030 §2', level: 'must', requirement, needs: needs!, state, run })

export const chunkingCases: readonly SmtpCase[] = [
  bareKeyword('smtp/chunking/no-parameters', 'RFC 3030 §2', 'CHUNKING'),
  messageCase('chunking/one-chunk', 'A message in one chunk with LAST is taken.', MAIL, 'rcpt', (s) =>
    bdat(s, `${s.header()}Text.\r\n`, true, '250'),
  ),
  messageCase(
    'chunking/many-chunks',
    'Each chunk is answered by 250, also when chunks end in the middle of a line or between CR and LF.',
    MAIL,
    'rcpt',
    async (s) => {
      const text = `${s.header()}A line that is cut.\r\n`
      await bdat(s, text.slice(0, 7), false, '250')
      await bdat(s, text.slice(7, -9), false, '250')
      await bdat(s, text.slice(-9, -1), false, '250')
      // far beyond what one read of a socket gives
      await bdat(s, `\n${`${'x'.repeat(70)}\r\n`.repeat(1000)}\r`, false, '250')
      await bdat(s, text.slice(-1), true, '250')
    },
  ),
  messageCase('chunking/empty-last', 'BDAT 0 LAST ends a message whose text came before.', MAIL, 'rcpt', async (s) => {
    await bdat(s, `${s.header()}Text.\r\n`, false, '250')
    await bdat(s, '', true, '250')
  }),
  messageCase('chunking/case', 'BDAT and LAST are recognised in any case.', MAIL, 'rcpt', async (s) => {
    const text = `${s.header()}Text.\r\n`
    await s.wire.write(`bdat ${text.length} last\r\n${text}`)
    await s.expect('bdat last', '250')
  }),
  messageCase(
    'chunking/dot-is-text',
    'A line with a single period has no meaning within a chunk.',
    MAIL,
    'rcpt',
    async (s) => {
      await bdat(s, `${s.header()}before\r\n.\r\nNOOP\r\nbehind\r\n`, true, '250')
      await alive(s)
    },
  ),
  messageCase(
    'chunking/whole-before-reply',
    'A chunk is answered once all of its octets have come, and not before, however they are cut into packets.',
    MAIL,
    'rcpt',
    async (s) => {
      const text = `${s.header()}Text.\r\n`
      await s.wire.write(chunk(text, true).slice(0, -1))
      await s.wire.speaks(60)
      check(s.wire.waiting() === '', 'no reply before the last octet', `"${visible(s.wire.waiting())}"`)
      await s.wire.write(text.slice(-1))
      await s.expect('BDAT LAST', '250')
    },
  ),
  messageCase('chunking/without-mail', 'A chunk outside of a transaction is refused.', CHUNKING, 'ehlo', (s) =>
    refusedBdat(s, 'Text.\r\n'),
  ),
  messageCase(
    'chunking/without-rcpt',
    'A chunk in a transaction without a recipient is refused.',
    CHUNKING,
    'mail',
    (s) => refusedBdat(s, 'Text.\r\n'),
  ),
  messageCase(
    'chunking/refused-is-discarded',
    'The octets of a refused chunk are read and discarded, not taken for commands.',
    CHUNKING,
    'ehlo',
    (s) => refusedBdat(s, 'NOOP\r\nNOOP\r\n'),
  ),
  {
    id: 'smtp/chunking/discards-pipelined',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement:
      'Chunks that are in the pipeline behind a refused one are read and discarded, each with its own 4yz or 5yz reply.',
    needs: { capabilities: ['CHUNKING', 'PIPELINING'] },
    state: 'ehlo',
    async run(s) {
      await s.wire.write(`${chunk('NOOP\r\n', false)}${chunk('NOOP\r\nNOOP\r\n', false)}${chunk('NOOP\r\n', true)}`)
      for (const which of ['first', 'second', 'third']) await s.expect(`the ${which} BDAT`, '[45]..')
      await s.send('RSET', '250')
    },
  },
  {
    id: 'smtp/chunking/pipelined',
    rfc: 'RFC 3030 §4.2',
    level: 'must',
    requirement:
      'With PIPELINING, chunks may be sent one behind the other without waiting: each is answered by 250, in order.',
    needs: { capabilities: ['CHUNKING', 'PIPELINING'], recipient: true, consent: ['mail'] },
    state: 'rcpt',
    async run(s) {
      await s.wire.write(`${chunk(s.header(), false)}${chunk('NOOP\r\n', false)}${chunk('', true)}`)
      for (const which of ['first', 'second', 'last']) await s.expect(`the ${which} BDAT`, '250')
      await alive(s)
    },
  },
  messageCase(
    'chunking/data-after-bdat',
    'DATA behind a BDAT of the same transaction is answered by 503.',
    WITH_RECIPIENT,
    'rcpt',
    async (s) => {
      await bdat(s, s.header(), false, '250')
      await s.send('DATA', '503')
      await s.send('RSET', '250')
    },
  ),
  messageCase('chunking/after-last', 'A BDAT behind LAST is answered by 503.', MAIL, 'rcpt', async (s) => {
    await bdat(s, `${s.header()}Text.\r\n`, true, '250')
    await refusedBdat(s, 'more\r\n', '503')
  }),
  messageCase(
    'chunking/clears-transaction',
    'LAST ends the transaction: RCPT behind it is out of order (503).',
    MAIL,
    'rcpt',
    async (s) => {
      await bdat(s, `${s.header()}Text.\r\n`, true, '250')
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  ),
  messageCase(
    'chunking/rset',
    'RSET between chunks drops the message, and a new transaction can begin.',
    WITH_RECIPIENT,
    'rcpt',
    async (s) => {
      await bdat(s, s.header(), false, '250')
      await s.send('RSET', '250')
      await s.mail()
    },
  ),
  messageCase(
    'chunking/rset-clears-segments',
    'RSET clears the chunks that were sent: the next transaction may use DATA.',
    MAIL,
    'rcpt',
    async (s) => {
      await bdat(s, s.header(), false, '250')
      await s.send('RSET', '250')
      await s.message('Text.\r\n')
    },
  ),
  messageCase('chunking/data-too', 'A server that offers BDAT supports DATA as before.', MAIL, 'rcpt', async (s) => {
    await s.data()
    await s.endData(`${s.header()}Text.\r\n`)
  }),
  messageCase(
    'chunking/both-in-session',
    'DATA and BDAT may be used in one session, in different transactions: DATA, then BDAT, then DATA again.',
    MAIL,
    'ehlo',
    async (s) => {
      await s.message('Text.\r\n')
      await s.mail()
      await s.rcpt()
      await bdat(s, `${s.header()}Text.\r\n`, true, '250')
      await s.message('Text.\r\n')
    },
  ),
  {
    ...commandCase({
      id: 'smtp/chunking/bad-size',
      rfc: 'RFC 3030 §2',
      level: 'must',
      requirement: 'BDAT wants a decimal number of octets: "BDAT many" is refused by a 5yz reply.',
      needs: WITH_RECIPIENT,
      state: 'rcpt',
      line: 'BDAT many',
      codes: '5..',
    }),
    ending: 'any',
  },
  {
    ...commandCase({
      id: 'smtp/chunking/no-size',
      rfc: 'RFC 3030 §2',
      level: 'must',
      requirement: 'BDAT without a number of octets is refused by a 5yz reply.',
      needs: WITH_RECIPIENT,
      state: 'rcpt',
      line: 'BDAT',
      codes: '5..',
    }),
    ending: 'any',
  },
  {
    ...commandCase({
      id: 'smtp/chunking/bad-marker',
      rfc: 'RFC 3030 §2',
      level: 'should',
      requirement: 'The end marker is LAST: "BDAT 0 FIRST" is refused by a 5yz reply.',
      needs: WITH_RECIPIENT,
      state: 'rcpt',
      line: 'BDAT 0 FIRST',
      codes: '5..',
    }),
    ending: 'any',
  },
  {
    id: 'smtp/chunking/garbage',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement:
      'A line of arbitrary octets, as a wrong chunk size leaves behind, is read and refused, and the session goes on.',
    needs: CHUNKING,
    state: 'ehlo',
    async run(s) {
      const octets = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).join('')
      await s.send(octets.replace(/[\r\n]/g, ''), '5..')
      await alive(s)
    },
  },
  bareKeyword('smtp/binarymime/no-parameters', 'RFC 3030 §3', 'BINARYMIME'),
  {
    id: 'smtp/binarymime/announced-with-chunking',
    rfc: 'RFC 3030 §3',
    level: 'must',
    requirement: 'A server that announces BINARYMIME announces CHUNKING too.',
    needs: { capabilities: ['BINARYMIME'] },
    state: 'ehlo',
    async run(s) {
      check(s.has('CHUNKING'), 'CHUNKING beside BINARYMIME', 'BINARYMIME alone')
    },
  },
  commandCase({
    id: 'smtp/binarymime/body',
    rfc: 'RFC 3030 §3',
    level: 'must',
    requirement: 'MAIL takes BODY=BINARYMIME.',
    needs: BINARY,
    line: (s) => `MAIL FROM:<${s.target.from}> BODY=BINARYMIME`,
    codes: '250',
  }),
  {
    id: 'smtp/binarymime/needs-chunking',
    rfc: 'RFC 3030 §3',
    level: 'must',
    requirement: 'DATA behind BODY=BINARYMIME is answered by 503.',
    needs: { ...BINARY, recipient: true },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=BINARYMIME')
      await s.rcpt()
      await s.send('DATA', '503')
      await s.send('RSET', '250')
    },
  },
  {
    id: 'smtp/binarymime/not-kept',
    rfc: 'RFC 3030 §3',
    level: 'must',
    requirement: 'BODY=BINARYMIME holds for its transaction alone: the next one may use DATA.',
    needs: { ...BINARY, recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=BINARYMIME')
      await s.send('RSET', '250')
      await s.message('Text.\r\n')
    },
  },
  {
    id: 'smtp/binarymime/message',
    rfc: 'RFC 3030 §3',
    level: 'must',
    requirement: 'A MIME message declared BODY=BINARYMIME is taken with any octets in it.',
    needs: { ...BINARY, recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=BINARYMIME')
      await s.rcpt()
      const mime =
        'MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n'
      await bdat(s, `${s.header('Conformance probe', mime)}\0\n\r\xff\n.\n`, true, '250')
    },
  },
]
