// IMAP: APPEND, with UIDPLUS (RFC 4315), MULTIAPPEND (RFC 3502) and APPENDLIMIT (RFC 7889).
import { check, Skipped, visible } from '../judgement.ts'
import { codeOf, flagsOf, type Imap, items, literal, type Parts, quoted, type Value } from './client.ts'
import { CORPUS, fixture } from './corpus.ts'
import { statusOf } from './mailboxes.ts'
import { casesOf, freshMailbox, freshName, type ImapCase, MAILBOX, withCapabilities } from './suite.ts'

const append = casesOf('append', { state: 'authenticated', needs: MAILBOX })
const uidplus = casesOf('append-uid', { state: 'authenticated', needs: withCapabilities('UIDPLUS') })
const multi = casesOf('multiappend', { state: 'authenticated', needs: withCapabilities('MULTIAPPEND') })

const MESSAGE = 'From: a@conformance.example\r\nSubject: appended\r\n\r\nAn appended message.\r\n'

/** Appends by that command behind the mailbox's name, and gives what the last message has. */
async function appended(c: Imap, behindName: Parts, wanted: string): Promise<Map<string, Value>> {
  const mailbox = await freshMailbox(c)
  const parts = typeof behindName === 'string' ? [behindName] : behindName
  await c.ok([`APPEND ${quoted(mailbox)} `, ...parts])
  await c.examine(mailbox)
  return (await c.fetch('1', wanted)).get(1) ?? new Map()
}

const subjectOf = (found: Map<string, Value>): string => items(found.get('ENVELOPE'), 'ENVELOPE')[1]?.text ?? ''

const flagsIn = (found: Map<string, Value>): string =>
  flagsOf(found.get('FLAGS'))
    .filter((flag) => flag !== '\\recent')
    .join(' ')

/** Milliseconds of `06-Jan-2020 10:11:13 +0000`. */
const timeOf = (date: string): number => Date.parse(date.replace(/^ ?(\d+)-(\w+)-(\d+)/, '$1 $2 $3'))

/** What an APPEND that is refused must leave: nothing. */
async function leavesNothing(c: Imap, behindName: Parts): Promise<void> {
  const mailbox = await freshMailbox(c)
  const parts = typeof behindName === 'string' ? [behindName] : behindName
  await c.refused([`APPEND ${quoted(mailbox)} `, ...parts])
  const found = await statusOf(c, mailbox, 'MESSAGES')
  check(found === 0, '0 messages', String(found))
}

