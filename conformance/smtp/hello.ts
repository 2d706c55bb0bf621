// SMTP: HELO and EHLO.
import { check, Skipped, visible } from '../judgement.ts'
import { isOneOf } from './client.ts'
import { beginsWithDomain } from './greeting.ts'
import type { SmtpCase } from './suite.ts'

const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]*$/

export const helloCases: readonly SmtpCase[] = [
  {
    id: 'smtp/helo/accepted',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'must',
    requirement: 'HELO is supported and answered by 250.',
    state: 'greeted',
    async run(s) {
      await s.send(`HELO ${s.target.helo}`, '250')
    },
  },
  {
    id: 'smtp/helo/single-line',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'must',
    requirement: 'HELO is answered as RFC 821 has it: one line, without the list of extensions.',
    state: 'greeted',
    async run(s) {
      const { raw } = await s.send(`HELO ${s.target.helo}`, '250')
      check(raw.length === 1, 'one line', `"${visible(raw.join(' / '))}"`)
    },
  },
  {
    id: 'smtp/helo/transaction',
    rfc: 'RFC 5321 §2.2.1',
    level: 'must',
    requirement: 'A client that greets with HELO alone can begin a mail transaction.',
    state: 'greeted',
    async run(s) {
      await s.send(`HELO ${s.target.helo}`, '250')
      const reply = await s.send(`MAIL FROM:<${s.target.from}>`)
      check(!isOneOf(reply.code, '50[0-3]'), 'MAIL to be understood behind HELO', `"${visible(reply.raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/ehlo/accepted',
    rfc: 'RFC 5321 §4.5.1',
    level: 'must',
    requirement: 'EHLO is supported and answered by 250.',
    state: 'greeted',
    async run(s) {
      await s.ehlo()
    },
  },
  {
    id: 'smtp/ehlo/domain',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'must',
    requirement: "The first line of the reply to EHLO begins with the server's domain name or address literal.",
    state: 'greeted',
    async run(s) {
      const { lines } = await s.ehlo()
      check(beginsWithDomain(lines[0]!), 'a domain or address literal', `"${visible(lines[0]!)}"`)
    },
  },
  {
    id: 'smtp/ehlo/keyword-syntax',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'must',
    requirement:
      'Each further line of the reply to EHLO is a keyword of letters, digits and hyphens, with parameters behind single spaces.',
    state: 'greeted',
    async run(s) {
      const { lines } = await s.ehlo()
      for (const line of lines.slice(1)) {
        const [keyword = '', ...parameters] = line.split(' ')
        const isGood = KEYWORD.test(keyword) && parameters.every((one) => /^[\x21-\x7e]+$/.test(one))
        check(isGood, 'a keyword and parameters', `"${visible(line)}"`)
      }
    },
  },
  {
    id: 'smtp/ehlo/verb-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: 'Command verbs are recognised in upper, lower and mixed case.',
    state: 'greeted',
    async run(s) {
      await s.send(`eHlO ${s.target.helo}`, '250')
      await s.send('nOOp', '250')
    },
  },
  {
    id: 'smtp/ehlo/address-literal',
    rfc: 'RFC 5321 §4.1.3',
    level: 'must',
    requirement: 'A client without a name of its own may greet with an address literal.',
    state: 'greeted',
    async run(s) {
      await s.send('EHLO [127.0.0.1]', '250')
    },
  },
  {
    id: 'smtp/ehlo/ipv6-literal',
    rfc: 'RFC 5321 §4.1.3',
    level: 'must',
    requirement: 'An IPv6 address literal has the tag "IPv6:" and is taken in EHLO.',
    state: 'greeted',
    async run(s) {
      await s.send('EHLO [IPv6:2001:db8::25]', '250')
    },
  },
  {
    id: 'smtp/ehlo/clears-transaction',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'EHLO later in the session clears an open transaction, as RSET does.',
    needs: { recipient: true },
    state: 'rcpt',
    async run(s) {
      await s.ehlo()
      const reply = await s.send(`RCPT TO:<${s.recipient}>`)
      check(reply.code === 503, '503 to RCPT, as the transaction is gone', `"${visible(reply.raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/ehlo/failure-keeps-state',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'An EHLO that is refused leaves the session in the state it was in.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      const reply = await s.send('EHLO')
      if (isOneOf(reply.code, '2..')) throw new Skipped('the server takes EHLO without a name')
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/ehlo/announces-what-works',
    rfc: 'RFC 5321 §4.2.4',
    level: 'must',
    requirement: 'A command that the reply to EHLO lists is not answered by 500 or 502.',
    state: 'ehlo',
    async run(s) {
      for (const verb of ['HELP', 'EXPN', 'VRFY', 'ETRN', 'AUTH'])
        if (s.has(verb)) {
          // with an argument that makes AUTH a mistake, so that nothing begins
          const { code, raw } = await s.send(verb === 'HELP' ? verb : `${verb} *`)
          check(code !== 500 && code !== 502, `${verb} to be known`, `"${visible(raw[0]!)}"`)
        }
    },
  },
  {
    id: 'smtp/ehlo/lists-expn',
    rfc: 'RFC 5321 §3.5.2',
    level: 'must',
    requirement: 'EXPN is listed in the reply to EHLO where it is supported.',
    state: 'ehlo',
    async run(s) {
      if (s.has('EXPN')) return
      const { code, raw } = await s.send('EXPN nobody-of-this-name')
      check(!isOneOf(code, '2..'), 'no EXPN where it is not listed', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/ehlo/unverified-name',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: "Mail is not refused because the name in EHLO does not match the client's address.",
    state: 'greeted',
    async run(s) {
      // a name that exists, and is surely not this client's
      await s.send('EHLO example.com', '250')
      const reply = await s.send('MAIL FROM:<>')
      check(reply.code === 250 || reply.code === 530, '250 to MAIL', `"${visible(reply.raw[0]!)}"`)
    },
  },
]
