// One session's view: numbers, what it is told and when, over the memory store.
import { beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { memoryContent } from '../message/content.ts'
import type { MailAccount, Mailbox } from '../store/mailbox-store.ts'
import { createMemoryStore } from '../store/memory-store.ts'
import { NoSuchSequence, View } from './view.ts'
import { parseSequenceSet } from './wire/sequence-set.ts'

let account: MailAccount
let other: Mailbox
let view: View
let told: string[]

const add = (mailbox: Mailbox, count: number) =>
  mailbox.append(
    Array.from({ length: count }, () => ({
      content: memoryContent(Buffer.from('a: b\r\n\r\nc')),
      flags: [],
      internalDate: 0,
    })),
  )
const sync = (expunge = true): string[] => {
  told = []
  view.sync((text) => told.push(...text.split('\r\n').filter(Boolean)), { expunge, modSeq: false })
  return told
}
const uids = (text: string, byUid = false) => [...view.resolve(parseSequenceSet(text), byUid)]

beforeEach(async () => {
  account = await createMemoryStore({ clock: new FakeClock() }).account('ana')
  other = await account.open('INBOX')
  await add(other, 5)
  view = new View(await account.open('INBOX'), { readOnly: false, recent: false })
})

describe('sets', () => {
  it('resolve sequence numbers', () => {
    expect(uids('2:3')).toEqual([2, 3])
    expect(uids('4:*,1,2:1')).toEqual([1, 2, 4, 5])
    expect(uids('*')).toEqual([5])
    expect(() => uids('6')).toThrow(NoSuchSequence)
    expect(() => uids('1:6')).toThrow(NoSuchSequence)
  })

  it('resolve UIDs, absent ones left out', async () => {
    await other.expunge([2, 3])
    sync()
    expect(uids('1:4', true)).toEqual([1, 4])
    expect(uids('2:3', true)).toEqual([])
    expect(uids('*', true)).toEqual([5])
    expect(uids('9:*', true)).toEqual([5]) // RFC 9051 §9: `*` may be the smaller end
    expect(uids('2:3')).toEqual([4, 5])
  })

  it('resolve nothing in an empty mailbox', async () => {
    await other.expunge([1, 2, 3, 4, 5])
    sync()
    expect(uids('1:*', true)).toEqual([])
    expect(() => uids('1:*')).toThrow(NoSuchSequence)
  })

  it('resolve the saved result, what was expunged left out', async () => {
    view.saved = Uint32Array.of(2, 4)
    await other.expunge([2])
    sync()
    expect(uids('$')).toEqual([4])
  })
})

describe('changes', () => {
  it('shares the UID array with the store', async () => {
    expect(view.known).toBe(other.uids())
    await add(other, 1)
    sync()
    expect(view.known).toBe(other.uids())
    await other.expunge([1])
    sync()
    expect(view.known).toBe(other.uids())
  })

  it('tells new messages', async () => {
    await add(other, 2)
    expect(sync()).toEqual(['* 7 EXISTS'])
    expect(sync()).toEqual([])
  })

  it('tells expunged messages one by one, in numbers that move up', async () => {
    await other.expunge([1, 2, 4])
    expect(sync()).toEqual(['* 1 EXPUNGE', '* 1 EXPUNGE', '* 2 EXPUNGE'])
    expect(view.known).toEqual(Uint32Array.of(3, 5))
  })

  it('keeps numbers while EXPUNGE may not be sent, and holds EXISTS back with it', async () => {
    await other.expunge([1])
    await add(other, 1)
    expect(sync(false)).toEqual([])
    expect(view.sequence(3)).toBe(3)
    expect(sync()).toEqual(['* 1 EXPUNGE', '* 5 EXISTS'])
    expect(view.sequence(3)).toBe(2)
  })

  it('does not speak of messages that came and went unseen', async () => {
    const [uid] = await add(other, 1)
    await other.store([uid!], 'add', ['\\Seen'])
    await other.expunge([uid!])
    expect(sync()).toEqual([])
  })

  it('tells flags once, with the newest', async () => {
    await other.store([2, 3], 'add', ['\\Seen'])
    await other.store([2], 'add', ['\\Flagged'])
    expect(sync(false)).toEqual(['* 2 FETCH (FLAGS (\\Flagged \\Seen) UID 2)', '* 3 FETCH (FLAGS (\\Seen) UID 3)'])
    expect(sync()).toEqual([])
  })

  it('tells flags with numbers as they were before EXPUNGE', async () => {
    await other.store([3], 'add', ['\\Seen'])
    await other.expunge([1])
    expect(sync()).toEqual(['* 3 FETCH (FLAGS (\\Seen) UID 3)', '* 1 EXPUNGE'])
  })

  it('tells keywords that are new to the mailbox', async () => {
    await other.store([1], 'add', ['$Label'])
    expect(sync()).toEqual([
      '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label)',
      '* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Label \\*)] Limited',
      '* 1 FETCH (FLAGS ($Label) UID 1)',
    ])
  })

  it('lets go of expunged messages only when they were told', async () => {
    await other.expunge([2])
    sync(false)
    expect((await view.mailbox.message(2)).size).toBe(9)
    sync()
    await expect(view.mailbox.message(2)).rejects.toThrow('no such message')
  })

  it('knows when its mailbox is gone', async () => {
    await account.create('Gone')
    const gone = new View(await account.open('Gone'), { readOnly: false, recent: false })
    await account.delete('Gone')
    expect(gone.gone).toBe(true)
    gone.close()
  })
})
