// POP3: STAT, LIST, RETR, DELE, RSET, TOP and UIDL, and what QUIT does to the maildrop.
import { check, visible } from '../judgement.ts'
import { octetsOf, parseListing } from './client.ts'
import { ACCOUNT, DELETING, NONE, optional, refuses, SOME, splitMessage, transaction, uidls } from './facts.ts'
import { again, FIXTURES, type Pop3Case } from './suite.ts'

/** As many messages as are handed in before the first case. */
const NEWEST = 9

export const statCases: readonly Pop3Case[] = [
  transaction(
    'stat/form',
    '5',
    'STAT gives "+OK", a space, the number of messages, a space and their size.',
    ACCOUNT,
    async (p) => {
      await p.stat()
    },
  ),
  transaction('stat/agrees-with-list', '5', 'STAT counts the messages and octets that LIST lists.', SOME, async (p) => {
    const { count, size } = await p.stat()
    const list = await p.list()
    const sum = [...list.values()].reduce((a, b) => a + b, 0)
    check(list.size === count && sum === size, `${count} messages of ${size} octets`, `${list.size} of ${sum}`)
  }),
  transaction('stat/without-deleted', '5', 'STAT does not count messages marked as deleted.', DELETING, async (p) => {
    const before = await p.stat()
    await p.send('DELE 1', '+OK')
    const { count } = await p.stat()
    await p.send('RSET', '+OK')
    check(count === before.count - 1, String(before.count - 1), String(count))
  }),
]

export const listCases: readonly Pop3Case[] = [
  transaction(
    'list/form',
    '5',
    'LIST gives a line with number and size for each message, then a period.',
    SOME,
    async (p) => {
      for (const line of await p.multi('LIST')) parseListing(line)
    },
  ),
  transaction('list/numbers', '5', 'Messages are numbered from 1 on.', SOME, async (p) => {
    const numbers = [...(await p.list()).keys()]
    check(
      numbers.every((n, i) => n === i + 1),
      '1, 2, 3 …',
      numbers.slice(0, 20).join(', '),
    )
  }),
  transaction('list/one', '5', 'LIST with a number gives one line, the same that LIST has for it.', SOME, async (p) => {
    const all = await p.list()
    const { text } = await p.send('LIST 2', '+OK')
    const [number, size] = parseListing(text)
    check(number === 2 && size === all.get(2), `2 ${all.get(2)}`, text)
  }),
  refuses('list/no-such-message', '5', `LIST ${NONE}`, 'LIST of a message that is not there is answered by -ERR.'),
  refuses('list/zero', '5', 'LIST 0', 'There is no message 0.'),
  refuses('list/not-a-number', '5', 'LIST one', 'LIST of what is no number is answered by -ERR.'),
  transaction('list/deleted', '5', 'LIST of a message marked as deleted is answered by -ERR.', DELETING, async (p) => {
    await p.send('DELE 1', '+OK')
    const { status } = await p.send('LIST 1')
    await p.send('RSET', '+OK')
    check(status === '-ERR', '-ERR', status)
  }),
  transaction(
    'list/without-deleted',
    '5',
    'LIST leaves messages marked as deleted out, and the others keep their numbers.',
    DELETING,
    async (p) => {
      const before = await p.list()
      await p.send('DELE 1', '+OK')
      const after = await p.list()
      await p.send('RSET', '+OK')
      before.delete(1)
      check(
        String([...after]) === String([...before]),
        String([...before].slice(0, 10)),
        String([...after].slice(0, 10)),
      )
    },
  ),
]

