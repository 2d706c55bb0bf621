// IMAP: COPY and MOVE with their UID forms.
import { check, visible } from '../judgement.ts'
import { afterExpunges, expand, flags, item, numbers, octets, same, search, topic, uidOf, uids } from './cases.ts'
import { type Code, fetched, type Imap, quoted, type Result, untagged } from './client.ts'
import { CORPUS, fixture } from './corpus.ts'
import { again, alongside, freshMailbox, freshName } from './suite.ts'

const COUNT = CORPUS.length
const NONE = 4_000_000_000

const copies = topic('copy', 'selected')
const COPY = '9051 §6.4.7'

/** COPY or MOVE to a mailbox made for it; gives the answer and a session that has the target examined. */
async function to(c: Imap, command: string): Promise<{ result: Result; target: string; there: Imap }> {
  const target = await freshMailbox(c, 'target')
  const result = await c.ok(`${command} ${quoted(target)}`)
  const there = await again(c)
  await there.must(`EXAMINE ${quoted(target)}`)
  return { result, target, there }
}

const moment = (text: string): number =>
  Date.parse(`${text.trim().slice(0, -15).replaceAll('-', ' ')} ${text.slice(-14)}`)

const internalDate = async (c: Imap, n: number): Promise<number> =>
  moment(octets(await item(c, n, 'INTERNALDATE'), 'INTERNALDATE'))

export const bodies = async (c: Imap): Promise<string[]> =>
  [...fetched(await c.ok('UID FETCH 1:* (BODY.PEEK[])'))]
    .sort(([a], [b]) => a - b)
    .map(([, items]) => octets(items.get('BODY[]'), 'BODY[]'))

const TEXTS = CORPUS.map(({ text }) => text)

/** The parts of COPYUID: UIDVALIDITY, source and target UIDs. */
function copyUid(code: Code | null | undefined, raw: string): { validity: number; from: number[]; to: number[] } {
  check(code?.name === 'COPYUID', 'the code COPYUID', visible(raw))
  const [validity = '', from = '', target = ''] = code.text.split(' ')
  check(/^[1-9]\d*$/.test(validity), 'UIDVALIDITY, the UIDs copied and the new UIDs', visible(raw))
  return { validity: Number(validity), from: expand(from), to: expand(target) }
}

const uidValidity = async (c: Imap, mailbox: string): Promise<number> => {
  const result = await c.must(`STATUS ${quoted(mailbox)} (UIDVALIDITY)`)
  return Number(/UIDVALIDITY (\d+)/i.exec(untagged(result, 'STATUS')[0]?.raw ?? '')?.[1])
}

/** A message with one more mark on it than the corpus gives. */
const KEYWORDS = '$Forwarded'

