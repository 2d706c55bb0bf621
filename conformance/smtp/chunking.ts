// SMTP: CHUNKING and BINARYMIME.
import { check } from '../judgement.ts'
import type { Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

const MAIL = { capabilities: ['CHUNKING'], recipient: true, consent: ['mail'] } as const

/** Sends a chunk with its command; the reply is read. */
async function bdat(s: Smtp, text: string, last: boolean, codes: string): Promise<void> {
  const name = `BDAT ${text.length}${last ? ' LAST' : ''}`
  await s.wire.write(`${name}\r\n${text}`)
  await s.expect(name, codes)
}

export const chunkingCases: readonly SmtpCase[] = [
  {
    id: 'smtp/chunking/one-chunk',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'A message in one chunk with LAST is taken.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await bdat(s, `${s.header()}Text.\r\n`, true, '250')
    },
  },
  {
    id: 'smtp/chunking/many-chunks',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'Each chunk is answered by 250, also when chunks end in the middle of a line.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      const text = `${s.header()}A line that is cut.\r\n`
      await bdat(s, text.slice(0, 7), false, '250')
      await bdat(s, text.slice(7, -9), false, '250')
      await bdat(s, text.slice(-9), true, '250')
    },
  },
  {
    id: 'smtp/chunking/empty-last',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'BDAT 0 LAST ends a message whose text came before.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await bdat(s, `${s.header()}Text.\r\n`, false, '250')
      await bdat(s, '', true, '250')
    },
  },
  {
    id: 'smtp/chunking/dot-is-text',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'A line with a single period has no meaning within a chunk.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await bdat(s, `${s.header()}before\r\n.\r\nNOOP\r\nbehind\r\n`, true, '250')
      await s.send('NOOP', '250')
    },
  },
  {
    id: 'smtp/chunking/without-mail',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'A chunk outside of a transaction is refused by 503.',
    needs: { capabilities: ['CHUNKING'] },
    state: 'ehlo',
    async run(s) {
      await bdat(s, 'Text.\r\n', true, '503|554')
    },
  },
  {
    id: 'smtp/chunking/refused-is-discarded',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'The octets of a refused chunk are read and discarded, not taken for commands.',
    needs: { capabilities: ['CHUNKING'] },
    state: 'ehlo',
    async run(s) {
      await bdat(s, 'NOOP\r\nNOOP\r\n', true, '[45]..')
      await s.send('RSET', '250')
    },
  },
  {
    id: 'smtp/chunking/data-after-bdat',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'DATA behind a BDAT of the same transaction is refused by 503.',
    needs: { capabilities: ['CHUNKING'], recipient: true },
    state: 'rcpt',
    async run(s) {
      await bdat(s, s.header(), false, '250')
      await s.send('DATA', '503')
      await s.send('RSET', '250')
    },
  },
  {
    id: 'smtp/chunking/after-last',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'A BDAT behind LAST is refused by 503.',
    needs: MAIL,
    state: 'rcpt',
    async run(s) {
      await bdat(s, `${s.header()}Text.\r\n`, true, '250')
      await bdat(s, 'more\r\n', true, '503')
    },
  },
  {
    id: 'smtp/chunking/rset',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'RSET between chunks drops the message.',
    needs: { capabilities: ['CHUNKING'], recipient: true },
    state: 'rcpt',
    async run(s) {
      await bdat(s, s.header(), false, '250')
      await s.send('RSET', '250')
      await s.mail()
    },
  },
  {
    id: 'smtp/chunking/bad-size',
    rfc: 'RFC 3030 §2',
    level: 'must',
    requirement: 'BDAT wants a decimal number of octets.',
    needs: { capabilities: ['CHUNKING'], recipient: true },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      await s.send('BDAT many', '5..')
    },
  },
  {
    id: 'smtp/binarymime/needs-chunking',
    rfc: 'RFC 3030 §3',
    level: 'must',
    requirement: 'DATA behind BODY=BINARYMIME is refused by 503.',
    needs: { capabilities: ['BINARYMIME', 'CHUNKING'], recipient: true },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=BINARYMIME')
      await s.rcpt()
      await s.send('DATA', '503')
      await s.send('RSET', '250')
    },
  },
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
  {
    id: 'smtp/binarymime/message',
    rfc: 'RFC 3030 §3',
    level: 'must',
    requirement: 'A message declared BODY=BINARYMIME is taken with any octets in it.',
    needs: { capabilities: ['BINARYMIME', 'CHUNKING'], recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.mail(' BODY=BINARYMIME')
      await s.rcpt()
      await bdat(s, `${s.header()}\0\n\r\xff\n.\n`, true, '250')
    },
  },
]