export const retrCases: readonly Pop3Case[] = [
  transaction('retr/ok', '5', 'RETR gives the whole message and a final period.', SOME, async (p) => {
    const number = await p.fixture('lines')
    const { body } = splitMessage(await p.multi(`RETR ${number}`))
    check(String(body) === String(FIXTURES.lines), FIXTURES.lines!.join(', '), visible(body.join(', ')))
  }),
  transaction(
    'retr/size',
    '11',
    'The size that LIST gives is the exact size of the message that RETR gives, added periods not counted.',
    SOME,
    async (p) => {
      const list = await p.list()
      // the newest are fixtures of ours, where a feed brought some
      const numbers = [...list.keys()]
      for (const number of new Set([...numbers.slice(0, 2), ...numbers.slice(-NEWEST)])) {
        const size = octetsOf(await p.multi(`RETR ${number}`))
        check(size === list.get(number), `${list.get(number)} octets of message ${number}`, String(size))
      }
    },
  ),
  transaction('retr/crlf', '5', 'The lines of a message end in CR LF.', SOME, async (p) => {
    await p.multi('RETR 1')
    check(p.wire.bareLines === 0, 'CR LF behind every line', `${p.wire.bareLines} lines ended by a bare LF`)
  }),
  transaction(
    'retr/transparency',
    '3',
    'Lines that begin with a period come with another one before it.',
    { account: true, messages: 1 },
    async (p) => {
      const number = await p.fixture('dots')
      const { body } = splitMessage(await p.multi(`RETR ${number}`))
      const wanted = FIXTURES.dots!
      check(
        String(body.slice(0, 5)) === String(wanted.slice(0, 5)),
        JSON.stringify(wanted),
        visible(JSON.stringify(body)),
      )
    },
  ),
  transaction(
    'retr/eight-bit',
    '5',
    'The octets of a message come as they were handed in, those above 127 too.',
    { account: true, messages: 1 },
    async (p) => {
      const number = await p.fixture('eight')
      const { body } = splitMessage(await p.multi(`RETR ${number}`))
      check(body[0] === FIXTURES.eight![0], visible(FIXTURES.eight![0]!), visible(body[0] ?? ''))
    },
    'should',
  ),
  transaction('retr/again', '5', 'RETR gives the same message however often it is asked.', SOME, async (p) => {
    const first = await p.multi('RETR 1')
    const second = await p.multi('RETR 1')
    check(first.join('\n') === second.join('\n'), 'the same message', 'another one')
  }),
  refuses('retr/no-such-message', '5', `RETR ${NONE}`, 'RETR of a message that is not there is answered by -ERR.'),
  refuses('retr/no-argument', '5', 'RETR', 'RETR without a number is answered by -ERR.'),
  transaction('retr/deleted', '5', 'RETR of a message marked as deleted is answered by -ERR.', DELETING, async (p) => {
    await p.send('DELE 1', '+OK')
    const { status } = await p.send('RETR 1')
    if (status === '+OK') await p.lines('RETR 1')
    await p.send('RSET', '+OK')
    check(status === '-ERR', '-ERR', status)
  }),
]

export const deleCases: readonly Pop3Case[] = [
  transaction('dele/ok', '5', 'DELE marks a message: +OK.', DELETING, async (p) => {
    await p.send('DELE 1', '+OK')
    await p.send('RSET', '+OK')
  }),
  transaction(
    'dele/twice',
    '5',
    'DELE of a message that is marked already is answered by -ERR.',
    DELETING,
    async (p) => {
      await p.send('DELE 1', '+OK')
      const { status } = await p.send('DELE 1')
      await p.send('RSET', '+OK')
      check(status === '-ERR', '-ERR', status)
    },
  ),
  refuses(
    'dele/no-such-message',
    '5',
    `DELE ${NONE}`,
    'DELE of a message that is not there is answered by -ERR.',
    DELETING,
  ),
  transaction(
    'dele/not-before-quit',
    '5',
    'A marked message is removed in the update state only: a session that breaks off removes nothing.',
    DELETING,
    async (p) => {
      const { count } = await p.stat()
      await p.send('DELE 1', '+OK')
      p.wire.destroy()
      const other = await again(p)
      const after = await other.stat()
      await other.send('QUIT', '+OK')
      check(after.count === count, String(count), String(after.count))
    },
  ),
  transaction('rset/unmarks', '5', 'RSET takes all marks away.', DELETING, async (p) => {
    const before = await p.stat()
    await p.send('DELE 1', '+OK')
    await p.send('DELE 2', '+OK')
    await p.send('RSET', '+OK')
    const after = await p.stat()
    check(after.count === before.count && after.size === before.size, `${before.count} messages`, `${after.count}`)
  }),
  transaction('noop/keeps-marks', '5', 'NOOP does nothing: what is marked stays marked.', DELETING, async (p) => {
    const before = await p.stat()
    await p.send('DELE 1', '+OK')
    await p.send('NOOP', '+OK')
    const { count } = await p.stat()
    await p.send('RSET', '+OK')
    check(count === before.count - 1, `${before.count - 1} messages`, String(count))
  }),
  transaction('rset/ok', '5', 'RSET is answered by +OK when nothing is marked, too.', ACCOUNT, async (p) => {
    await p.send('RSET', '+OK')
  }),
  transaction(
    'quit/removes',
    '6',
    'QUIT removes the marked messages, and no others.',
    { account: true, messages: 3, consent: ['mailbox'] },
    async (p) => {
      const { count } = await p.stat()
      // the newest is a fixture of ours, where a feed brought one
      await p.send(`DELE ${count}`, '+OK')
      await p.send('QUIT', '+OK')
      await p.wire.closed()
      const other = await again(p)
      const after = await other.stat()
      await other.send('QUIT', '+OK')
      check(after.count === count - 1, String(count - 1), String(after.count))
    },
  ),
].map((one) => (['pop3/dele/not-before-quit', 'pop3/quit/removes'].includes(one.id) ? { ...one, ending: 'any' } : one))