export const copyCases = [
  copies('copies', COPY, 'COPY puts the messages of the set into the target mailbox.', async (c) => {
    const { there } = await to(c, 'COPY 1:2,4')
    same(await bodies(there), [TEXTS[0], TEXTS[1], TEXTS[3]], 'messages')
  }),
  copies('source-kept', COPY, 'COPY leaves the source mailbox as it is.', async (c) => {
    await to(c, 'COPY 1:3')
    same(await bodies(c), TEXTS, 'messages of the source')
    same([await flags(c, 1), await flags(c, 3)], [['\\seen'], ['\\answered', '\\seen']], 'their flags')
  }),
  copies('appends', COPY, 'COPY adds behind the messages that are in the target.', async (c) => {
    const target = await freshMailbox(c)
    await c.append(target, TEXTS[3]!)
    await c.ok(`COPY 1 ${quoted(target)}`)
    await c.must(`EXAMINE ${quoted(target)}`)
    same(await bodies(c), [TEXTS[3], TEXTS[0]], 'messages')
  }),
  copies(
    'flags',
    COPY,
    'The copy has the flags of the message.',
    async (c) => same(await flags((await to(c, 'COPY 3')).there, 1), ['\\answered', '\\seen'], 'flags'),
    { level: 'should' },
  ),
  copies(
    'keywords',
    COPY,
    'The copy has the keywords of the message.',
    async (c) => {
      await c.must(`STORE 4 +FLAGS (${KEYWORDS})`)
      same(await flags((await to(c, 'COPY 4')).there, 1), ['$forwarded'], 'flags')
    },
    { level: 'should' },
  ),
  copies(
    'internaldate',
    COPY,
    'The copy has the internal date of the message.',
    async (c) => same(await internalDate((await to(c, 'COPY 3')).there, 1), moment(fixture('nested').date), 'date'),
    { level: 'should' },
  ),
  copies('trycreate', COPY, 'COPY to a mailbox that does not exist is answered by NO with TRYCREATE.', async (c) => {
    const { status, code, raw } = await c.send(`COPY 1 ${quoted(freshName(c))}`)
    check(status === 'NO' && code?.name === 'TRYCREATE', 'NO [TRYCREATE]', visible(raw))
  }),
  copies('makes-no-mailbox', COPY, 'COPY does not make the target mailbox.', async (c) => {
    const name = freshName(c)
    await c.send(`COPY 1 ${quoted(name)}`)
    await c.send(`EXAMINE ${quoted(name)}`, 'NO')
  }),
  copies('to-itself', COPY, 'COPY to the selected mailbox itself adds the messages to it.', async (c) => {
    await c.ok(`COPY 2 ${quoted(c.mailbox)}`)
    await c.ok('NOOP')
    same((await bodies(c)).at(-1), TEXTS[1], 'the last message')
  }),
  copies('uid-copy', '9051 §6.4.9', 'UID COPY copies the messages with those UIDs.', async (c) => {
    const { there } = await to(c, `UID COPY ${await uidOf(c, 2)}`)
    same(await bodies(there), [TEXTS[1]], 'messages')
  }),
  copies('uid-copy-set', '9051 §6.4.9', 'UID COPY of a set of UIDs copies all its messages.', async (c) => {
    const all = await uids(c)
    const { there } = await to(c, `UID COPY ${all[0]},${all[2]}:${all[3]}`)
    same(await bodies(there), [TEXTS[0], TEXTS[2], TEXTS[3]], 'messages')
  }),
  copies(
    'uid-copy-missing',
    '9051 §6.4.9',
    'UID COPY of a UID that does not exist is answered by OK and copies nothing.',
    async (c) => {
      const { there } = await to(c, `UID COPY ${NONE}`)
      same(await uids(there), [], 'messages')
    },
  ),
  copies('in-examined', '9051 §6.3.3', 'COPY out of a mailbox opened by EXAMINE is allowed.', async (c) => {
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    const { there } = await to(c, 'COPY 1')
    same((await uids(there)).length, 1, 'messages')
  }),
  copies(
    'copyuid',
    '9051 §7.1',
    'The answer to COPY has COPYUID: UIDVALIDITY of the target, UIDs of the messages, UIDs of the copies.',
    async (c) => {
      const { result, target, there } = await to(c, 'COPY 1:2,4')
      const all = await uids(c)
      const wanted = {
        validity: await uidValidity(c, target),
        from: [all[0], all[1], all[3]],
        to: await uids(there),
      }
      same(copyUid(result.code, result.raw), wanted, 'COPYUID')
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  copies(
    'copyuid-uid-copy',
    '9051 §7.1',
    'The answer to UID COPY has COPYUID.',
    async (c) => {
      const uid = await uidOf(c, 5)
      const { result, there } = await to(c, `UID COPY ${uid}`)
      const { from, to: copied } = copyUid(result.code, result.raw)
      same([from, copied], [[uid], await uids(there)], 'UIDs')
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  copies(
    'no-copyuid-for-nothing',
    '4315 §3',
    'The answer to UID COPY that copied nothing has no COPYUID.',
    async (c) => {
      const { result } = await to(c, `UID COPY ${NONE}`)
      check(result.code?.name !== 'COPYUID', 'no COPYUID', visible(result.raw))
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  copies(
    'beyond',
    '9051 §9 seq-number',
    'COPY of a number above the number of messages is not answered by OK.',
    async (c) => c.send(`COPY ${COUNT + 5} ${quoted(c.mailbox)}`, 'BAD', 'NO'),
    { level: 'should' },
  ),
  copies('partly-beyond', COPY, 'COPY that fails copies nothing at all.', async (c) => {
    const target = await freshMailbox(c)
    const { status } = await c.send(`COPY 1,${COUNT + 5} ${quoted(target)}`)
    const there = await again(c)
    await there.must(`EXAMINE ${quoted(target)}`)
    const copied = (await uids(there)).length
    check(status === 'OK' || copied === 0, 'no message in the target', `${copied} after ${status}`)
  }),
]

const moves = topic('move', 'selected', 'MOVE|IMAP4REV2')
const MOVE = '9051 §6.4.8'

export const moveCases = [
  moves('moves', MOVE, 'MOVE puts the messages into the target mailbox.', async (c) => {
    const { there } = await to(c, 'MOVE 1,3')
    same(await bodies(there), [TEXTS[0], TEXTS[2]], 'messages of the target')
  }),
  moves('removes', MOVE, 'MOVE takes the messages out of the source mailbox, and no others.', async (c) => {
    await c.must('STORE 5 +FLAGS.SILENT (\\Deleted)')
    await to(c, 'MOVE 1,3')
    same(
      await bodies(c),
      TEXTS.filter((_, i) => i !== 0 && i !== 2),
      'messages of the source',
    )
  }),
  moves('expunge-told', MOVE, 'MOVE tells the messages that it took out by EXPUNGE before its end.', async (c) => {
    const { result } = await to(c, 'MOVE 2:3')
    same(afterExpunges(result).length, COUNT - 2, 'messages left by the EXPUNGE responses')
    same(afterExpunges(result), [1, 4, 5, 6, 7, 8, 9], 'messages left')
  }),
  moves('no-deleted', MOVE, 'The messages in the target do not have \\Deleted.', async (c) => {
    const { there } = await to(c, 'MOVE 3')
    check(!(await flags(there, 1)).includes('\\deleted'), 'no \\Deleted', '\\Deleted')
  }),
  moves(
    'flags',
    MOVE,
    'A moved message keeps its flags.',
    async (c) => same(await flags((await to(c, 'MOVE 3')).there, 1), ['\\answered', '\\seen'], 'flags'),
    { level: 'should' },
  ),
  moves(
    'internaldate',
    MOVE,
    'A moved message keeps its internal date.',
    async (c) => same(await internalDate((await to(c, 'MOVE 3')).there, 1), moment(fixture('nested').date), 'date'),
    { level: 'should' },
  ),
  moves('trycreate', MOVE, 'MOVE to a mailbox that does not exist is answered by NO with TRYCREATE.', async (c) => {
    const { status, code, raw } = await c.send(`MOVE 1 ${quoted(freshName(c))}`)
    check(status === 'NO' && code?.name === 'TRYCREATE', 'NO [TRYCREATE]', visible(raw))
  }),
  moves(
    'failed-keeps',
    MOVE,
    'MOVE to a mailbox that does not exist leaves the messages where they are.',
    async (c) => {
      await c.send(`MOVE 1:3 ${quoted(freshName(c))}`, 'NO')
      await c.ok('NOOP')
      same(await bodies(c), TEXTS, 'messages of the source')
      same(await search(c, 'DELETED'), [], 'messages with \\Deleted')
    },
  ),
  moves('uid-move', '9051 §6.4.9', 'UID MOVE moves the messages with those UIDs.', async (c) => {
    const { there } = await to(c, `UID MOVE ${await uidOf(c, 2)}`)
    same(await bodies(there), [TEXTS[1]], 'messages of the target')
    same((await uids(c)).length, COUNT - 1, 'messages of the source')
  }),
  moves('uid-move-set', '9051 §6.4.9', 'UID MOVE of a set of UIDs moves all its messages.', async (c) => {
    const all = await uids(c)
    const { there } = await to(c, `UID MOVE ${all[0]},${all[2]}:${all[3]}`)
    same(await bodies(there), [TEXTS[0], TEXTS[2], TEXTS[3]], 'messages of the target')
    same((await uids(c)).length, COUNT - 3, 'messages of the source')
  }),
  moves(
    'uid-move-missing',
    '9051 §6.4.9',
    'UID MOVE of a UID that does not exist is answered by OK and moves nothing.',
    async (c) => {
      const { there } = await to(c, `UID MOVE ${NONE}`)
      same([(await uids(there)).length, (await uids(c)).length], [0, COUNT], 'messages')
    },
  ),
  moves(
    'copyuid-before-expunge',
    MOVE,
    'MOVE sends COPYUID in an untagged OK before the EXPUNGE responses.',
    async (c) => {
      const before = await uids(c)
      const { result, there } = await to(c, 'MOVE 2:3')
      const names = result.untagged.map(({ name, code }) => code?.name ?? name)
      const [told, first] = [names.indexOf('COPYUID'), names.findIndex((name) => /^(EXPUNGE|VANISHED)$/.test(name))]
      check(told >= 0 && told < first, 'COPYUID, then EXPUNGE', names.join(', '))
      const { from, to: moved } = copyUid(result.untagged[told]?.code, result.raw)
      same([from, moved], [before.slice(1, 3), await uids(there)], 'UIDs')
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  moves('read-only', '9051 §6.3.3', 'MOVE out of a mailbox opened by EXAMINE removes nothing.', async (c) => {
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    await c.send(`MOVE 1 ${quoted(await freshMailbox(c))}`)
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same((await uids(other)).length, COUNT, 'messages of the source')
  }),
  moves(
    'other-session',
    '9051 §7.5.1',
    'A session that has the source selected is told of moved messages by EXPUNGE.',
    async (c) => {
      const other = await alongside(c)
      await to(c, 'MOVE 2')
      same(numbers(await other.ok('NOOP'), 'EXPUNGE'), [2], 'EXPUNGE')
    },
  ),
]
