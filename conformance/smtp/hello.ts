// SMTP: HELO and EHLO.
import { check, Skipped, visible } from '../judgement.ts'
import { alive, isOneOf, quoted, type Smtp, understood } from './client.ts'
import { beginsWithDomain } from './greeting.ts'
import { commandCase, type SmtpCase } from './suite.ts'

const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9-]*$/
/** 253 octets, labels of up to 63. */
const LONGEST_DOMAIN = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`

/** The server knows no transaction: RCPT is out of order. */
async function noTransaction(s: Smtp): Promise<void> {
  await s.send(`RCPT TO:<${s.recipient}>`, '503')
}

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
    rfc: 'RFC 5321 §3.2',
    level: 'must',
    requirement:
      'HELO is not answered as EHLO is: no line of its reply behind the first is one that announces an extension in the reply to EHLO.',
    state: 'greeted',
    async run(s) {
      const other = await s.another()
      await other.ehlo()
      const helo = await s.send(`HELO ${s.target.helo}`, '250')
      const keywords = helo.lines.slice(1).filter((line) => other.has(line.toUpperCase().split(' ')[0]!))
      check(keywords.length === 0, 'no extensions', quoted(helo))
    },
  },
  {
    id: 'smtp/helo/domain',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'must',
    requirement: "The reply to HELO begins with the server's domain name or address literal.",
    state: 'greeted',
    async run(s) {
      const { lines } = await s.send(`HELO ${s.target.helo}`, '250')
      check(beginsWithDomain(lines[0]!), 'a domain or address literal', `"${visible(lines[0]!)}"`)
    },
  },
  {
    id: 'smtp/helo/transaction',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'must',
    requirement:
      'A client that greets with HELO alone can begin a mail transaction: MAIL is not answered by 500 to 503.',
    state: 'greeted',
    async run(s) {
      await s.send(`HELO ${s.target.helo}`, '250')
      const reply = await s.send(`MAIL FROM:<${s.target.from}>`)
      check(!isOneOf(reply.code, '50[0-3]'), 'MAIL to be understood behind HELO', quoted(reply))
    },
  },
  {
    id: 'smtp/helo/clears-transaction',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'must',
    requirement:
      'A 250 to HELO confirms that no transaction is in progress: one that was open before is gone (RCPT: 503).',
    needs: { recipient: true },
    state: 'rcpt',
    async run(s) {
      const { code } = await s.send(`HELO ${s.target.helo}`)
      if (code !== 250) throw new Skipped('the server takes no HELO behind EHLO')
      await noTransaction(s)
    },
  },
  commandCase({
    id: 'smtp/helo/no-argument',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'should',
    requirement: 'HELO without a name is a syntax error: 500, 501 or 504.',
    state: 'greeted',
    line: 'HELO',
    codes: '50[014]',
  }),
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
    requirement: 'Command verbs (judged: EHLO, NOOP, RSET, QUIT) are recognised in upper, lower and mixed case.',
    state: 'greeted',
    ending: 'any',
    async run(s) {
      await s.send(`eHlO ${s.target.helo}`, '250')
      await s.send('nOOp', '250')
      await s.send('rset', '250')
      await s.send('qUiT', '221')
    },
  },
  {
    id: 'smtp/ehlo/address-literal',
    rfc: 'RFC 5321 §4.1.3',
    level: 'must',
    requirement: 'EHLO with an IPv4 address literal in place of the name is not called a syntax error.',
    state: 'greeted',
    async run(s) {
      await understood(s, 'EHLO [127.0.0.1]')
    },
  },
  {
    id: 'smtp/ehlo/ipv6-literal',
    rfc: 'RFC 5321 §4.1.3',
    level: 'must',
    requirement: 'EHLO with an IPv6 address literal ("IPv6:" in front) is not called a syntax error.',
    state: 'greeted',
    async run(s) {
      await understood(s, 'EHLO [IPv6:2001:db8::25]')
    },
  },
  {
    id: 'smtp/ehlo/longest-domain',
    rfc: 'RFC 5321 §4.5.3.1.2',
    level: 'must',
    requirement:
      'EHLO with a domain of 253 octets (the limit is 255, DNS names end at 253) is not called a syntax error.',
    state: 'greeted',
    async run(s) {
      await understood(s, `EHLO ${LONGEST_DOMAIN}`)
    },
  },
  {
    id: 'smtp/ehlo/digit-first',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'A label of a domain may begin with a digit: EHLO with such a name is not called a syntax error.',
    state: 'greeted',
    async run(s) {
      await understood(s, 'EHLO 4client.example.org')
    },
  },
  commandCase({
    id: 'smtp/ehlo/control-character',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'EHLO with a control character in its name is refused.',
    state: 'greeted',
    line: 'EHLO con\x01formance.example.org',
    codes: '5..',
  }),
  {
    id: 'smtp/ehlo/again',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'EHLO may be issued again later in the session, and is answered by 250.',
    state: 'ehlo',
    async run(s) {
      await s.ehlo()
      await alive(s)
    },
  },
  {
    id: 'smtp/ehlo/clears-transaction',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'EHLO later in the session clears an open transaction, as RSET does (RCPT: 503).',
    needs: { recipient: true },
    state: 'rcpt',
    async run(s) {
      const { code } = await s.send(`EHLO ${s.target.helo}`)
      if (code !== 250) throw new Skipped('the server takes no second EHLO')
      await noTransaction(s)
    },
  },
  {
    id: 'smtp/ehlo/no-argument',
    rfc: 'RFC 5321 §4.1.1.1',
    level: 'should',
    requirement: 'EHLO without a name is a syntax error: 500, 501 or 504.',
    state: 'greeted',
    async run(s) {
      await s.send('EHLO', '50[014]')
    },
  },
  {
    id: 'smtp/ehlo/refusal-code',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement:
      'An EHLO that is not acceptable (judged: one without a name) is answered by 500, 501, 502, 504 or 550.',
    state: 'greeted',
    async run(s) {
      const reply = await s.send('EHLO')
      if (isOneOf(reply.code, '2..')) throw new Skipped('the server takes EHLO without a name')
      s.demand(reply, '50[0124]|550', 'EHLO without a name')
    },
  },
  {
    id: 'smtp/ehlo/failure-keeps-state',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'An EHLO that is refused leaves the session in the state it was in: an open transaction stays open.',
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
    requirement: 'A command that the reply to EHLO lists (HELP, EXPN, VRFY, ETRN, AUTH) is not answered by 500 or 502.',
    state: 'ehlo',
    client: 'anonymous',
    async run(s) {
      const [mechanism = 'PLAIN'] = s.capabilities.get('AUTH') ?? []
      for (const line of ['HELP', 'EXPN postmaster', 'VRFY postmaster', 'ETRN example.org', `AUTH ${mechanism}`]) {
        const [verb = ''] = line.split(' ')
        if (!s.has(verb)) continue
        const reply = await s.send(line)
        if (reply.code === 334) await s.send('*')
        check(!isOneOf(reply.code, '50[02]'), `${verb} to be known`, quoted(reply))
      }
    },
  },
  {
    id: 'smtp/ehlo/unverified-name',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement:
      "Mail is not refused, at MAIL or RCPT, because the name in EHLO does not match the client's address (judged: example.com).",
    needs: { recipient: true },
    state: 'ehlo',
    async run(s) {
      // a name that exists, and is surely not this client's
      const { code } = await s.send('EHLO example.com')
      if (code !== 250) throw new Skipped('the server takes no second EHLO')
      await s.send(`MAIL FROM:<${s.target.from}>`, '250')
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/ehlo/8bitmime',
    rfc: 'RFC 5321 §2.4',
    level: 'should',
    requirement: 'The server supports 8BITMIME: the reply to EHLO lists it.',
    state: 'ehlo',
    async run(s) {
      check(s.has('8BITMIME'), '8BITMIME', [...s.capabilities.keys()].join(', '))
    },
  },
]
