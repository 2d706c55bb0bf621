// SMTP: RSET, NOOP, HELP, QUIT, unknown commands, and the limits on command lines.
import { check, Skipped, visible } from '../judgement.ts'
import { alive, isOneOf, quoted } from './client.ts'
import { commandCase, type SmtpCase } from './suite.ts'

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
      const { code } = await s.send('DATA', '354|[45]..')
      if (code === 354) await s.endData('', '[45]..')
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
      const reply = await s.send(`MAIL FROM:<${s.target.from}>`)
      check(isOneOf(reply.code, '250|530'), '250 to MAIL', quoted(reply))
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
    id: 'smtp/rset/after-message',
    rfc: 'RFC 5321 §4.1.1.5',
    level: 'must',
    requirement: 'RSET behind the end of a message has no effect: 250, and a new transaction can begin.',
    needs: { recipient: true, consent: ['mail'] },
    state: 'data',
    async run(s) {
      await s.endData(`${s.header()}Text.\r\n`)
      await s.send('RSET', '250')
      await s.mail()
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
  commandCase({
    id: 'smtp/help/before-ehlo',
    rfc: 'RFC 5321 §4.1.4',
    level: 'should',
    requirement: 'HELP is processed normally before EHLO: not answered by 503.',
    state: 'greeted',
    line: 'HELP',
    codes: '21[14]|50[024]',
  }),
  commandCase({
    id: 'smtp/help/code',
    rfc: 'RFC 5321 §4.3.2',
    level: 'should',
    requirement: 'HELP is answered by 211 or 214, or refused by 500, 502 or 504.',
    line: 'HELP',
    codes: '21[14]|50[024]',
  }),
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
    id: 'smtp/quit/only-behind',
    rfc: 'RFC 5321 §4.1.1.10',
    level: 'must',
    requirement:
      'The server does not close the connection before QUIT because of an error (judged: DATA, MAIL and RCPT out of order or wrong).',
    state: 'ehlo',
    async run(s) {
      for (const line of ['RCPT TO:<a@example.org>', 'MAIL', 'DATA x']) {
        const { code } = await s.send(line)
        check(code !== 421, 'no end of the session', String(code))
      }
      await alive(s)
    },
  },
  commandCase({
    id: 'smtp/turn/refused',
    rfc: 'RFC 5321 §F.1',
    level: 'should',
    requirement: 'TURN, which would give mail away to whoever asks, is refused by a 5yz reply.',
    line: 'TURN',
    codes: '5..',
  }),
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
  commandCase({
    id: 'smtp/unknown/longer-verb',
    rfc: 'RFC 5321 §4.1.1',
    level: 'must',
    requirement: 'A verb ends at a space or the line end: NOOPX is not NOOP, and is refused by a 5yz reply.',
    line: 'NOOPX',
    codes: '5..',
  }),
  commandCase({
    id: 'smtp/unknown/empty-line',
    rfc: 'RFC 5321 §4.2',
    level: 'should',
    requirement: 'An empty line is a command that is not recognised: it has its one reply, a 5yz.',
    line: '',
    codes: '5..',
  }),
  {
    id: 'smtp/unknown/non-ascii',
    rfc: 'RFC 5321 §2.4',
    level: 'should',
    requirement:
      'A command line with octets above 127 for its verb is refused by a 5yz reply, and the session goes on.',
    state: 'ehlo',
    async run(s) {
      await s.send('N\xd6\xd6P', '5..')
      await alive(s)
    },
  },
  {
    id: 'smtp/limits/line-512',
    rfc: 'RFC 5321 §4.5.3.1.4',
    level: 'must',
    requirement:
      'A command line of 512 octets, CR LF included, is taken: NOOP with a string that long as with a short one.',
    state: 'ehlo',
    async run(s) {
      const { code } = await s.send('NOOP x')
      if (code !== 250) throw new Skipped('the server takes no string behind NOOP')
      await s.send(`NOOP ${'x'.repeat(505)}`, '250')
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
      const first = await s.replyOrEnd('an overlong line')
      if (first === null || first.code === 421) return
      await s.wire.write('QUIT\r\n')
      const second = await s.replyOrEnd('QUIT')
      check(second === null || isOneOf(second.code, '221|421'), '221 to QUIT', second === null ? '' : quoted(second))
    },
  },
  {
    id: 'smtp/limits/too-long-code',
    rfc: 'RFC 5321 §4.5.3.1.9',
    level: 'should',
    requirement: 'A command line that is too long for the server is answered by 500 or 501, or by 421 and the end.',
    needs: { consent: ['load'] },
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.wire.write(`XCONFORMANCE ${'x'.repeat(LONG)}\r\n`)
      const reply = await s.replyOrEnd('an overlong line')
      check(
        reply !== null && isOneOf(reply.code, '50[01]|421'),
        '500',
        reply === null ? 'the end of the connection' : quoted(reply),
      )
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