export const topCases: readonly Pop3Case[] = [
  transaction(
    'top/header',
    '7',
    'TOP n 0 gives the header and the empty line behind it, and nothing of the body.',
    SOME,
    async (p) => {
      const lines = await optional(p, 'TOP 1 0')
      const found = splitMessage(lines)
      const whole = splitMessage(await p.multi('RETR 1'))
      check(lines.at(-1) === '', 'an empty line behind the header', `"${visible(lines.at(-1) ?? '')}"`)
      check(
        String(found.header) === String(whole.header),
        'the header of the message',
        visible(found.header.join('\n')),
      )
      check(found.body.length === 0, 'no line of the body', visible(found.body.join('\n')))
    },
  ),
  transaction(
    'top/lines',
    '7',
    'TOP gives as many lines of the body as were asked for.',
    { account: true, messages: 1 },
    async (p) => {
      const number = await p.fixture('lines')
      const { body } = splitMessage(await optional(p, `TOP ${number} 2`))
      check(String(body) === 'one,two', 'two lines', visible(body.join('\n')))
    },
  ),
  transaction(
    'top/more-than-there-are',
    '7',
    'TOP with more lines than the body has gives the whole message.',
    SOME,
    async (p) => {
      await optional(p, 'TOP 1 0')
      const found = await p.multi('TOP 1 1000000')
      const whole = await p.multi('RETR 1')
      check(found.join('\n') === whole.join('\n'), 'the whole message', `${found.length} of ${whole.length} lines`)
    },
  ),
  refuses('top/no-such-message', '7', `TOP ${NONE} 0`, 'TOP of a message that is not there is answered by -ERR.'),
  refuses('top/no-lines', '7', 'TOP 1', 'TOP without a number of lines is answered by -ERR.'),
  refuses('top/negative', '7', 'TOP 1 -1', 'TOP with a negative number of lines is answered by -ERR.'),
  transaction(
    'top/transparency',
    '3',
    'TOP doubles the period at the beginning of a line as RETR does.',
    { account: true, messages: 1 },
    async (p) => {
      const number = await p.fixture('dots')
      const { body } = splitMessage(await optional(p, `TOP ${number} 3`))
      check(String(body) === String(FIXTURES.dots!.slice(0, 3)), '., .., .x', visible(body.join('\n')))
    },
  ),
]

export const uidlCases: readonly Pop3Case[] = [
  transaction('uidl/form', '7', 'A unique-id has 1 to 70 characters from 0x21 to 0x7E.', SOME, async (p) => {
    for (const line of await optional(p, 'UIDL'))
      check(/^\d+ [\x21-\x7e]{1,70}$/.test(line), 'a number, an id and nothing more', `"${visible(line)}"`)
  }),
  transaction('uidl/each', '7', 'UIDL gives a line for each message that LIST lists.', SOME, async (p) => {
    const ids = await uidls(p)
    const list = await p.list()
    check(String([...ids.keys()]) === String([...list.keys()]), `${list.size} messages`, `${ids.size}`)
  }),
  transaction(
    'uidl/unique',
    '7',
    'No two messages of a maildrop have the same unique-id (copies of one message aside).',
    SOME,
    async (p) => {
      const ids = [...(await uidls(p)).values()]
      check(new Set(ids).size === ids.length, `${ids.length} ids`, `${new Set(ids).size}`)
    },
    'should',
  ),
  transaction('uidl/one', '7', 'UIDL with a number gives one line, the same that UIDL has for it.', SOME, async (p) => {
    const ids = await uidls(p)
    const { text } = await p.send('UIDL 2', '+OK')
    check(text === `2 ${ids.get(2)}`, `2 ${ids.get(2)}`, visible(text))
  }),
  transaction('uidl/persists', '7', 'A unique-id stays the same from one session to the next.', SOME, async (p) => {
    const first = await uidls(p)
    await p.send('QUIT', '+OK')
    await p.wire.closed()
    const other = await again(p)
    const second = await uidls(other)
    await other.send('QUIT', '+OK')
    check(String([...first]) === String([...second]), 'the same ids', 'others')
  }),
  transaction('uidl/without-deleted', '7', 'UIDL leaves messages marked as deleted out.', DELETING, async (p) => {
    await p.send('DELE 1', '+OK')
    const ids = await uidls(p)
    await p.send('RSET', '+OK')
    check(!ids.has(1), 'no line for message 1', `"${ids.get(1)}"`)
  }),
  refuses('uidl/no-such-message', '7', `UIDL ${NONE}`, 'UIDL of a message that is not there is answered by -ERR.'),
].map((one) => (one.id === 'pop3/uidl/persists' ? { ...one, ending: 'any' } : one))