export const appendCases: readonly ImapCase[] = [
  append('size', 'RFC 3501 §6.3.11', 'The message has as many octets as the literal.', async (c) => {
    const found = await appended(c, [literal(MESSAGE)], 'RFC822.SIZE')
    check(
      found.get('RFC822.SIZE')?.text === String(MESSAGE.length),
      String(MESSAGE.length),
      found.get('RFC822.SIZE')?.text ?? 'none',
    )
  }),
  append('content', 'RFC 3501 §6.3.11', 'The message is kept to the octet, 8-bit octets too.', async (c) => {
    const { text } = fixture('eightbit')
    const found = (await appended(c, [literal(text)], 'BODY.PEEK[]')).get('BODY[]')
    check(found?.text === text, visible(text), visible(found?.text ?? 'nothing'))
  }),
  append(
    'no-line-end',
    'RFC 3501 §6.3.11',
    'A message whose last line has no CR LF is kept without one.',
    async (c) => {
      const text = MESSAGE.slice(0, -2)
      const found = (await appended(c, [literal(text)], 'BODY.PEEK[]')).get('BODY[]')
      check(found?.text === text, visible(text), visible(found?.text ?? 'nothing'))
    },
  ),
  append('inbox-case', 'RFC 3501 §5.1', 'APPEND to inbox, however its letters are written, is to INBOX.', async (c) => {
    const before = await statusOf(c, 'INBOX', 'MESSAGES')
    for (const name of ['inbox', 'iNbOx', '"Inbox"']) await c.ok([`APPEND ${name} `, literal(MESSAGE)])
    const after = await statusOf(c, 'INBOX', 'MESSAGES')
    check(after === before + 3, `${before + 3} messages in INBOX`, String(after))
  }),
  append('at-the-end', 'RFC 3501 §6.3.11', 'The message is put at the end of the mailbox.', async (c) => {
    const mailbox = await freshMailbox(c)
    for (const word of ['first', 'second', 'third'])
      await c.append(
        mailbox,
        MESSAGE.replace('appended', word),
        [],
        word === 'second' ? '01-Jan-2001 00:00:00 +0000' : null,
      )
    await c.examine(mailbox)
    const found = await c.fetch('1:*', 'ENVELOPE')
    const order = [...found].sort(([a], [b]) => a - b).map(([, one]) => subjectOf(one))
    check(order.join(' ') === 'first second third', 'first second third', order.join(' '))
  }),
  append(
    'flags',
    'RFC 3501 §6.3.11',
    'The flags that are given are set.',
    async (c) => {
      const found = flagsIn(await appended(c, ['(\\Seen \\Flagged \\Draft) ', literal(MESSAGE)], 'FLAGS'))
      check(found === '\\draft \\flagged \\seen', '\\Draft \\Flagged \\Seen', found)
    },
    { level: 'should' },
  ),
  append('no-flags', 'RFC 3501 §6.3.11', 'Without flags the message has none.', async (c) => {
    const found = flagsIn(await appended(c, [literal(MESSAGE)], 'FLAGS'))
    check(found === '', 'no flags', found)
  }),
  append('empty-flags', 'RFC 3501 §9', 'An empty list of flags is taken.', async (c) => {
    const found = flagsIn(await appended(c, ['() ', literal(MESSAGE)], 'FLAGS'))
    check(found === '', 'no flags', found)
  }),
  append(
    'date',
    'RFC 3501 §6.3.11',
    'The date that is given becomes the internal date.',
    async (c) => {
      const date = '17-Jul-1996 02:44:25 -0700'
      const found =
        (await appended(c, [`"${date}" `, literal(MESSAGE)], 'INTERNALDATE')).get('INTERNALDATE')?.text ?? ''
      check(timeOf(found) === timeOf(date), date, found)
    },
    { level: 'should' },
  ),
  append('date-one-digit', 'RFC 3501 §9', 'A day of one digit is written with a space before it.', async (c) => {
    const found =
      (await appended(c, ['" 7-Feb-1994 22:43:04 -0800" ', literal(MESSAGE)], 'INTERNALDATE')).get('INTERNALDATE')
        ?.text ?? ''
    check(timeOf(found) === timeOf('07-Feb-1994 22:43:04 -0800'), ' 7-Feb-1994 22:43:04 -0800', found)
  }),
  append('date-default', 'RFC 3501 §6.3.11', 'Without a date the internal date is the current time.', async (c) => {
    const found = (await appended(c, [literal(MESSAGE)], 'INTERNALDATE')).get('INTERNALDATE')?.text ?? ''
    check(Math.abs(timeOf(found) - Date.now()) < 24 * 3600_000, 'a time of today', found)
  }),
  append('flags-and-date', 'RFC 3501 §9', 'Flags and date may both be given, the flags first.', async (c) => {
    const found = await appended(
      c,
      ['(\\Answered) "17-Jul-1996 02:44:25 -0700" ', literal(MESSAGE)],
      '(FLAGS INTERNALDATE)',
    )
    check(flagsIn(found) === '\\answered', '\\Answered', flagsIn(found))
    check(
      timeOf(found.get('INTERNALDATE')?.text ?? '') === timeOf('17-Jul-1996 02:44:25 -0700'),
      '17-Jul-1996',
      found.get('INTERNALDATE')?.text ?? 'none',
    )
  }),
  append(
    'bad-date',
    'RFC 3501 §6.3.11',
    'An APPEND with a date that is none is refused and leaves the mailbox as it was.',
    (c) => leavesNothing(c, ['"32-Foo-2020 99:99:99 +0000" ', literal(MESSAGE)]),
  ),
  append(
    'quoted-message',
    'RFC 3501 §9',
    'A message as a quoted string is answered BAD.',
    async (c) => {
      await c.bad(`APPEND ${quoted(await freshMailbox(c))} "From: a@conformance.example"`)
    },
    { level: 'should' },
  ),
  append('nul', 'RFC 3501 §9', 'A message with NUL is refused, or kept without NUL.', async (c) => {
    const mailbox = await freshMailbox(c)
    const { status } = await c.send([`APPEND ${quoted(mailbox)} `, literal(MESSAGE.replace('An', 'A\0'))])
    if (status !== 'OK') return
    await c.examine(mailbox)
    const found = (await c.fetch('1', 'BODY.PEEK[]')).get(1)?.get('BODY[]')?.text ?? ''
    check(!found.includes('\0'), 'no NUL', visible(found))
  }),
  append(
    'no-such-mailbox',
    'RFC 3501 §6.3.11',
    'APPEND to a mailbox that does not exist is answered NO, and makes none.',
    async (c) => {
      const name = freshName(c)
      await c.no([`APPEND ${quoted(name)} `, literal(MESSAGE)])
      await c.no(`STATUS ${quoted(name)} (MESSAGES)`)
    },
  ),
  append(
    'trycreate',
    'RFC 3501 §6.3.11',
    'The NO to APPEND to a mailbox that could be created begins with TRYCREATE.',
    async (c) => {
      const { code, raw } = await c.no([`APPEND ${quoted(freshName(c))} `, literal(MESSAGE)])
      check(code?.name === 'TRYCREATE', 'NO [TRYCREATE]', visible(raw))
    },
  ),
  append(
    'keeps-selection',
    'RFC 3501 §6.3.11',
    'APPEND to another mailbox does not change which one is selected.',
    async (c) => {
      await c.append(await freshMailbox(c), MESSAGE)
      check((await c.fetch('1:*', 'UID')).size === CORPUS.length, `${CORPUS.length} messages`, 'others')
    },
    { state: 'selected' },
  ),
  append(
    'limit',
    'RFC 7889 §4',
    'A message above the APPENDLIMIT is refused with the code TOOBIG.',
    async (c) => {
      const limit = [...(c.capabilities ?? [])]
        .map((name) => /^APPENDLIMIT=(\d+)$/.exec(name)?.[1])
        .find((value) => value !== undefined)
      if (limit === undefined) throw new Skipped('the server announces no limit')
      const size = Number(limit) + 1
      if (size > 0xffff_ffff) throw new Skipped('the limit is that of literals')
      const tag = await c.start(`APPEND INBOX {${size}}`)
      const go = await c.continuation(tag, `APPEND INBOX {${size}}`)
      if (!('status' in go)) throw new Skipped('the server wants the whole message before it answers')
      check(go.status !== 'OK' && go.code?.name === 'TOOBIG', 'NO [TOOBIG]', visible(go.raw))
    },
    { ending: 'any' },
  ),
]

