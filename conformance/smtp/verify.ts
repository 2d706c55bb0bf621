// SMTP: VRFY and EXPN.
import { check, Skipped } from '../judgement.ts'
import { isOneOf, quoted, type Smtp } from './client.ts'
import { commandCase, type SmtpCase } from './suite.ts'

const RECIPIENT = { recipient: true } as const
const MAILBOX = /(?:^|[\s<])[^\s<>@]+@[^\s<>@]+/

/** VRFY of the recipient where the server answers it by 250; throws Skipped elsewhere. */
async function verified(s: Smtp): Promise<readonly string[]> {
  const { code, lines } = await s.send(`VRFY ${s.recipient}`)
  if (code !== 250) throw new Skipped('the server does not verify')
  return lines
}

/** VRFY or EXPN leaves a transaction alone. */
const keepsTransaction = (verb: 'VRFY' | 'EXPN', rfc: string): SmtpCase => ({
  id: `smtp/${verb.toLowerCase()}/keeps-transaction`,
  rfc,
  level: 'must',
  requirement: `${verb} has no effect on an open transaction: RCPT is taken behind it.`,
  needs: RECIPIENT,
  state: 'mail',
  async run(s) {
    await s.send(`${verb} ${s.recipient}`)
    await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
  },
})

export const verifyCases: readonly SmtpCase[] = [
  {
    id: 'smtp/vrfy/supported',
    rfc: 'RFC 5321 §4.5.1',
    level: 'should',
    requirement: 'VRFY is supported, if only by 252 (a site may switch it off): it is not answered by 500 or 502.',
    state: 'ehlo',
    async run(s) {
      const reply = await s.send(`VRFY ${s.target.rcpt ?? 'postmaster'}`)
      check(!isOneOf(reply.code, '50[02]'), 'VRFY to be known', quoted(reply))
    },
  },
  {
    id: 'smtp/vrfy/code',
    rfc: 'RFC 5321 §4.3.2',
    level: 'should',
    requirement: 'VRFY is answered by 250, 251, 252, 550, 551, 553, 502 or 504 (500 where it is switched off).',
    needs: RECIPIENT,
    state: 'ehlo',
    async run(s) {
      for (const name of [s.recipient, s.target.unknown]) await s.send(`VRFY ${name}`, '25[0-2]|55[013]|50[024]')
    },
  },
  {
    id: 'smtp/vrfy/unknown-not-250',
    rfc: 'RFC 5321 §3.5.3',
    level: 'must',
    requirement:
      'VRFY is not answered by 250 for an address that was not verified (judged: a mailbox that does not exist).',
    needs: RECIPIENT,
    state: 'ehlo',
    async run(s) {
      const reply = await s.send(`VRFY ${s.target.unknown}`)
      check(reply.code !== 250, 'no 250', quoted(reply))
    },
  },
  {
    id: 'smtp/vrfy/250-gives-mailbox',
    rfc: 'RFC 5321 §3.5.2',
    level: 'must',
    requirement: 'A 250 to VRFY gives the mailbox as local-part@domain.',
    needs: RECIPIENT,
    state: 'ehlo',
    async run(s) {
      const lines = await verified(s)
      check(MAILBOX.test(lines[0]!), 'a mailbox', `"${lines[0]}"`)
    },
  },
  {
    id: 'smtp/vrfy/no-source-route',
    rfc: 'RFC 5321 §3.5.2',
    level: 'must',
    requirement: 'A 250 to VRFY gives no source route (@host:mailbox).',
    needs: RECIPIENT,
    state: 'ehlo',
    async run(s) {
      const lines = await verified(s)
      check(!lines.some((line) => /<?@[^\s:>]+:/.test(line)), 'no source route', `"${lines[0]}"`)
    },
  },
  {
    id: 'smtp/vrfy/usable',
    rfc: 'RFC 5321 §3.5.2',
    level: 'must',
    requirement: 'The address that a 250 to VRFY gives is usable in RCPT.',
    needs: RECIPIENT,
    state: 'mail',
    async run(s) {
      const found = MAILBOX.exec((await verified(s))[0]!)
      if (!found) throw new Skipped('the server gives no address')
      await s.send(`RCPT TO:<${found[0].replace(/^[\s<]/, '')}>`, '25[01]')
    },
  },
  keepsTransaction('VRFY', 'RFC 5321 §4.1.1.6'),
  {
    id: 'smtp/vrfy/before-ehlo',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement: 'VRFY is processed normally before EHLO: not answered by 503.',
    state: 'greeted',
    async run(s) {
      const reply = await s.send('VRFY nobody-of-this-name')
      check(reply.code !== 503, 'no 503', quoted(reply))
    },
  },
  commandCase({
    id: 'smtp/vrfy/no-argument',
    rfc: 'RFC 5321 §4.1.1.6',
    level: 'must',
    requirement: 'VRFY without an argument is refused by a 5yz reply.',
    line: 'VRFY',
    codes: '5..',
  }),
  {
    id: 'smtp/expn/supported',
    rfc: 'RFC 5321 §3.5.1',
    level: 'should',
    requirement: 'EXPN is supported: it is not answered by 500 or 502 (a site may switch it off, as §7.3 has it).',
    state: 'ehlo',
    async run(s) {
      const reply = await s.send('EXPN postmaster')
      check(!isOneOf(reply.code, '50[02]'), 'EXPN to be known', quoted(reply))
    },
  },
  {
    id: 'smtp/ehlo/lists-expn',
    rfc: 'RFC 5321 §3.5.2',
    level: 'must',
    requirement: 'EXPN, where it is supported (answered by 2yz), is listed in the reply to EHLO.',
    state: 'ehlo',
    async run(s) {
      const reply = await s.send('EXPN postmaster')
      check(s.has('EXPN') || !isOneOf(reply.code, '2..'), 'no EXPN where it is not listed', quoted(reply))
    },
  },
  {
    id: 'smtp/expn/unknown-not-250',
    rfc: 'RFC 5321 §3.5.3',
    level: 'must',
    requirement:
      'EXPN is not answered by 250 for an address that was not verified (judged: a list that does not exist).',
    state: 'ehlo',
    async run(s) {
      const reply = await s.send('EXPN nobody-of-this-name')
      check(reply.code !== 250, 'no 250', quoted(reply))
    },
  },
  {
    id: 'smtp/expn/before-ehlo',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement: 'EXPN is processed normally before EHLO: not answered by 503.',
    state: 'greeted',
    async run(s) {
      const reply = await s.send('EXPN nobody-of-this-name')
      check(reply.code !== 503, 'no 503', quoted(reply))
    },
  },
  keepsTransaction('EXPN', 'RFC 5321 §4.1.1.7'),
]
