// SMTP: PIPELINING. NOOP, DATA and commands of other extensions only end a group (RFC 2920 §3.1).
import { check, visible } from '../judgement.ts'
import { alive } from './client.ts'
import { bareKeyword, type SmtpCase } from './suite.ts'

const PIPELINING = { capabilities: ['PIPELINING'] } as const
const WITH_RECIPIENT = { ...PIPELINING, recipient: true } as const
const MANY = 100

export const pipeliningCases: readonly SmtpCase[] = [
  bareKeyword('smtp/pipelining/no-parameters', 'RFC 2920 §2', 'PIPELINING'),
  {
    id: 'smtp/pipelining/order',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement:
      'Commands sent as one group (RSET, a RCPT that comes too early, MAIL, RCPT, RSET, NOOP) are answered in their order, none of them lost.',
    needs: WITH_RECIPIENT,
    state: 'ehlo',
    async run(s) {
      const to = `RCPT TO:<${s.recipient}>\r\n`
      await s.wire.write(`RSET\r\n${to}MAIL FROM:<${s.target.from}>\r\n${to}RSET\r\nNOOP\r\n`)
      await s.expect('RSET', '250')
      await s.expect('the RCPT before MAIL', '503')
      await s.expect('MAIL', '250')
      await s.expect('RCPT', '25[01]')
      await s.expect('RSET', '250')
      await s.expect('NOOP', '250')
    },
  },
  {
    id: 'smtp/pipelining/errors-in-place',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement:
      'A refused RCPT in the middle of a group has its own reply at its place, and the commands behind it are carried out.',
    needs: WITH_RECIPIENT,
    state: 'ehlo',
    async run(s) {
      const to = `RCPT TO:<${s.recipient}>\r\n`
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\n${to}RCPT TO:<>\r\n${to}RSET\r\n`)
      await s.expect('MAIL', '250')
      await s.expect('the first RCPT', '25[01]')
      await s.expect('RCPT TO:<>', '[45]..')
      await s.expect('the third RCPT', '25[01]')
      await s.expect('RSET', '250')
    },
  },
  {
    id: 'smtp/pipelining/cut-within-command',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement:
      'Replies are sent as soon as the input is empty, and what stands there is kept: a group may end in the middle of a command.',
    needs: PIPELINING,
    state: 'ehlo',
    async run(s) {
      await s.wire.write('RSET\r\nRSET\r\nNO')
      await s.expect('RSET', '250')
      await s.expect('RSET', '250')
      check(s.wire.waiting() === '', 'no reply to half a command', `"${visible(s.wire.waiting())}"`)
      await s.wire.write('OP\r\n')
      await s.expect('NOOP', '250')
    },
  },
  {
    id: 'smtp/pipelining/refused-mail',
    rfc: 'RFC 2920 §3.1',
    level: 'must',
    requirement:
      'When MAIL is refused, the RCPT that was sent with it is refused too, and DATA leads to no accepted message; each has its own reply.',
    needs: WITH_RECIPIENT,
    state: 'ehlo',
    async run(s) {
      await s.wire.write(`MAIL FROM:\r\nRCPT TO:<${s.recipient}>\r\nDATA\r\n`)
      await s.expect('MAIL', '[45]..')
      await s.expect('RCPT', '[45]..')
      const { code } = await s.expect('DATA', '354|[45]..')
      if (code === 354) await s.endData('', '[45]..')
      await alive(s)
    },
  },
  {
    id: 'smtp/pipelining/data-wants-recipients',
    rfc: 'RFC 2920 §3.2',
    level: 'should',
    requirement:
      'DATA is answered by 354 only when a recipient was accepted: not when the RCPT of its group was refused.',
    needs: PIPELINING,
    state: 'ehlo',
    async run(s) {
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\nRCPT TO:<>\r\nDATA\r\n`)
      await s.expect('MAIL', '250')
      await s.expect('RCPT TO:<>', '[45]..')
      const reply = await s.expect('DATA')
      if (reply.code === 354) await s.endData('', '[45]..')
      s.demand(reply, '[45]..', 'DATA')
    },
  },
  {
    id: 'smtp/pipelining/no-mail-from-nothing',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement: 'A message that follows a 354 given without a valid recipient is not accepted.',
    needs: PIPELINING,
    state: 'mail',
    async run(s) {
      await s.wire.write('RCPT TO:<>\r\nDATA\r\n')
      await s.expect('RCPT TO:<>', '[45]..')
      const { code } = await s.expect('DATA', '354|[45]..')
      if (code === 354) await s.endData('', '[45]..')
    },
  },
  {
    id: 'smtp/pipelining/message',
    rfc: 'RFC 2920 §3.1',
    level: 'must',
    requirement:
      'MAIL, RCPT and DATA may be sent as one group, and the next group (RSET, MAIL, NOOP) right behind the end of the message.',
    needs: { ...WITH_RECIPIENT, consent: ['mail'] },
    state: 'ehlo',
    async run(s) {
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\nRCPT TO:<${s.recipient}>\r\nDATA\r\n`)
      await s.expect('MAIL', '250')
      await s.expect('RCPT', '25[01]')
      await s.expect('DATA', '354')
      await s.wire.write(`${s.header()}Text.\r\n.\r\nRSET\r\nMAIL FROM:<${s.target.from}>\r\nNOOP\r\n`)
      await s.expect('the end of the message', '250')
      await s.expect('RSET', '250')
      await s.expect('MAIL', '250')
      await s.expect('NOOP', '250')
    },
  },
  {
    id: 'smtp/pipelining/quit-last',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement: 'A group that ends in QUIT is answered as a whole before the server closes.',
    needs: WITH_RECIPIENT,
    state: 'ehlo',
    ending: 'any',
    async run(s) {
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\nRCPT TO:<${s.recipient}>\r\nQUIT\r\n`)
      await s.expect('MAIL', '250')
      await s.expect('RCPT', '25[01]')
      await s.expect('QUIT', '221')
      await s.wire.closed()
    },
  },
  {
    id: 'smtp/pipelining/large-group',
    rfc: 'RFC 2920 §3.2',
    level: 'must',
    requirement: `Nothing of the input is lost: a group of MAIL, ${MANY} RCPT and RSET has a reply for each.`,
    needs: { ...WITH_RECIPIENT, consent: ['load'] },
    state: 'ehlo',
    async run(s) {
      const recipients = `RCPT TO:<${s.recipient}>\r\n`.repeat(MANY)
      await s.wire.write(`MAIL FROM:<${s.target.from}>\r\n${recipients}RSET\r\n`)
      await s.expect('MAIL', '250')
      for (let i = 1; i <= MANY; i++) await s.expect(`RCPT ${i}`, '25[01]')
      await s.expect('RSET', '250')
    },
  },
]