async function appendUid(c: Imap, mailbox: string, parts: Parts): Promise<{ validity: string; uids: string }> {
  const result = await c.ok([`APPEND ${quoted(mailbox)} `, ...(typeof parts === 'string' ? [parts] : parts)])
  const match = /^(\d+) (\S+)$/.exec(codeOf(result, 'APPENDUID')?.text ?? '')
  check(match !== null && result.code?.name === 'APPENDUID', '[APPENDUID validity uid]', visible(result.raw))
  return { validity: match[1]!, uids: match[2]! }
}

export const appendUidCases: readonly ImapCase[] = [
  uidplus(
    'code',
    'RFC 4315 §3',
    'The OK to APPEND has APPENDUID with the UIDVALIDITY and the UID of the message.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      await c.append(mailbox, MESSAGE)
      const { validity, uids } = await appendUid(c, mailbox, [literal(MESSAGE)])
      const selected = codeOf(await c.examine(mailbox), 'UIDVALIDITY')?.text
      const uid = (await c.fetch('2', 'UID')).get(2)?.get('UID')?.text
      check(validity === selected && uids === uid, `APPENDUID ${selected} ${uid}`, `APPENDUID ${validity} ${uids}`)
    },
    { level: 'should' },
  ),
  uidplus('one-number', 'RFC 4315 §3', 'APPENDUID of one message has one number, no set.', async (c) => {
    const { uids } = await appendUid(c, await freshMailbox(c), [literal(MESSAGE)])
    check(/^[1-9]\d*$/.test(uids), 'one UID', uids)
  }),
  uidplus(
    'above-all',
    'RFC 3501 §2.3.1.1',
    'The UID in APPENDUID is above those of all messages before.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      const one = await appendUid(c, mailbox, [literal(MESSAGE)])
      const two = await appendUid(c, mailbox, [literal(MESSAGE)])
      check(Number(two.uids) > Number(one.uids), `above ${one.uids}`, two.uids)
    },
  ),
]

