// SMTP: STARTTLS.
import { Blocked, check, Skipped } from '../judgement.ts'
import { alive, base64, isOneOf, quoted, type Smtp } from './client.ts'
import { bareKeyword, commandCase, type SmtpCase } from './suite.ts'

const STARTTLS = { capabilities: ['STARTTLS'] } as const

/** TLS is on, and the session greeted anew. */
async function secured(s: Smtp): Promise<void> {
  await s.startTls()
  await s.ehlo()
}

export const startTlsCases: readonly SmtpCase[] = [
  bareKeyword('smtp/starttls/no-parameters', 'RFC 3207 §3', 'STARTTLS'),
  {
    id: 'smtp/starttls/handshake',
    rfc: 'RFC 3207 §4',
    level: 'must',
    requirement: 'STARTTLS is answered by 220, and a TLS handshake follows.',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      await secured(s)
    },
  },
  {
    ...commandCase({
      id: 'smtp/starttls/argument',
      rfc: 'RFC 3207 §4',
      level: 'must',
      requirement: 'STARTTLS takes no parameter: one is answered by 501.',
      needs: STARTTLS,
      line: 'STARTTLS now',
      codes: '501',
    }),
    ending: 'any',
  },
  {
    id: 'smtp/starttls/enhanced-code',
    rfc: 'RFC 2034 §4',
    level: 'must',
    requirement:
      'The 220 to STARTTLS begins with an enhanced status code of class 2, where the server announces those codes.',
    needs: { capabilities: ['STARTTLS', 'ENHANCEDSTATUSCODES'] },
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      const reply = await s.send('STARTTLS', '220')
      check(/^2\.\d{1,3}\.\d{1,3} /.test(reply.lines[0]!), '2.x.x', quoted(reply))
    },
  },
  {
    id: 'smtp/starttls/not-announced-again',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement: 'Within TLS, STARTTLS is not announced.',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      await secured(s)
      check(!s.has('STARTTLS'), 'no STARTTLS', [...s.capabilities.keys()].join(', '))
    },
  },
  {
    id: 'smtp/starttls/not-twice',
    rfc: 'RFC 3207 §4.2',
    level: 'should',
    requirement: 'A second STARTTLS within TLS is refused by a 4yz or 5yz reply.',
    needs: STARTTLS,
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await secured(s)
      await s.send('STARTTLS', '[45]..')
    },
  },
  {
    id: 'smtp/starttls/discards-commands',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement: 'Commands that came in the clear behind STARTTLS are answered neither in the clear nor within TLS.',
    needs: STARTTLS,
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.wire.write('STARTTLS\r\nNOOP injected\r\n')
      const { code } = await s.expect('STARTTLS')
      // refusing the whole is as good
      if (code !== 220) return
      await s.wire.speaks(200)
      check(s.wire.waiting() === '', 'nothing in the clear behind 220', JSON.stringify(s.wire.waiting()))
      try {
        await s.wire.startTls()
      } catch {
        // the server took the command for a part of the handshake
        return
      }
      await s.wire.write('QUIT\r\n')
      const reply = await s.replyOrEnd('QUIT')
      check(reply === null || isOneOf(reply.code, '221|503|421'), 'the reply to QUIT first', reply ? quoted(reply) : '')
    },
  },
  {
    id: 'smtp/starttls/discards-transaction',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement:
      'The handshake resets the session: a transaction from before is gone, without any EHLO (RCPT: 503, or 530).',
    needs: { ...STARTTLS, recipient: true },
    state: 'ehlo',
    async run(s) {
      const mail = await s.send(`MAIL FROM:<${s.target.from}>`)
      if (mail.code !== 250) throw new Skipped('the server begins no transaction in the clear')
      const { code } = await s.send('STARTTLS')
      if (code !== 220) throw new Skipped('the server takes no STARTTLS within a transaction')
      await s.wire.startTls()
      await s.send(`RCPT TO:<${s.recipient}>`, '503|530')
    },
  },
  {
    id: 'smtp/starttls/discards-hello',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement:
      'The server forgets the EHLO from before the handshake: where MAIL before EHLO is answered by 503, it is so within TLS until EHLO comes again.',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      const fresh = await s.another()
      const before = await fresh.send(`MAIL FROM:<${s.target.from}>`)
      if (before.code !== 503) throw new Skipped('the server does not insist on EHLO')
      await s.startTls()
      await s.send(`MAIL FROM:<${s.target.from}>`, '503')
    },
  },
  {
    id: 'smtp/starttls/discards-login',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement: 'The server forgets a login from before the handshake: AUTH is possible again (not 503).',
    needs: { ...STARTTLS, account: true },
    state: 'ehlo',
    async run(s) {
      if (!s.capabilities.get('AUTH')?.includes('PLAIN')) throw new Skipped('no AUTH PLAIN before TLS')
      const secret = base64(`\0${s.target.user}\0${s.target.password}`)
      const login = await s.send(`AUTH PLAIN ${secret}`)
      if (login.code !== 235) throw new Blocked(`login failed: ${quoted(login)}`)
      const { code } = await s.send('STARTTLS')
      if (code !== 220) throw new Skipped('the server takes no STARTTLS behind AUTH')
      await s.wire.startTls()
      await s.ehlo()
      if (!s.has('AUTH')) return
      await s.send(`AUTH PLAIN ${secret}`, '235')
    },
  },
  {
    id: 'smtp/starttls/session',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement:
      'The session within TLS is a whole one: NOOP, RSET and HELP or VRFY have their replies, and QUIT closes it.',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      await secured(s)
      await s.send('RSET', '250')
      await s.send('VRFY postmaster')
      await alive(s)
    },
  },
  {
    id: 'smtp/starttls/message',
    rfc: 'RFC 3207 §4.2',
    level: 'must',
    requirement: 'A message is taken within TLS.',
    needs: { ...STARTTLS, recipient: true, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.startTls()
      await s.begin()
      await s.message('Text.\r\n')
    },
  },
  {
    id: 'smtp/starttls/required-code',
    rfc: 'RFC 3207 §4',
    level: 'should',
    requirement:
      'A server that wants TLS first says so by 530 (judged: its reply to MAIL in the clear, where it refuses that and takes MAIL within TLS).',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      const plain = await s.send(`MAIL FROM:<${s.target.from}>`)
      if (isOneOf(plain.code, '2..')) throw new Skipped('the server takes mail in the clear')
      const other = await s.another()
      await other.ehlo()
      await secured(other)
      const inside = await other.send(`MAIL FROM:<${s.target.from}>`)
      if (!isOneOf(inside.code, '2..')) throw new Skipped('the server wants more than TLS')
      check(plain.code === 530, '530', quoted(plain))
    },
  },
  {
    id: 'smtp/starttls/free-commands',
    rfc: 'RFC 3207 §4',
    level: 'should',
    requirement: 'NOOP, EHLO and QUIT are not answered by 530 before TLS.',
    needs: STARTTLS,
    state: 'ehlo',
    async run(s) {
      for (const line of ['NOOP', `EHLO ${s.target.helo}`, 'NOOP']) {
        const reply = await s.send(line)
        check(reply.code !== 530, 'no 530', quoted(reply))
      }
    },
  },
]
