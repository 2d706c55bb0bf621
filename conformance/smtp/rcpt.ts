// SMTP: the RCPT command.
import { check, Skipped, visible } from '../judgement.ts'
import { alive, domainOf, isOneOf, quoted, type Smtp, understood } from './client.ts'
import { PATH_256 } from './mail.ts'
import { commandCase, type SmtpCase } from './suite.ts'

const MANY = 100
/** Beyond what servers take in one transaction. */
const TOO_MANY = 1200
const RECIPIENT = { recipient: true } as const

const localPartOf = (address: string): string => address.slice(0, address.lastIndexOf('@'))

/** The recipient, its local part written by `change`. */
const written = (s: Smtp, change: (local: string) => string): string => {
  const local = localPartOf(s.recipient)
  if (!/^[A-Za-z0-9._-]+$/.test(local)) throw new Skipped('the recipient has no plain local part')
  return `RCPT TO:<${change(local)}@${domainOf(s.recipient)}>`
}

export const rcptCases: readonly SmtpCase[] = [
  commandCase({
    id: 'smtp/rcpt/accepted',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'RCPT for a deliverable mailbox is answered by 250 (or 251).',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}>`,
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/without-mail',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'RCPT without a MAIL before it is answered by 503.',
    needs: RECIPIENT,
    line: (s) => `RCPT TO:<${s.recipient}>`,
    codes: '503',
  }),
  commandCase({
    id: 'smtp/rcpt/keyword-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: 'RCPT and "TO:" are recognised in any case.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `rcpt tO:<${s.recipient}>`,
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/domain-case',
    rfc: 'RFC 5321 §2.4',
    level: 'must',
    requirement: 'Domains are compared without regard to case.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${localPartOf(s.recipient)}@${domainOf(s.recipient).toUpperCase()}>`,
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/quoted-same',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'All quoted forms of a local part are equivalent: "ana"@ is the mailbox ana@.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => written(s, (local) => `"${local}"`),
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/quoted-pair-same',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'A backslash quotes the next character and is no part of the name: "a\\na"@ is the mailbox ana@.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => written(s, (local) => `"${local.slice(0, 1)}\\${local.slice(1)}"`),
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/postmaster-bare',
    rfc: 'RFC 5321 §4.5.1',
    level: 'must',
    requirement: '<Postmaster> without a domain is a valid recipient.',
    state: 'mail',
    line: 'RCPT TO:<Postmaster>',
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/postmaster-case',
    rfc: 'RFC 5321 §4.1.1.3',
    level: 'must',
    requirement: 'The name of the postmaster is taken in any case (<pOSTmASTER>).',
    state: 'mail',
    line: 'RCPT TO:<pOSTmASTER>',
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/postmaster-domain',
    rfc: 'RFC 5321 §4.5.1',
    level: 'must',
    requirement: "Postmaster is a valid recipient at the domains that the server serves (judged: the recipient's).",
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<postmaster@${domainOf(s.recipient)}>`,
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/postmaster-domain-case',
    rfc: 'RFC 5321 §4.5.1',
    level: 'must',
    requirement: 'The name of the postmaster is taken in any case with a domain behind it, too.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<PostMaster@${domainOf(s.recipient)}>`,
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/unknown-mailbox',
    rfc: 'RFC 5321 §3.3',
    level: 'should',
    requirement: 'A mailbox that is known not to exist is refused by a 5yz reply, 550 typically.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.target.unknown}>`,
    codes: '5..',
  }),
  {
    id: 'smtp/rcpt/refusal-keeps-transaction',
    rfc: 'RFC 5321 §3.3',
    level: 'must',
    requirement: 'A refused recipient does not end the transaction: others can follow.',
    needs: RECIPIENT,
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
    requirement: 'The syntax of source routes is recognised, even if the mail is then refused (not 50z).',
    needs: RECIPIENT,
    state: 'mail',
    async run(s) {
      const reply = await s.send(`RCPT TO:<@relay.example.org,@other.example.org:${s.recipient}>`)
      check(!isOneOf(reply.code, '50.|555'), 'the source route to be understood', quoted(reply))
    },
  },
  commandCase({
    id: 'smtp/rcpt/source-route-ignored',
    rfc: 'RFC 5321 §4.1.1.3',
    level: 'should',
    requirement: 'A source route is stripped off, and the mailbox behind it used as if it stood alone.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<@relay.example.org:${s.recipient}>`,
    codes: '25[01]',
  }),
  commandCase({
    id: 'smtp/rcpt/no-argument',
    rfc: 'RFC 5321 §4.1.1.3',
    level: 'must',
    requirement: 'RCPT without any argument is refused by a 5yz reply.',
    state: 'mail',
    line: 'RCPT',
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/rcpt/bad-syntax',
    rfc: 'RFC 5321 §4.1.1.3',
    level: 'should',
    requirement: 'A recipient whose closing bracket is missing is refused by a 5yz reply.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}`,
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/rcpt/null-path',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement: 'The null path is no recipient: RCPT TO:<> is refused by a 5yz reply.',
    state: 'mail',
    line: 'RCPT TO:<>',
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/rcpt/control-character',
    rfc: 'RFC 5321 §4.1.2',
    level: 'must',
    requirement:
      'A RCPT command with a control character behind a path that is taken without it is refused by a 5yz reply.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}>\x01`,
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/rcpt/unknown-parameter',
    rfc: 'RFC 5321 §4.1.1.11',
    level: 'must',
    requirement: 'A RCPT command with a parameter that the server does not know is refused by a 5yz reply.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}> XCONFORMANCE=1`,
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/rcpt/unknown-parameter-code',
    rfc: 'RFC 5321 §4.1.1.11',
    level: 'should',
    requirement: 'A RCPT command with a parameter that the server does not know is answered by 555.',
    needs: RECIPIENT,
    state: 'mail',
    line: (s) => `RCPT TO:<${s.recipient}> XCONFORMANCE=1`,
    codes: '555',
  }),
  {
    id: 'smtp/rcpt/local-part-64',
    rfc: 'RFC 5321 §4.5.3.1.1',
    level: 'must',
    requirement: 'A recipient with a local part of 64 octets is understood.',
    needs: RECIPIENT,
    state: 'mail',
    async run(s) {
      await understood(s, `RCPT TO:<${'a'.repeat(64)}@${domainOf(s.recipient)}>`)
    },
  },
  {
    id: 'smtp/rcpt/path-256',
    rfc: 'RFC 5321 §4.5.3.1.3',
    level: 'must',
    requirement: 'A forward-path of 256 octets, its brackets included, is understood.',
    state: 'mail',
    async run(s) {
      await understood(s, `RCPT TO:${PATH_256}`)
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
        const reply = await s.send(`RCPT TO:<${s.recipient}>`)
        check(isOneOf(reply.code, '25[01]'), `250 to recipient ${i}`, quoted(reply))
      }
      await s.send('RSET', '250')
    },
  },
  {
    id: 'smtp/rcpt/over-limit',
    rfc: 'RFC 5321 §4.5.3.1.10',
    level: 'must',
    requirement: `A server that takes fewer than ${TOO_MANY} recipients in a transaction refuses the ones too many by 452 (5yz where it is a policy), and the session goes on.`,
    needs: { recipient: true, consent: ['load'] },
    state: 'mail',
    async run(s) {
      for (let i = 1; i <= TOO_MANY; i++) {
        const { code, raw } = await s.send(`RCPT TO:<${s.recipient}>`)
        if (isOneOf(code, '25[01]')) continue
        check(isOneOf(code, '452|5..'), `452 or 5yz to recipient ${i}`, `"${visible(raw[0]!)}"`)
        await alive(s)
        await s.send('RSET', '250')
        return
      }
      await s.send('RSET', '250')
      throw new Skipped(`the server takes ${TOO_MANY} recipients`)
    },
  },
]