export const multiAppendCases: readonly ImapCase[] = [
  multi(
    'all',
    'RFC 3502 §6.3.11',
    'An APPEND of several messages appends all of them in their order, each with its flags and date.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      await c.ok([
        `APPEND ${quoted(mailbox)} (\\Seen) `,
        literal(MESSAGE.replace('appended', 'one')),
        ' (\\Flagged) "17-Jul-1996 02:44:25 -0700" ',
        literal(MESSAGE.replace('appended', 'two')),
      ])
      await c.examine(mailbox)
      const found = await c.fetch('1:*', '(FLAGS INTERNALDATE ENVELOPE)')
      const shown = [...found]
        .sort(([a], [b]) => a - b)
        .map(([, one]) => `${subjectOf(one)} ${flagsIn(one)}`)
        .join(', ')
      check(shown === 'one \\seen, two \\flagged', 'one \\seen, two \\flagged', shown)
      const date = found.get(2)?.get('INTERNALDATE')?.text ?? ''
      check(timeOf(date) === timeOf('17-Jul-1996 02:44:25 -0700'), '17-Jul-1996 02:44:25 -0700', date)
    },
  ),
  multi('cancelled', 'RFC 3502 §6.3.11', 'An empty literal ends an APPEND of several messages with NO.', async (c) => {
    await c.no([`APPEND ${quoted(await freshMailbox(c))} `, literal(MESSAGE), ' ', literal('')])
  }),
  multi('atomic', 'RFC 3502 §6.3.11', 'When an APPEND of several messages fails, none is appended.', async (c) => {
    const mailbox = await freshMailbox(c)
    await c.refused([`APPEND ${quoted(mailbox)} `, literal(MESSAGE), ' ', literal('')])
    const found = await statusOf(c, mailbox, 'MESSAGES')
    check(found === 0, '0 messages', String(found))
  }),
  multi('atomic-date', 'RFC 3502 §6.3.11', 'A date that is none before a later message leaves none appended.', (c) =>
    leavesNothing(c, [literal(MESSAGE), ' "32-Foo-2020 99:99:99 +0000" ', literal(MESSAGE)]),
  ),
  multi(
    'uids',
    'RFC 4315 §3',
    'APPENDUID of several messages has their UIDs in the order in which they were sent.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      const { uids } = await appendUid(c, mailbox, [literal(MESSAGE), ' ', literal(MESSAGE)])
      await c.examine(mailbox)
      const found = [...(await c.fetch('1:*', 'UID')).values()].map((one) => Number(one.get('UID')?.text))
      const told = uids.split(',').flatMap((range) => {
        const [from = 0, to = from] = range.split(':').map(Number)
        return Array.from({ length: to - from + 1 }, (_, i) => from + i)
      })
      check(told.join() === found.join(), found.join(), uids)
    },
    { needs: withCapabilities('MULTIAPPEND', 'UIDPLUS'), level: 'should' },
  ),
]
