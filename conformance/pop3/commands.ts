// POP3: the form of commands and responses, and what no command is.
import { check, Skipped, visible } from '../judgement.ts'
import { ACCOUNT, DELETING, NONE, optional, refuses, SOME, splitMessage, transaction, uidls } from './facts.ts'
import type { Pop3Case } from './suite.ts'

/** 2^32 + 1 and 2^64 + 1: numbers that are 1 when they are cut. */
const WRAPPED = ['4294967297', '18446744073709551617'] as const

const unknown = (slug: string, line: string, requirement: string): Pop3Case =>
  transaction(`commands/${slug}`, '3', requirement, ACCOUNT, async (p) => {
    await p.send(line, '-ERR')
    await p.send('NOOP', '+OK')
  })

/** The server may close behind what it cannot read. */
const mayClose = (one: Pop3Case): Pop3Case => ({ ...one, ending: 'any' })

export const commandCases: readonly Pop3Case[] = [
  transaction('responses/upper-case', '3', 'Status indicators are in upper case.', ACCOUNT, async (p) => {
    for (const line of ['noop', 'xconformance']) {
      const { raw } = await p.send(line)
      check(/^(\+OK|-ERR)\b/.test(raw), '+OK or -ERR', `"${visible(raw)}"`)
    }
  }),
  transaction('responses/ascii', '3', 'The first lines of responses are printable ASCII.', ACCOUNT, async (p) => {
    const texts = [p.greeting]
    for (const line of ['STAT', 'NOOP', 'XCONFORMANCE', `RETR ${NONE}`]) texts.push((await p.send(line)).raw)
    const strange = texts.find((text) => /[^\x20-\x7e]/.test(text))
    check(strange === undefined, 'printable ASCII', visible(strange ?? ''))
  }),
  unknown('empty', '', 'An empty line is no command: -ERR.'),
  unknown('longer', 'NOOPS', 'A keyword with a letter more is another one: -ERR.'),
  unknown('shorter', 'NOO', 'A keyword with a letter less is another one: -ERR.'),
  unknown('eight-bit', 'N\xcfOP', 'A keyword with an octet above 127 is none: -ERR.'),
  mayClose(
    transaction(
      'commands/too-long',
      '3',
      'A command line of 4000 octets is refused, and no part of it is taken for a command.',
      ACCOUNT,
      async (p) => {
        await p.wire.write(`XCONFORMANCE ${'x'.repeat(4000)} STAT\r\n`)
        await p.wire.speaks(p.target.answerMs)
        if (p.wire.over) return
        await p.response('a long line', '-ERR')
        await p.wire.write('NOOP\r\n')
        await p.wire.speaks(p.target.answerMs)
        if (!p.wire.over) await p.response('NOOP', '+OK')
      },
      'should',
    ),
  ),
  transaction(
    'commands/superfluous-argument',
    '3',
    'An argument where none is allowed makes a command invalid: -ERR.',
    ACCOUNT,
    async (p) => {
      await p.send('NOOP something', '-ERR')
    },
    'may',
  ),
  refuses('list/wrapped-number', '5', `LIST ${WRAPPED[0]}`, 'LIST of a number beyond 32 bits is answered by -ERR.'),
  refuses('list/negative', '5', 'LIST -1', 'LIST of a negative number is answered by -ERR.'),
  transaction('list/none-left', '5', 'LIST gives no line when no message is left.', DELETING, async (p) => {
    const { count } = await p.stat()
    if (count > 200) throw new Skipped('there are too many messages to mark')
    for (let n = 1; n <= count; n++) await p.send(`DELE ${n}`, '+OK')
    const lines = await p.multi('LIST')
    const { count: left, size } = await p.stat()
    await p.send('RSET', '+OK')
    check(lines.length === 0, 'no line', lines.join(', '))
    check(left === 0 && size === 0, '0 messages of 0 octets', `${left} of ${size}`)
  }),
  refuses('retr/zero', '5', 'RETR 0', 'RETR 0 is answered by -ERR.'),
  refuses('retr/not-a-number', '5', 'RETR one', 'RETR of what is no number is answered by -ERR.'),
  refuses('retr/wrapped-number', '5', `RETR ${WRAPPED[1]}`, 'RETR of a number beyond 64 bits is answered by -ERR.'),
  transaction('retr/keeps', '5', 'RETR marks nothing as deleted.', SOME, async (p) => {
    const before = await p.stat()
    await p.multi('RETR 1')
    const after = await p.stat()
    check(after.count === before.count && after.size === before.size, `${before.count} messages`, String(after.count))
  }),
  refuses('dele/zero', '5', 'DELE 0', 'DELE 0 is answered by -ERR.', DELETING),
  refuses('dele/no-argument', '5', 'DELE', 'DELE without a number is answered by -ERR.', DELETING),
  refuses('dele/not-a-number', '5', 'DELE one', 'DELE of what is no number is answered by -ERR.', DELETING),
  transaction(
    'dele/others-stay',
    '5',
    'The numbers of the other messages do not change when one is marked.',
    DELETING,
    async (p) => {
      const before = await p.multi('RETR 2')
      await p.send('DELE 1', '+OK')
      const after = await p.multi('RETR 2')
      await p.send('RSET', '+OK')
      check(before.join('\n') === after.join('\n'), 'the same message 2', 'another one')
    },
  ),
  transaction(
    'stat/octets-without-deleted',
    '5',
    'STAT does not count the octets of marked messages.',
    DELETING,
    async (p) => {
      const list = await p.list()
      const before = await p.stat()
      await p.send('DELE 1', '+OK')
      const { size } = await p.stat()
      await p.send('RSET', '+OK')
      check(size === before.size - list.get(1)!, String(before.size - list.get(1)!), String(size))
    },
  ),
  transaction('rset/retr', '5', 'A message that was unmarked can be retrieved.', DELETING, async (p) => {
    const before = await p.multi('RETR 1')
    await p.send('DELE 1', '+OK')
    await p.send('RSET', '+OK')
    const after = await p.multi('RETR 1')
    check(before.join('\n') === after.join('\n'), 'the same message', 'another one')
  }),
  transaction('rset/dele', '5', 'A message that was unmarked can be marked again.', DELETING, async (p) => {
    await p.send('DELE 1', '+OK')
    await p.send('RSET', '+OK')
    await p.send('DELE 1', '+OK')
    await p.send('RSET', '+OK')
  }),
  transaction('top/separator', '7', 'TOP n 0 ends with the empty line between header and body.', SOME, async (p) => {
    const found = await optional(p, 'TOP 1 0')
    check(found.at(-1) === '', 'an empty line behind the header', `"${visible(found.at(-1) ?? '')}"`)
  }),
  transaction('top/one-line', '7', 'TOP n 1 gives the first line of the body.', SOME, async (p) => {
    const found = splitMessage(await optional(p, 'TOP 1 1'))
    const whole = splitMessage(await p.multi('RETR 1'))
    check(
      String(found.body) === String(whole.body.slice(0, 1)),
      visible(whole.body[0] ?? ''),
      visible(found.body.join('\n')),
    )
  }),
  transaction('top/deleted', '7', 'TOP of a message marked as deleted is answered by -ERR.', DELETING, async (p) => {
    await optional(p, 'TOP 1 0')
    await p.send('DELE 1', '+OK')
    const { status } = await p.send('TOP 1 0')
    if (status === '+OK') await p.lines('TOP')
    await p.send('RSET', '+OK')
    check(status === '-ERR', '-ERR', status)
  }),
  refuses('top/not-a-number', '7', 'TOP 1 some', 'TOP with a number of lines that is none is answered by -ERR.'),
  refuses('top/no-arguments', '7', 'TOP', 'TOP without arguments is answered by -ERR.'),
  transaction('uidl/deleted', '7', 'UIDL of a message marked as deleted is answered by -ERR.', DELETING, async (p) => {
    await uidls(p)
    await p.send('DELE 1', '+OK')
    const { status } = await p.send('UIDL 1')
    await p.send('RSET', '+OK')
    check(status === '-ERR', '-ERR', status)
  }),
  transaction('uidl/unchanged-by-reading', '7', 'Reading a message does not change its unique-id.', SOME, async (p) => {
    const before = await uidls(p)
    await p.multi('RETR 1')
    const after = await uidls(p)
    check(String([...before]) === String([...after]), 'the same ids', 'others')
  }),
  refuses('uidl/not-a-number', '7', 'UIDL one', 'UIDL of what is no number is answered by -ERR.'),
]
