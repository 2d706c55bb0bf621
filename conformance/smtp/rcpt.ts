// SMTP: the RCPT command.
import { check, Skipped, visible } from '../judgement.ts'
import { isOneOf } from './client.ts'
import type { SmtpCase } from './suite.ts'

const MANY = 100

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

export const rcptCases: readonly SmtpCase[] = [
  {
    id: 'smtp/rcpt/accepted',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'RCPT for a deliverable mailbox is answered by 250 (or 251).',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/rcpt/without-mail',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'RCPT without a MAIL before it is answered by 503.',
    needs: { recipient: true },
    state: 'ehlo',
    async run(s) {
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
  {
    id: 'smtp/rcpt/keyword-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: '"TO:" is recognised in any case.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send(`rcpt tO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/rcpt/domain-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: 'Domains are compared without regard to case.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      const at = s.recipient.lastIndexOf('@')
      await s.send(`RCPT TO:<${s.recipient.slice(0, at)}${s.recipient.slice(at).toUpperCase()}>`, '25[01]')
    },
  },
  {
    id: 'smtp/rcpt/postmaster-bare',
    rfc: 'RFC 5321 §4.5.1',
    level: 'must',
    requirement: '<Postmaster> without a domain is a valid recipient.',
    state: 'mail',
    async run(s) {
      await s.send('RCPT TO:<Postmaster>', '25[01]')
    },
  },
  {
    id: 'smtp/rcpt/postmaster-case',
    rfc: 'RFC 5321 §4.5.1',
    level: 'must',
    requirement: 'The name of the postmaster is taken in any case.',
    state: 'mail',
    async run(s) {
      await s.send('RCPT TO:<pOSTmASTER>', '25[01]')
    },
  },
  {
    id: 'smtp/rcpt/postmaster-domain',
    rfc: 'RFC 5321 §4.5.1',
    level: 'must',
    requirement: 'Postmaster is a valid recipient at every domain that the server serves.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send(`RCPT TO:<postmaster@${domainOf(s.recipient)}>`, '25[01]')
    },
  },
  {
    id: 'smtp/rcpt/unknown-mailbox',
    rfc: 'RFC 5321 §3.3',
    level: 'should',
    requirement: 'A mailbox that is known not to exist is refused, by 550 typically.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send(`RCPT TO:<${s.target.unknown}>`, '5..')
    },
  },
  {
    id: 'smtp/rcpt/refusal-keeps-transaction',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'A refused recipient does not end the transaction: others can follow.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      const { code } = await s.send(`RCPT TO:<${s.target.unknown}>`)
      if (!isOneOf(code, '5..')) throw new Skipped('the server refuses no recipient')
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/rcpt/source-route',
    rfc: 'RFC 5321 §4.1.1.3',
    level: 'must',
    requirement: 'The syntax of source routes is recognised, even if the mail is then refused.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      const { code, raw } = await s.send(`RCPT TO:<@relay.example.org,@other.example.org:${s.recipient}>`)
      check(!isOneOf(code, '50.'), 'the source route to be understood', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/rcpt/bad-syntax',
    rfc: 'RFC 5321 §4.3.2',
    level: 'must',
    requirement: 'A recipient that is no path is refused.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send(`RCPT TO:<${s.recipient}`, '50[01]|55.')
    },
  },
  {
    id: 'smtp/rcpt/null-path',
    rfc: 'RFC 5321 §4.1.1.3',
    level: 'must',
    requirement: 'The null path is no recipient.',
    state: 'mail',
    async run(s) {
      await s.send('RCPT TO:<>', '50[01]|55.')
    },
  },
  {
    id: 'smtp/rcpt/unknown-parameter',
    rfc: 'RFC 5321 §4.1.1.11',
    level: 'must',
    requirement: 'A RCPT parameter that the server does not know is answered by 555.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send(`RCPT TO:<${s.recipient}> XCONFORMANCE=1`, '555')
    },
  },
  {
    id: 'smtp/rcpt/local-part-64',
    rfc: 'RFC 5321 §4.5.3.1.1',
    level: 'must',
    requirement: 'A recipient with a local part of 64 octets is understood.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      const { code, raw } = await s.send(`RCPT TO:<${'a'.repeat(64)}@${domainOf(s.recipient)}>`)
      check(!isOneOf(code, '50.|553'), 'no complaint about the syntax', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/rcpt/hundred',
    rfc: 'RFC 5321 §4.5.3.1.8',
    level: 'must',
    requirement: `A transaction takes at least ${MANY} recipients.`,
    needs: { recipient: true, consent: ['load'] },
    state: 'mail',
    async run(s) {
      for (let i = 1; i <= MANY; i++) {
        const { code, raw } = await s.send(`RCPT TO:<${s.recipient}>`)
        check(isOneOf(code, '25[01]'), `250 to recipient ${i}`, `"${visible(raw[0]!)}"`)
      }
      await s.send('RSET', '250')
    },
  },
]
