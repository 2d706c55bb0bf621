// SMTP: the MAIL command.
import { check, visible } from '../judgement.ts'
import { alive, isOneOf, type Smtp } from './client.ts'
import type { SmtpCase } from './suite.ts'

/** Refusing an address is a server's right; not understanding it is not. */
async function understood(s: Smtp, line: string): Promise<void> {
  const { code, raw } = await s.send(line)
  check(!isOneOf(code, '50.|553|555'), `the syntax of "${line}" to be understood`, `"${visible(raw[0]!)}"`)
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

export const mailCases: readonly SmtpCase[] = [
  {
    id: 'smtp/mail/accepted',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'An acceptable MAIL command is answered by 250.',
    state: 'ehlo',
    async run(s) {
      await s.mail()
    },
  },
  {
    id: 'smtp/mail/null-reverse-path',
    rfc: 'RFC 5321 §4.5.5',
    level: 'must',
    requirement: 'The null reverse-path <>, which notifications have, is taken.',
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:<>', '250')
    },
  },
  {
    id: 'smtp/mail/keyword-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: '"FROM:" is recognised in any case.',
    state: 'ehlo',
    async run(s) {
      await s.send(`mAiL fRoM:<${s.target.from}>`, '250')
    },
  },
  {
    id: 'smtp/mail/nested',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'A second MAIL within an open transaction is out of order: 503.',
    state: 'mail',
    async run(s) {
      await s.send(`MAIL FROM:<${s.target.from}>`, '503')
    },
  },
  {
    id: 'smtp/mail/nested-keeps-state',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'A command out of order leaves the open transaction as it is.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send('DATA', '503|554')
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/mail/bad-syntax',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement:
      'A MAIL command whose argument is no path is refused by 501 (553 where it may be a mailbox), and the session goes on.',
    state: 'ehlo',
    async run(s) {
      await s.send('MAIL FROM:<a@b@@>', '501|553')
      await alive(s)
    },
  },
  {
    id: 'smtp/mail/unknown-parameter',
    rfc: 'RFC 5321 §4.1.1.11',
    level: 'must',
    requirement: 'A MAIL parameter that the server does not know is answered by 555.',
    state: 'ehlo',
    async run(s) {
      await s.send(`MAIL FROM:<${s.target.from}> XCONFORMANCE=1`, '555')
    },
  },
  {
    id: 'smtp/mail/quoted-local-part',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'A quoted local part, with a space and an escaped quote in it, is a valid reverse-path.',
    state: 'ehlo',
    async run(s) {
      await understood(s, `MAIL FROM:<"con \\"for\\" mance"@${domainOf(s.target.from)}>`)
    },
  },
  {
    id: 'smtp/mail/quoted-at',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'An "@" within a quoted local part belongs to the local part.',
    state: 'ehlo',
    async run(s) {
      await understood(s, `MAIL FROM:<"a@b"@${domainOf(s.target.from)}>`)
    },
  },
  {
    id: 'smtp/mail/atom-characters',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'All atext characters may stand in an unquoted local part.',
    state: 'ehlo',
    async run(s) {
      await understood(s, `MAIL FROM:<a!#$%&'*+-/=?^_\`{|}~b@${domainOf(s.target.from)}>`)
    },
  },
  {
    id: 'smtp/mail/local-part-64',
    rfc: 'RFC 5321 §4.5.3.1.1',
    level: 'must',
    requirement: 'A local part of 64 octets is taken.',
    state: 'ehlo',
    async run(s) {
      await understood(s, `MAIL FROM:<${'a'.repeat(64)}@${domainOf(s.target.from)}>`)
    },
  },
  {
    id: 'smtp/mail/address-literal',
    rfc: 'RFC 5321 §4.1.3',
    level: 'must',
    requirement: 'An address literal may stand in place of the domain.',
    state: 'ehlo',
    async run(s) {
      await understood(s, 'MAIL FROM:<conformance@[127.0.0.1]>')
    },
  },
  {
    id: 'smtp/mail/trailing-space',
    rfc: 'RFC 5321 §4.1.1',
    level: 'should',
    requirement: 'White space before the CR LF of a command is tolerated.',
    state: 'ehlo',
    async run(s) {
      await s.send(`MAIL FROM:<${s.target.from}> `, '250')
    },
  },
  {
    id: 'smtp/mail/before-hello',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement:
      'A mail transaction begins only in a session that was initialised by EHLO or HELO: MAIL before is out of order.',
    state: 'greeted',
    async run(s) {
      await s.send(`MAIL FROM:<${s.target.from}>`, '503|530|550')
    },
  },
]
