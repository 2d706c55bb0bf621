// IMAP: STATUS.
import { check, visible } from '../judgement.ts'
import { type Imap, isNumber, numberOf, pairs, quoted, single, type Value } from './client.ts'
import { CORPUS } from './corpus.ts'
import { ACCOUNT, casesOf, fill, freshMailbox, freshName, type ImapCase, MAILBOX, withCapabilities } from './suite.ts'

const status = casesOf('status', { state: 'authenticated', needs: MAILBOX })

async function itemsOf(c: Imap, mailbox: string, wanted: string): Promise<Map<string, Value>> {
  const { values, raw } = single(await c.ok(`STATUS ${quoted(mailbox)} (${wanted})`), 'STATUS')
  check(values[0]?.text === mailbox, `the name ${mailbox}`, visible(raw))
  return pairs(values[1], 'STATUS')
}

const itemOf = async (c: Imap, mailbox: string, item: string): Promise<number> =>
  numberOf((await itemsOf(c, mailbox, item)).get(item), item)

/** A mailbox with CORPUS. */
async function filled(c: Imap): Promise<string> {
  const mailbox = await freshMailbox(c)
  await fill(c, mailbox)
  return mailbox
}

const count = (item: string, wanted: number, rfc: string, requirement: string, needs = MAILBOX): ImapCase =>
  status(
    item.toLowerCase(),
    rfc,
    requirement,
    async (c) => {
      const found = await itemOf(c, await filled(c), item)
      check(found === wanted, `${item} ${wanted}`, String(found))
    },
    { needs },
  )

const UNSEEN = CORPUS.filter(({ flags }) => !flags.includes('\\Seen')).length

export const statusCases: readonly ImapCase[] = [
  count('MESSAGES', CORPUS.length, 'RFC 3501 §6.3.10', 'MESSAGES is the number of messages in the mailbox.'),
  count(
    'UNSEEN',
    UNSEEN,
    'RFC 3501 §6.3.10',
    'UNSEEN is the number of messages without \\Seen, not the number of one.',
  ),
  status(
    'recent',
    'RFC 3501 §6.3.10',
    'RECENT is a number, at most that of all messages.',
    async (c) => {
      const found = await itemsOf(c, await filled(c), 'RECENT MESSAGES')
      const [recent, all] = ['RECENT', 'MESSAGES'].map((item) => numberOf(found.get(item), item))
      check(recent! <= all!, `at most ${all}`, String(recent))
    },
    { needs: withCapabilities('IMAP4REV1') },
  ),
  status(
    'deleted',
    'RFC 9051 §6.3.11',
    'DELETED is the number of messages with \\Deleted.',
    async (c) => {
      await c.must('STORE 2:3 +FLAGS (\\Deleted)')
      const found = await itemOf(c, c.mailbox, 'DELETED')
      check(found === 2, 'DELETED 2', String(found))
    },
    { state: 'selected', needs: withCapabilities('IMAP4REV2') },
  ),
  status(
    'size',
    'RFC 8438 §2',
    'SIZE is at least the sum of the sizes of the messages.',
    async (c) => {
      const sum = CORPUS.reduce((all, { text }) => all + text.length, 0)
      const found = await itemOf(c, await filled(c), 'SIZE')
      check(found >= sum, `SIZE of ${sum} or more`, String(found))
    },
    { needs: withCapabilities('STATUS=SIZE') },
  ),
  status(
    'only-what-is-asked',
    'RFC 3501 §6.3.10',
    'The response has the items that were asked for, each once.',
    async (c) => {
      const found = [...(await itemsOf(c, await freshMailbox(c), 'UIDNEXT MESSAGES')).keys()].sort().join(' ')
      check(found === 'MESSAGES UIDNEXT', 'MESSAGES and UIDNEXT', found)
    },
  ),
  status('empty-mailbox', 'RFC 3501 §6.3.10', 'An empty mailbox has MESSAGES 0 and UNSEEN 0.', async (c) => {
    const found = await itemsOf(c, await freshMailbox(c), 'MESSAGES UNSEEN')
    check(
      [...found.values()].every((value) => isNumber(value) && value.text === '0'),
      '0 and 0',
      [...found.values()].map(({ text }) => text).join(' '),
    )
  }),
  status(
    'no-such-mailbox',
    'RFC 3501 §6.3.10',
    'STATUS of a mailbox that does not exist is answered NO.',
    async (c) => {
      await c.no(`STATUS ${quoted(freshName(c))} (MESSAGES)`)
    },
  ),
  status(
    'unknown-item',
    'RFC 3501 §9',
    'An item that the server does not know is answered BAD.',
    async (c) => {
      await c.bad('STATUS INBOX (XCONFORMANCENONE)')
    },
    { level: 'should', needs: ACCOUNT },
  ),
  status(
    'wildcard',
    'RFC 3501 §6.3.10',
    'STATUS takes no wildcards: a quoted * is a name that does not exist.',
    async (c) => {
      await c.no('STATUS "conformance-*" (MESSAGES)')
    },
  ),
  status(
    'selected-mailbox',
    'RFC 9051 §6.3.11',
    'STATUS of the selected mailbox is answered.',
    async (c) => {
      const found = await itemOf(c, c.mailbox, 'MESSAGES')
      check(found === CORPUS.length, `MESSAGES ${CORPUS.length}`, String(found))
    },
    { state: 'selected', needs: withCapabilities('IMAP4REV2') },
  ),
  status(
    'keeps-selection',
    'RFC 3501 §6.3.10',
    'STATUS does not change which mailbox is selected.',
    async (c) => {
      await itemOf(c, await freshMailbox(c), 'MESSAGES')
      check((await c.fetch('1:*', 'UID')).size === CORPUS.length, `${CORPUS.length} messages`, 'others')
    },
    { state: 'selected' },
  ),
  status(
    'changes-no-message',
    'RFC 3501 §6.3.10',
    'STATUS does not take \\Recent from messages: the next SELECT finds as many.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      await c.append(mailbox, CORPUS[0]!.text)
      const recent = await itemOf(c, mailbox, 'RECENT')
      const { number } = single(await c.select(mailbox), 'RECENT')
      check(number === recent, `${recent} RECENT`, `${number} RECENT`)
    },
    { needs: withCapabilities('IMAP4REV1') },
  ),
  status(
    'appendlimit',
    'RFC 7889 §3.1',
    'APPENDLIMIT is a number or NIL.',
    async (c) => {
      const value = (await itemsOf(c, 'INBOX', 'APPENDLIMIT')).get('APPENDLIMIT')
      check(isNumber(value) || value?.kind === 'nil', 'a number or NIL', visible(value?.text ?? 'nothing'))
    },
    { needs: { ...ACCOUNT, capabilities: ['APPENDLIMIT'] } },
  ),
]
