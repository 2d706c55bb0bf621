// POP3: what one session's end means for the next, and sessions beside each other.
import { feed } from '../feed.ts'
import { Blocked, check, Skipped, visible } from '../judgement.ts'
import { ACCOUNT, transaction, uidls } from './facts.ts'
import { again, beside, fixtureText, type Pop3Case } from './suite.ts'

const CHANGING = { account: true, messages: 3, consent: ['mailbox'] } as const
const SOME = { account: true, messages: 2 } as const
const FEEDING = { account: true, messages: 3, recipient: true, consent: ['mailbox', 'mail'] } as const
/** How often a thing that takes its time is looked at. */
const LOOKS = 40
const LOOK_EVERY_MS = 250

/** The connection is over when the case is. */
const ends = (one: Pop3Case): Pop3Case => ({ ...one, ending: 'any' })

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))

export const updateCases: readonly Pop3Case[] = [
  ends(
    transaction(
      'quit/keeps-others',
      '6',
      'The messages that were not marked keep their unique-ids.',
      CHANGING,
      async (p) => {
        const before = [...(await uidls(p)).values()]
        await p.send(`DELE ${before.length - 1}`, '+OK')
        await p.send('QUIT', '+OK')
        await p.wire.closed()
        const other = await again(p)
        const after = [...(await uidls(other)).values()]
        await other.send('QUIT', '+OK')
        const left = before.toSpliced(-2, 1)
        check(String(after) === String(left), left.join(' '), visible(after.join(' ')))
      },
    ),
  ),
  ends(
    transaction('quit/renumbers', '4', 'The next session numbers what is left from 1 on.', CHANGING, async (p) => {
      const { count } = await p.stat()
      await p.send('DELE 1', '+OK')
      await p.send('QUIT', '+OK')
      await p.wire.closed()
      const other = await again(p)
      const numbers = [...(await other.list()).keys()]
      await other.send('QUIT', '+OK')
      check(
        numbers.length === count - 1 && numbers.every((n, i) => n === i + 1),
        `1 … ${count - 1}`,
        numbers.join(', '),
      )
    }),
  ),
  ends(
    transaction('rset/then-quit', '5', 'After RSET, QUIT removes nothing.', CHANGING, async (p) => {
      const { count } = await p.stat()
      await p.send('DELE 1', '+OK')
      await p.send('RSET', '+OK')
      await p.send('QUIT', '+OK')
      await p.wire.closed()
      const other = await again(p)
      const after = await other.stat()
      await other.send('QUIT', '+OK')
      check(after.count === count, String(count), String(after.count))
    }),
  ),
  ends(
    transaction(
      'retr/then-quit',
      '6',
      'QUIT does not remove what was only read.',
      CHANGING,
      async (p) => {
        if (p.capabilities?.get('EXPIRE')?.[0] === '0') throw new Skipped('the server announces EXPIRE 0')
        const { count } = await p.stat()
        await p.multi('RETR 1')
        await p.send('QUIT', '+OK')
        await p.wire.closed()
        const other = await again(p)
        const after = await other.stat()
        await other.send('QUIT', '+OK')
        check(after.count === count, String(count), String(after.count))
      },
      'should',
    ),
  ),
  ends(
    transaction('quit/nothing-behind', '6', 'Behind QUIT no command is carried out.', ACCOUNT, async (p) => {
      await p.wire.write('QUIT\r\nNOOP\r\n')
      await p.response('QUIT', '+OK')
      const rest = await p.wire.closed()
      check(rest === '', 'no second response', visible(rest))
    }),
  ),
  ends(
    transaction(
      'uidl/persists-without-quit',
      '7',
      'Unique-ids persist over a session that broke off.',
      SOME,
      async (p) => {
        const before = await uidls(p)
        p.wire.destroy()
        const other = await again(p)
        const after = await uidls(other)
        await other.send('QUIT', '+OK')
        check(String([...before]) === String([...after]), 'the same ids', 'others')
      },
    ),
  ),
  ends(
    transaction(
      'uidl/not-reused',
      '7',
      'The unique-id of a removed message is not given to a new one.',
      FEEDING,
      async (p) => {
        const before = [...(await uidls(p)).values()]
        await p.send(`DELE ${before.length}`, '+OK')
        await p.send('QUIT', '+OK')
        await p.wire.closed()
        const { context } = beside(p)
        await feed(context, [fixtureText(context, 'reuse', ['new'])])
        for (let looks = 0; looks < LOOKS; looks++) {
          const other = await again(p)
          const after = [...(await uidls(other)).values()]
          await other.send('QUIT', '+OK')
          other.wire.destroy()
          if (after.length < before.length) {
            await pause()
            continue
          }
          check(!after.slice(before.length - 1).includes(before.at(-1)!), 'another id', visible(before.at(-1)!))
          return
        }
        throw new Blocked('the new message did not come')
      },
      'should',
    ),
  ),
  transaction(
    'session/snapshot',
    '4',
    'A message that comes during a session does not change its numbers and sizes.',
    FEEDING,
    async (p) => {
      const before = await p.list()
      const { context } = beside(p)
      await feed(context, [fixtureText(context, 'late', ['late'])])
      for (let looks = 0; looks < 4; looks++) {
        await pause()
        const after = await p.list()
        check(String([...after]) === String([...before]), `${before.size} messages as before`, `${after.size} messages`)
      }
    },
  ),
  transaction(
    'login/lock',
    '4',
    'While a session has the maildrop, no other removes messages from it.',
    CHANGING,
    async (p) => {
      const before = await p.multi('RETR 1')
      const other = await beside(p).open()
      const { user, password } = other.account
      await other.send(`USER ${user}`)
      await other.wire.write(`PASS ${password}\r\n`)
      // one that makes the second session wait keeps the first safe, too
      const answered = await other.wire.speaks(p.target.answerMs)
      if (answered && (await other.response('PASS')).status === '+OK') {
        await other.send('DELE 1')
        await other.send('QUIT')
        await other.wire.closed()
      }
      const after = await p.multi('RETR 1')
      check(before.join('\n') === after.join('\n'), 'message 1 as before', 'another')
    },
  ),
  transaction(
    'login/in-use',
    '4',
    'A second session of the same maildrop is refused, with [IN-USE] where response codes are announced.',
    ACCOUNT,
    async (p) => {
      const other = await beside(p)
        .open()
        .catch((thrown: Error) => {
          throw new Blocked(`no second connection: ${thrown.message}`)
        })
      const { user, password } = other.account
      await other.send(`USER ${user}`)
      await other.wire.write(`PASS ${password}\r\n`)
      if (!(await other.wire.speaks(p.target.answerMs))) throw new Skipped('the server makes a second session wait')
      const { status, text } = await other.response('PASS')
      if (status === '+OK') throw new Skipped('the server lets a second session in')
      check(!other.has('RESP-CODES') || /^\[IN-USE\]/i.test(text), '[IN-USE]', visible(text))
    },
    'should',
  ),
  ends(
    transaction(
      'login/lock-released',
      '6',
      'The maildrop is free when QUIT has been answered and the connection is closed.',
      ACCOUNT,
      async (p) => {
        await p.send('QUIT', '+OK')
        await p.wire.closed()
        const other = await beside(p).open()
        const { user, password } = other.account
        await other.send(`USER ${user}`)
        await other.send(`PASS ${password}`, '+OK')
        await other.send('QUIT', '+OK')
      },
    ),
  ),
  ends(
    transaction(
      'login/lock-released-by-loss',
      '3',
      'The maildrop becomes free when a session breaks off.',
      ACCOUNT,
      async (p) => {
        p.wire.destroy()
        for (let looks = 0; looks < LOOKS; looks++) {
          const other = await beside(p).open()
          const { user, password } = other.account
          await other.send(`USER ${user}`)
          const { status } = await other.send(`PASS ${password}`)
          other.wire.destroy()
          if (status === '+OK') return
          await pause()
        }
        check(false, `a login within ${(LOOKS * LOOK_EVERY_MS) / 1000} s`, 'none')
      },
      'should',
    ),
  ),
]
