// SMTP: RSET, NOOP, HELP, VRFY, QUIT, unknown commands, and the limits on command lines.
import { check, Skipped, visible } from '../judgement.ts'
import { alive, isOneOf } from './client.ts'
import type { SmtpCase } from './suite.ts'

const LONG = 20_000

export const sessionCases: readonly SmtpCase[] = [
  {
    id: 'smtp/rset/ok',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET is answered by 250.',
    state: 'ehlo',
    async run(s) {
      await s.send('RSET', '250')
    },
  },
  {
    id: 'smtp/rset/clears-transaction',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET discards the sender: RCPT behind it is out of order.',
    needs: { recipient: true },
    state: 'rcpt',
    async run(s) {
      await s.send('RSET', '250')
      await s.send(`RCPT TO:<${s.recipient}>`, '503')
    },
  },
  {
    id: 'smtp/rset/clears-recipients',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET discards the recipients: DATA in the next transaction has none.',
    needs: { recipient: true },
    state: 'rcpt',
    async run(s) {
      await s.send('RSET', '250')
      await s.mail()
      const { code } = await s.send('DATA', '503|554|354|451|550')
      if (code !== 354) return
      await s.wire.write('.\r\n')
      await s.expect('the end of a message without recipients', '[45]..')
    },
  },
  {
    id: 'smtp/rset/keeps-greeting',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET right behind EHLO has no effect: MAIL needs no new EHLO.',
    state: 'ehlo',
    async run(s) {
      await s.send('RSET', '250')
      const { code, raw } = await s.send(`MAIL FROM:<${s.target.from}>`)
      check(isOneOf(code, '250|530'), '250 to MAIL', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/rset/stays-open',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET does not close the connection.',
    state: 'ehlo',
    async run(s) {
      await s.send('RSET', '250')
      await alive(s)
    },
  },
  {
    id: 'smtp/rset/before-ehlo',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement: 'RSET is not answered by 503 before EHLO.',
    state: 'greeted',
    async run(s) {
      await s.send('RSET', '250')
    },
  },
  {
    id: 'smtp/rset/argument',
    rfc: 'RFC 5321 §4.1.1',
    level: 'should',
    requirement: 'RSET takes no parameter: one is a syntax error.',
    state: 'ehlo',
    async run(s) {
      await s.send('RSET now', '50[01]')
    },
  },
  {
    id: 'smtp/noop/ok',
    rfc: 'RFC 5321 §4.1.1.9',
    level: 'must',
    requirement: 'NOOP is answered by 250.',
    state: 'ehlo',
    async run(s) {
      await s.send('NOOP', '250')
    },
  },
  {
    id: 'smtp/noop/argument',
    rfc: 'RFC 5321 §4.1.1.9',
    level: 'should',
    requirement: 'A string behind NOOP is ignored.',
    state: 'ehlo',
    async run(s) {
      await s.send('NOOP anything', '250')
    },
  },
  {
    id: 'smtp/noop/keeps-transaction',
    rfc: 'RFC 5321 §4.1.1.9',
    level: 'must',
    requirement: 'NOOP has no effect on an open transaction.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send('NOOP', '250')
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/noop/before-ehlo',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement: 'NOOP is not answered by 503 before EHLO.',
    state: 'greeted',
    async run(s) {
      await s.send('NOOP', '250')
    },
  },
  {
    id: 'smtp/help/supported',
    rfc: 'RFC 5321 §4.1.1.8',
    level: 'should',
    requirement: 'HELP without an argument gives help: 211 or 214.',
    state: 'ehlo',
    async run(s) {
      await s.send('HELP', '21[14]')
    },
  },
  {
    id: 'smtp/help/keeps-transaction',
    rfc: 'RFC 5321 §4.1.1.8',
    level: 'must',
    requirement: 'HELP has no effect on an open transaction.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send('HELP')
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/vrfy/supported',
    rfc: 'RFC 5321 §4.5.1',
    level: 'should',
    requirement: 'VRFY is supported, if only by 252 (a site may switch it off).',
    state: 'ehlo',
    async run(s) {
      const { code, raw } = await s.send(`VRFY ${s.target.rcpt ?? 'postmaster'}`)
      check(!isOneOf(code, '50[02]'), 'VRFY to be known', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/vrfy/unknown-not-250',
    rfc: 'RFC 5321 §3.5.3',
    level: 'must',
    requirement: 'VRFY is not answered by 250 for an address that was not verified.',
    needs: { recipient: true },
    state: 'ehlo',
    async run(s) {
      const { code, raw } = await s.send(`VRFY ${s.target.unknown}`)
      check(code !== 250, 'no 250', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/vrfy/250-gives-mailbox',
    rfc: 'RFC 5321 §3.5.2',
    level: 'must',
    requirement: 'A 250 to VRFY gives the mailbox as local-part@domain.',
    needs: { recipient: true },
    state: 'ehlo',
    async run(s) {
      const { code, lines } = await s.send(`VRFY ${s.recipient}`)
      if (code !== 250) throw new Skipped('the server does not verify')
      check(/[^\s<]+@[^\s>]+/.test(lines[0]!), 'a mailbox', `"${visible(lines[0]!)}"`)
    },
  },
  {
    id: 'smtp/vrfy/keeps-transaction',
    rfc: 'RFC 5321 §4.1.1.6',
    level: 'must',
    requirement: 'VRFY has no effect on an open transaction.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send(`VRFY ${s.recipient}`)
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/quit/221',
    rfc: 'RFC 5321 §4.1.1.10',
    level: 'must',
    requirement: 'QUIT is answered by 221.',
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.send('QUIT', '221')
    },
  },
  {
    id: 'smtp/quit/closes',
    rfc: 'RFC 5321 §4.1.1.10',
    level: 'must',
    requirement: 'The server closes the connection once it has answered QUIT.',
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.send('QUIT')
      await s.wire.closed()
    },
  },
  {
    id: 'smtp/quit/before-ehlo',
    rfc: 'RFC 5321 §4.1.1.10',
    level: 'must',
    requirement: 'QUIT may come at any time, also before EHLO.',
    state: 'greeted',
    ending: 'any',
    async run(s) {
      await s.send('QUIT', '221')
    },
  },
  {
    id: 'smtp/quit/in-transaction',
    rfc: 'RFC 5321 §4.1.1.10',
    level: 'must',
    requirement: 'QUIT may come within an open transaction.',
    needs: { recipient: true },
    state: 'rcpt',
    ending: 'any',
    async run(s) {
      await s.send('QUIT', '221')
    },
  },
  {
    id: 'smtp/quit/argument',
    rfc: 'RFC 5321 §4.1.1',
    level: 'should',
    requirement: 'QUIT takes no parameter: one is a syntax error.',
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.send('QUIT now', '50[01]')
    },
  },
  {
    id: 'smtp/unknown/code',
    rfc: 'RFC 5321 §4.2.4',
    level: 'should',
    requirement: 'A command that is not recognised is answered by 500.',
    state: 'ehlo',
    async run(s) {
      await s.send('XCONFORMANCE', '500')
    },
  },
  {
    id: 'smtp/unknown/refused',
    rfc: 'RFC 5321 §4.3.2',
    level: 'must',
    requirement: 'A command that is not recognised is refused by a 5yz reply.',
    state: 'ehlo',
    async run(s) {
      await s.send('XCONFORMANCE', '5..')
    },
  },
  {
    id: 'smtp/unknown/stays-open',
    rfc: 'RFC 5321 §3.8',
    level: 'must',
    requirement: 'The server does not close the connection because of a command that it does not understand.',
    state: 'ehlo',
    async run(s) {
      await s.send('XCONFORMANCE')
      await alive(s)
    },
  },
  {
    id: 'smtp/unknown/keeps-transaction',
    rfc: 'RFC 5321 §4.1.4',
    level: 'must',
    requirement: 'A command that is not recognised does not disturb an open transaction.',
    needs: { recipient: true },
    state: 'mail',
    async run(s) {
      await s.send('XCONFORMANCE', '5..')
      await s.send(`RCPT TO:<${s.recipient}>`, '25[01]')
    },
  },
  {
    id: 'smtp/limits/line-512',
    rfc: 'RFC 5321 §4.5.3.1.4',
    level: 'must',
    requirement: 'A command line of 512 octets, CR LF included, is taken.',
    state: 'ehlo',
    async run(s) {
      const { code, raw } = await s.send(`NOOP ${'x'.repeat(505)}`)
      // a server may refuse the string, not the length
      check(isOneOf(code, '250|501|504'), '250', `"${visible(raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/limits/too-long-one-reply',
    rfc: 'RFC 5321 §4.2',
    level: 'must',
    requirement:
      'An overlong command line is one command with one reply (or the end of the session), however it is read.',
    needs: { consent: ['load'] },
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.wire.write(`NOOP ${'NOOP '.repeat(LONG / 5)}\r\n`)
      const first = await s.expect('an overlong line')
      check(isOneOf(first.code, '[245]..'), 'a reply', `"${visible(first.raw[0]!)}"`)
      if (first.code === 421 || s.wire.over) return
      await s.wire.write('QUIT\r\n')
      if (s.wire.over) return
      const second = await s.expect('QUIT')
      check(second.code === 221, '221 to QUIT', `"${visible(second.raw[0]!)}"`)
    },
  },
  {
    id: 'smtp/limits/octet-by-octet',
    rfc: 'RFC 5321 §2.3.8',
    level: 'must',
    requirement: 'A line is what CR LF ends, however it is cut into packets.',
    state: 'ehlo',
    async run(s) {
      for (const octet of 'NOOP\r\n') {
        check(s.wire.waiting() === '', 'no reply before the line is whole', `"${visible(s.wire.waiting())}"`)
        await s.wire.write(octet)
        await s.wire.speaks(20)
      }
      await s.expect('NOOP', '250')
    },
  },
]
