// What every mailbox store must do: one suite, run by the tests of each back end.
import { firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Failure } from '../base/failure.ts'
import { memoryContent } from '../message/content.ts'
import type {
  Delivery,
  MailAccount,
  Mailbox,
  MailboxChange,
  MailboxStore,
  NewMessage,
  SearchKey,
} from './mailbox-store.ts'

export interface StoreUnderTest {
  readonly store: MailboxStore
  /** Ends the store cleanly and opens the same mail again; null where mail does not outlive the store. */
  readonly reopen: (() => Promise<MailboxStore>) | null
  end(): Promise<void>
}

const DAY = Date.UTC(2026, 2, 14, 12)

export const text = (subject: string, body = 'Hello\r\n', more = ''): string =>
  `From: Ana <ana@estafeta.test>\r\nTo: paco@estafeta.test\r\nSubject: ${subject}\r\n` +
  `Date: Sat, 14 Mar 2026 23:30:00 -0500\r\nMessage-ID: <${subject.replace(/\W/g, '')}@estafeta.test>\r\n${more}\r\n${body}`

export const message = (octets: string | Buffer, options: Partial<NewMessage> = {}): NewMessage => ({
  content: memoryContent(typeof octets === 'string' ? Buffer.from(octets) : octets),
  flags: [],
  internalDate: DAY,
  ...options,
})

/** A mail file adds it to a message that is all header. */
const withEmptyLine = (octets: string): string => (octets.includes('\r\n\r\n') ? octets : `${octets}\r\n`)

export async function collect<T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = []
  for await (const batch of batches) all.push(...batch)
  return all
}

const isPermanent = (detail: string | RegExp) => (error: unknown) => {
  expect(error).toBeInstanceOf(Failure)
  expect((error as Failure).kind).toBe('permanent')
  expect((error as Failure).detail).toMatch(detail)
  return true
}
const refuses = async (promise: Promise<unknown>, detail: string | RegExp) => {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  isPermanent(detail)(error)
}

export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let under: StoreUnderTest
    let account: MailAccount
    let inbox: Mailbox

    beforeEach(async () => {
      under = await make()
      account = await under.store.account('ana@estafeta.test')
      inbox = await account.open('INBOX')
    })
    afterEach(() => under.end())
    const delivered = async (all: readonly Delivery[]) => Promise.all(await under.store.deliver(all))

    const changesOf = (mailbox: Mailbox): MailboxChange[] => {
      const seen: MailboxChange[] = []
      mailbox.changes$.subscribe((change) => seen.push(change))
      return seen
    }
    const found = async (key: SearchKey, mailbox = inbox) => [...(await mailbox.search(key))]
    const flagsOf = (uid: number, mailbox = inbox) => mailbox.meta(uid)?.flags.toSorted()
    const octetsOf = async (uid: number, mailbox = inbox) => {
      const stored = await mailbox.message(uid)
      const octets = await stored.read()
      stored.close()
      return octets.toString('latin1')
    }

    describe('messages', () => {
      it('appends in order and gives back the octets', async () => {
        const uids = await inbox.append([message(text('one')), message(text('two', 'Line\r\n.dot\r\n'))])
        expect(uids).toEqual([1, 2])
        expect([...inbox.uids()]).toEqual([1, 2])
        expect(inbox.uidNext).toBe(3)
        expect(await octetsOf(2)).toBe(text('two', 'Line\r\n.dot\r\n'))
        expect(inbox.meta(2)?.size).toBe(text('two', 'Line\r\n.dot\r\n').length)
        expect(inbox.meta(2)?.internalDate).toBe(DAY)
        expect(inbox.meta(7)).toBeNull()
      })

      it('gives any part of the octets', async () => {
        const body = Array.from({ length: 9000 }, (_, i) => `line ${i}\r\n`).join('')
        const whole = text('long', body)
        const [uid] = await inbox.append([message(whole)])
        const stored = await inbox.message(uid!)
        expect(stored.size).toBe(whole.length)
        expect((await stored.read(10, 30)).toString()).toBe(whole.slice(10, 30))
        expect((await stored.read(70_000, 70_101)).toString()).toBe(whole.slice(70_000, 70_101))
        expect((await stored.read(whole.length - 5, whole.length + 50)).toString()).toBe(whole.slice(-5))
        const parts: Buffer[] = []
        for await (const chunk of stored.chunks(1, 66_000)) {
          expect(chunk.length).toBeLessThanOrEqual(131_072)
          parts.push(chunk)
        }
        expect(Buffer.concat(parts).toString()).toBe(whole.slice(1, 66_000))
        stored.close()
      })

      it('keeps octets that are no text, and makes line ends CRLF', async () => {
        const odd = Buffer.concat([
          Buffer.from('Subject: x\r\n\r\nbare\nlf '),
          Buffer.from([0, 255, 128, 13, 65]),
          Buffer.from('\r\n'),
        ])
        const [uid] = await inbox.append([message(odd)])
        const expected = `Subject: x\r\n\r\nbare\r\nlf \0\xff\x80\rA\r\n`
        expect(await octetsOf(uid!)).toBe(expected)
        expect(inbox.meta(uid!)?.size).toBe(expected.length)
      })

      it('reads many messages in order and leaves out what is gone', async () => {
        await inbox.append([message(text('a')), message(text('b')), message(text('c'))])
        await inbox.expunge([2])
        inbox.release([2])
        const seen: [number, string][] = []
        for await (const { uid, message: stored } of inbox.messages(Uint32Array.of(1, 2, 3))) {
          seen.push([uid, (await stored.read(0, 4)).toString()])
          stored.close()
        }
        expect(seen).toEqual([
          [1, 'From'],
          [3, 'From'],
        ])
      })

      it('keeps messages with a very long header as they are', async () => {
        const long = `X-Long: ${'y'.repeat(500_000)}\r\n ${'z'.repeat(400_000)}\r\n`
        const octets = [
          `${long}${text('behind', 'body\r\n')}`,
          `${long}Subject: all header\r\n`,
          `${long.repeat(3)}\r\nx\r\n`,
        ]
        await inbox.append(octets.map((one) => message(one)))
        const read: string[] = []
        for await (const { message: stored } of inbox.messages(inbox.uids()))
          read.push((await stored.read()).toString())
        expect(read.slice(-3).map(withEmptyLine)).toEqual(octets.map(withEmptyLine))
        const sizes = inbox
          .uids()
          .slice(-3)
          .map((uid) => inbox.meta(uid)!.size)
        expect([...sizes]).toEqual(read.slice(-3).map((one) => one.length))
        const [header] = await collect(inbox.headers(inbox.uids().slice(-3, -2)))
        expect(header?.header.toString()).toBe(`${long}${text('behind', '')}`)
      })

      it('gives headers whole or field by field', async () => {
        await inbox.append([message(text('h1')), message('Subject: only a header\r\n')])
        const whole = await collect(inbox.headers(inbox.uids()))
        expect(whole[0]?.header.toString()).toBe(text('h1', ''))
        expect(whole[1]?.header.toString()).toBe('Subject: only a header\r\n\r\n')
        const some = await collect(inbox.headers(inbox.uids(), ['SUBJECT', 'From', 'X-None']))
        expect(some.map((h) => h.header.toString())).toEqual([
          'From: Ana <ana@estafeta.test>\r\nSubject: h1\r\n\r\n',
          'Subject: only a header\r\n\r\n',
        ])
      })

      it('describes messages as IMAP sends them', async () => {
        await inbox.append([message(text('described'))])
        const [first] = await collect(inbox.structures(inbox.uids()))
        expect(first?.uid).toBe(1)
        expect(first?.envelope).toContain('"described"')
        expect(first?.bodyStructure).toMatch(/^\("text" "plain"/i)
        expect(first?.body).toMatch(/^\("text" "plain"/i)
      })

      it('puts replies into the thread of the first message', async () => {
        const reply = text('re', 'x\r\n', 'In-Reply-To: <start@estafeta.test>\r\nReferences: <start@estafeta.test>\r\n')
        await inbox.append([message(text('start')), message(reply), message(text('other'))])
        const threads = [1, 2, 3].map((uid) => inbox.meta(uid)?.threadId)
        expect(threads[0]).toBe(threads[1])
        expect(threads[2]).not.toBe(threads[0])
        expect(new Set([1, 2, 3].map((uid) => inbox.meta(uid)?.emailId)).size).toBe(3)
        expect(await found({ kind: 'threadid', id: threads[0]! })).toEqual([1, 2])
        expect(await found({ kind: 'emailid', id: inbox.meta(3)!.emailId })).toEqual([3])
      })

      it('refuses a message that is not there', async () => {
        await refuses(inbox.message(99), 'no such message')
      })
    })

    describe('flags', () => {
      beforeEach(async () => {
        await inbox.append([
          message(text('a'), { flags: ['\\Seen'] }),
          message(text('b')),
          message(text('c'), { flags: ['$Forwarded'] }),
        ])
      })

      it('adds, removes and replaces', async () => {
        await inbox.store([1, 2], 'add', ['\\Flagged', 'Work'])
        expect(flagsOf(1)).toEqual(['Work', '\\Flagged', '\\Seen'])
        await inbox.store([1], 'remove', ['\\seen', 'WORK'])
        expect(flagsOf(1)).toEqual(['\\Flagged'])
        await inbox.store([1, 2, 3], 'replace', ['\\Draft'])
        expect([1, 2, 3].map((uid) => flagsOf(uid))).toEqual([['\\Draft'], ['\\Draft'], ['\\Draft']])
        expect(inbox.flags()).toContain('Work')
      })

      it('raises the mod-sequence of what changed, and only of that', async () => {
        const before = inbox.highestModSeq
        await inbox.store([1, 2], 'add', ['\\Seen'])
        expect(inbox.meta(1)!.modSeq).toBeLessThanOrEqual(before)
        expect(inbox.meta(2)!.modSeq).toBeGreaterThan(before)
        expect(inbox.highestModSeq).toBe(inbox.meta(2)!.modSeq)
        expect(await found({ kind: 'modseq', from: before + 1 })).toEqual([2])
      })

      it('leaves alone what changed since', async () => {
        const since = inbox.highestModSeq
        await inbox.store([2], 'add', ['\\Seen'])
        const { modified } = await inbox.store([1, 2, 3], 'add', ['\\Flagged'], since)
        expect(modified).toEqual([2])
        expect(flagsOf(2)).toEqual(['\\Seen'])
        expect(flagsOf(3)).toEqual(['$Forwarded', '\\Flagged'])
      })

      it('refuses keywords that nobody could send, and too many', async () => {
        await refuses(inbox.store([1], 'add', ['two words']), /bad keyword/)
        await refuses(
          inbox.store(
            [1],
            'add',
            Array.from({ length: 30 }, (_, i) => `k${i}`),
          ),
          /too many keywords/,
        )
        // none of them got a place
        expect(inbox.flags().filter((flag) => /^k\d/.test(flag))).toEqual([])
        await inbox.store([1], 'add', ['fresh'])
        expect(flagsOf(1)).toContain('fresh')
      })

      it('gives the slot of a keyword that no message has to a new one', async () => {
        for (let i = 0; i < 40; i++) await inbox.store([1], 'replace', [`word${i}`])
        expect(flagsOf(1)).toEqual(['word39'])
        expect(flagsOf(3)).toEqual(['$Forwarded'])
      })
    })

    describe('expunge', () => {
      beforeEach(async () => {
        await inbox.append(['a', 'b', 'c', 'd'].map((name) => message(text(name))))
      })

      it('takes messages out and never gives their UIDs again', async () => {
        const view = inbox.uids()
        expect(await inbox.expunge([2, 4, 77])).toEqual([2, 4])
        expect([...inbox.uids()]).toEqual([1, 3])
        expect([...view]).toEqual([1, 2, 3, 4])
        expect(await inbox.append([message(text('e'))])).toEqual([5])
        expect([...view]).toEqual([1, 2, 3, 4])
      })

      it('keeps a message as it was until every other session has let it go', async () => {
        const other = await account.open('INBOX')
        await inbox.store([2], 'add', ['\\Flagged'])
        const before = { ...other.meta(2) }
        await inbox.expunge([2])
        inbox.release([2])
        await refuses(inbox.message(2), 'no such message')
        expect(inbox.meta(2)).toBeNull()
        expect(await octetsOf(2, other)).toBe(text('b'))
        expect({ ...other.meta(2) }).toEqual(before)
        const wanted = Uint32Array.of(1, 2, 3)
        expect(
          (await collect(other.structures(wanted))).map(({ envelope }) => /"([abc])"/.exec(envelope)?.[1]),
        ).toEqual(['a', 'b', 'c'])
        expect((await collect(other.headers(wanted, ['subject']))).map(({ header }) => header.toString())).toEqual(
          ['a', 'b', 'c'].map((name) => `Subject: ${name}\r\n\r\n`),
        )
        other.release([2])
        await refuses(other.message(2), 'no such message')
        expect(other.meta(2)).toBeNull()
        other.close()
      })

      it('tells a session that opens afterwards nothing of it', async () => {
        const other = await account.open('INBOX')
        await inbox.expunge([2])
        const later = await account.open('INBOX')
        expect(later.meta(2)).toBeNull()
        await refuses(later.message(2), 'no such message')
        later.close()
        other.close()
      })

      it('lets go when a session closes', async () => {
        const other = await account.open('INBOX')
        await inbox.expunge([1])
        other.close()
        expect(await octetsOf(1)).toBe(text('a'))
      })
    })

    describe('changes', () => {
      it('tells every session in order', async () => {
        const other = await account.open('INBOX')
        const seen = changesOf(other)
        await inbox.append([message(text('a')), message(text('b'))])
        await inbox.store([2], 'add', ['\\Seen'])
        await inbox.expunge([1])
        expect(seen.map((change) => [change.kind, 'uids' in change ? change.uids : null])).toEqual([
          ['appended', [1, 2]],
          ['flags', [2]],
          ['expunged', [1]],
        ])
        const modSeqs = seen.map((change) => ('modSeq' in change ? change.modSeq : 0))
        expect(modSeqs).toEqual(modSeqs.toSorted((a, b) => a - b))
        other.close()
      })

      it('does not tell what did not change', async () => {
        await inbox.append([message(text('a'), { flags: ['\\Seen'] })])
        const seen = changesOf(inbox)
        await inbox.store([1], 'add', ['\\Seen'])
        await inbox.expunge([9])
        expect(seen).toEqual([])
      })

      it('tells of deliveries, also to the account', async () => {
        const change = firstValueFrom(inbox.changes$)
        const ofAccount = firstValueFrom(account.changes$)
        await delivered([{ account: 'ana@estafeta.test', mailbox: 'INBOX', message: message(text('new')) }])
        expect(await change).toMatchObject({ kind: 'appended', uids: [1] })
        expect(await ofAccount).toMatchObject({ mailbox: 'INBOX' })
      })

      it('tells of deletion and of a new name', async () => {
        await account.create('Old')
        const old = await account.open('Old')
        const seen = changesOf(old)
        await account.rename('Old', 'New')
        expect(old.name).toBe('New')
        await account.delete('New')
        expect(seen).toEqual([{ kind: 'renamed', name: 'New' }, { kind: 'deleted' }])
        old.close()
      })
    })

    describe('copy and move', () => {
      beforeEach(async () => {
        await account.create('Archive/2026')
        await inbox.append([
          message(text('a'), { flags: ['\\Seen', 'Work'] }),
          message(text('b'), { internalDate: DAY - 86_400_000 }),
        ])
      })

      it('copies octets, flags and dates', async () => {
        const { pairs, uidValidity } = await inbox.copy([2, 1, 9], 'Archive/2026')
        const target = await account.open('Archive/2026')
        expect(pairs).toEqual([
          [1, 1],
          [2, 2],
        ])
        expect(uidValidity).toBe(target.uidValidity)
        expect(flagsOf(1, target)).toEqual(['Work', '\\Seen'])
        expect(target.meta(2)?.internalDate).toBe(DAY - 86_400_000)
        expect(await octetsOf(2, target)).toBe(text('b'))
        expect(target.meta(1)?.emailId).toBe(inbox.meta(1)?.emailId)
        expect(target.meta(1)?.threadId).toBe(inbox.meta(1)?.threadId)
        expect([...inbox.uids()]).toEqual([1, 2])
        target.close()
      })

      it('moves', async () => {
        const seen = changesOf(inbox)
        const { pairs } = await inbox.move([1], 'Archive/2026')
        expect(pairs).toEqual([[1, 1]])
        expect([...inbox.uids()]).toEqual([2])
        expect(seen).toMatchObject([{ kind: 'expunged', uids: [1] }])
        const target = await account.open('Archive/2026')
        expect(await octetsOf(1, target)).toBe(text('a'))
        target.close()
      })

      it('copies within a mailbox', async () => {
        const { pairs } = await inbox.copy([1], 'INBOX')
        expect(pairs).toEqual([[1, 3]])
        expect(await octetsOf(3)).toBe(text('a'))
        await inbox.expunge([1])
        inbox.release([1])
        expect(await octetsOf(3)).toBe(text('a'))
      })

      it('refuses an unknown target and leaves all as it was', async () => {
        await refuses(inbox.copy([1], 'Nowhere'), 'no such mailbox')
        await refuses(inbox.move([1], 'Nowhere'), 'no such mailbox')
        expect([...inbox.uids()]).toEqual([1, 2])
      })
    })

    describe('search', () => {
      beforeEach(async () => {
        await inbox.append([
          message(text('Plain news', 'The quick brown fox\r\njumps over\r\n'), { flags: ['\\Seen'] }),
          message(
            text(
              '=?utf-8?Q?Gr=C3=B6=C3=9Fe?= matters',
              'Q2Fmw6kgY29uIGxlY2hl\r\n',
              'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n',
            ),
            { internalDate: DAY + 86_400_000, flags: ['Work'] },
          ),
          message(
            text(
              'Parts',
              '--b\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n' +
                '<p>se=F1or na=\r\nme</p>\r\n--b\r\nContent-Type: application/pdf; name="bill.pdf"\r\n' +
                'Content-Transfer-Encoding: base64\r\n\r\nbmVlZGxl\r\n--b--\r\n',
              'Content-Type: multipart/mixed; boundary=b\r\nX-Mark: here\r\n',
            ),
            { internalDate: DAY + 2 * 86_400_000 },
          ),
        ])
      })
      const header = (name: string, value: string): SearchKey => ({ kind: 'header', name, value })
      const body = (value: string): SearchKey => ({ kind: 'body', value })

      it('finds by header text, decoded, in any letter case', async () => {
        expect(await found(header('subject', 'PLAIN'))).toEqual([1])
        expect(await found(header('Subject', 'größe'))).toEqual([2])
        expect(await found(header('x-mark', ''))).toEqual([3])
        expect(await found(header('from', 'ana@'))).toEqual([1, 2, 3])
        expect(await found(header('from', 'subject'))).toEqual([])
      })

      it('finds across the lines of a field that was folded with a tab', async () => {
        await inbox.append([message(text('Minutes of\r\n\tMonday', 'a\tb\r\n'))])
        expect(await found(header('subject', 'minutes of monday'))).toEqual([4])
        expect(await found({ kind: 'text', value: 'of Monday' })).toEqual([4])
        expect(await found(header('subject', 'of\tMonday'))).toEqual([4])
      })

      it('finds by body text, decoded, any substring', async () => {
        expect(await found(body('QUICK brown'))).toEqual([1])
        expect(await found(body('ick b'))).toEqual([1])
        expect(await found(body('ox'))).toEqual([1])
        expect(await found(body('café con'))).toEqual([2])
        expect(await found(body('señor name'))).toEqual([3])
        expect(await found(body('needle'))).toEqual([])
        expect(await found(body('bill.pdf'))).toEqual([3])
        expect(await found(body('Plain'))).toEqual([])
        expect(await found(body('brown jumps'))).toEqual([])
        expect(await found(body('fox\r\njumps'))).toEqual([1])
      })

      it('finds in reports, in UTF-7, and what a very long field stands before', async () => {
        const report = 'Content-Type: message/delivery-status\r\n'
        await inbox.append([
          message(text('Report', 'Final-Recipient: rfc822; gone@example.org\r\n', report)),
          message(text('+ZeVnLIqe-', 'Hi +ZeVnLIqe- +- x\r\n', 'Content-Type: text/plain; charset=utf-7\r\n')),
          message(`X-Long: ${'y'.repeat(900_000)}\r\n${text('behind', 'short\r\n')}`),
        ])
        expect(await found(body('gone@EXAMPLE'))).toEqual([4])
        expect(await found(body('日本語 + x'))).toEqual([5])
        expect(await found(header('subject', 'behind'))).toEqual([6])
        expect(await found({ kind: 'text', value: 'behind' })).toEqual([6])
        expect(await found({ kind: 'on', of: 'sent', day: '2026-03-14' })).toEqual([1, 2, 3, 4, 5, 6])
      })

      it('finds by text anywhere', async () => {
        expect(await found({ kind: 'text', value: 'plain news' })).toEqual([1])
        expect(await found({ kind: 'text', value: 'fox' })).toEqual([1])
        expect(await found({ kind: 'text', value: 'matters' })).toEqual([2])
        expect(await found({ kind: 'text', value: '' })).toEqual([1, 2, 3])
      })

      it('finds by flags, dates, sizes and UIDs', async () => {
        expect(await found({ kind: 'flag', flag: '\\Seen' })).toEqual([1])
        expect(await found({ kind: 'flag', flag: 'work' })).toEqual([2])
        expect(await found({ kind: 'flag', flag: 'unknown' })).toEqual([])
        expect(await found({ kind: 'since', of: 'internal', day: '2026-03-15' })).toEqual([2, 3])
        expect(await found({ kind: 'before', of: 'internal', day: '2026-03-15' })).toEqual([1])
        expect(await found({ kind: 'on', of: 'internal', day: '2026-03-15' })).toEqual([2])
        expect(await found({ kind: 'on', of: 'sent', day: '2026-03-14' })).toEqual([1, 2, 3])
        expect(await found({ kind: 'before', of: 'sent', day: '2026-03-14' })).toEqual([])
        const sizes = [1, 2, 3].map((uid) => inbox.meta(uid)!.size)
        expect(await found({ kind: 'larger', size: sizes[0]! })).toEqual(
          [2, 3].filter((uid) => sizes[uid - 1]! > sizes[0]!),
        )
        expect(await found({ kind: 'smaller', size: sizes[0]! })).toEqual(
          [2, 3].filter((uid) => sizes[uid - 1]! < sizes[0]!),
        )
        expect(await found({ kind: 'uids', uids: Uint32Array.of(3, 1, 99) })).toEqual([1, 3])
      })

      it('combines keys', async () => {
        const seen: SearchKey = { kind: 'flag', flag: '\\Seen' }
        expect(await found({ kind: 'not', key: seen })).toEqual([2, 3])
        expect(await found({ kind: 'or', keys: [body('leche'), seen] })).toEqual([1, 2])
        expect(await found({ kind: 'and', keys: [body('fox'), { kind: 'not', key: seen }] })).toEqual([])
        expect(await found({ kind: 'and', keys: [] })).toEqual([1, 2, 3])
      })

      it('finds what was appended a moment ago', async () => {
        await inbox.append([message(text('late', 'quick again\r\n'))])
        expect(await found(body('quick'))).toEqual([1, 4])
        await inbox.expunge([1])
        expect(await found(body('quick'))).toEqual([4])
      })

      it('stops when told to', async () => {
        await expect(inbox.search(body('fox'), AbortSignal.abort())).rejects.toThrow()
      })
    })

    describe('mailboxes', () => {
      it('has an INBOX from the start, in any letter case', async () => {
        expect(await account.list()).toMatchObject([{ name: 'INBOX', selectable: true, hasChildren: false }])
        expect(await account.exists('inbox')).toBe(true)
        await refuses(account.create('Inbox'), 'mailbox exists')
        await refuses(account.delete('INBOX'), /INBOX/)
      })

      it('creates, lists and deletes a tree', async () => {
        await account.create('Work/2026/März')
        await account.create('Drafts')
        await account.create('Keep', ['\\Archive'])
        expect((await account.list()).map((m) => [m.name, m.selectable, m.hasChildren, m.specialUse])).toEqual([
          ['INBOX', true, false, []],
          ['Drafts', true, false, ['\\Drafts']],
          ['Keep', true, false, ['\\Archive']],
          ['Work', false, true, []],
          ['Work/2026', false, true, []],
          ['Work/2026/März', true, false, []],
        ])
        await refuses(account.open('Work'), 'no such mailbox')
        await account.create('Work')
        await account.delete('Work')
        expect(await account.exists('Work/2026/März')).toBe(true)
        await account.delete('Work/2026/März')
        expect((await account.list()).map((m) => m.name)).toEqual(['INBOX', 'Drafts', 'Keep'])
        await refuses(account.delete('Work'), 'no such mailbox')
      })

      it('refuses bad names', async () => {
        await refuses(account.create('a//b'), /bad mailbox name/)
        await refuses(account.create('/a'), /bad mailbox name/)
        await refuses(account.create('../b'), /bad mailbox name/)
        await refuses(account.create('a\u0000b'), /bad mailbox name/)
        await refuses(account.create('x'.repeat(300)), /bad mailbox name/)
      })

      it('keeps names with dots, ampersands and other letters apart', async () => {
        const names = ['a.b', 'a/b', 'R&D', '日本語', 'with space', 'tilde~']
        for (const name of names) await account.create(name)
        const listed = (await account.list()).filter((m) => m.selectable).map((m) => m.name)
        expect(listed.toSorted()).toEqual(['INBOX', ...names].toSorted())
      })

      it('renames with all below, and INBOX by moving its messages', async () => {
        await account.create('Old')
        await account.create('Old/Sub')
        const sub = await account.open('Old/Sub')
        await sub.append([message(text('kept'))])
        const { uidValidity, mailboxId } = sub
        await account.rename('Old', 'New/Place')
        expect((await account.list()).map((m) => m.name)).toEqual(['INBOX', 'New', 'New/Place', 'New/Place/Sub'])
        const again = await account.open('New/Place/Sub')
        expect(again.mailboxId).toBe(mailboxId)
        expect(again.uidValidity).toBe(uidValidity)
        expect(await octetsOf(1, again)).toBe(text('kept'))
        await refuses(account.rename('None', 'X'), 'no such mailbox')
        await refuses(account.rename('New/Place', 'INBOX'), 'mailbox exists')
        await inbox.append([message(text('inbox'))])
        await account.rename('INBOX', 'Moved')
        expect(inbox.uids().length).toBe(0)
        expect((await account.open('Moved')).uids().length).toBe(1)
      })

      it('gives a re-created mailbox a higher UIDVALIDITY and another id', async () => {
        await account.create('Again')
        const first = await account.open('Again')
        await account.delete('Again')
        await account.create('Again')
        const second = await account.open('Again')
        expect(second.uidValidity).toBeGreaterThan(first.uidValidity)
        expect(second.mailboxId).not.toBe(first.mailboxId)
      })

      it('remembers subscriptions', async () => {
        await account.create('News')
        await account.subscribe('News', true)
        expect((await account.list()).filter((m) => m.subscribed).map((m) => m.name)).toEqual(['News'])
        await account.subscribe('News', false)
        expect((await account.list()).filter((m) => m.subscribed)).toEqual([])
      })

      it('counts', async () => {
        await account.create('Other')
        const other = await account.open('Other')
        await inbox.append([message(text('a'), { flags: ['\\Seen', '\\Deleted'] }), message(text('b'))])
        await other.append([message(text('c'))])
        expect(inbox.status()).toMatchObject({
          messages: 2,
          unseen: 1,
          deleted: 1,
          uidNext: 3,
          size: 2 * text('a').length,
        })
        expect(inbox.status().mailboxId).toMatch(/^[0-9a-f]+$/)
        expect(await account.usage()).toEqual({ messages: 3, bytes: 3 * text('a').length })
        await inbox.expunge([1])
        expect(await account.usage()).toEqual({ messages: 2, bytes: 2 * text('a').length })
      })
    })

    describe('delivery', () => {
      const to = (account: string, mailbox: string, key: string, subject: string) => ({
        account,
        mailbox,
        message: message(text(subject), { key }),
      })

      it('delivers to many, creating what is missing', async () => {
        const answers = await delivered([
          to('ana@estafeta.test', 'INBOX', 'q1/0', 'one'),
          to('paco@estafeta.test', 'Lists/dev', 'q1/1', 'one'),
          to('ana@estafeta.test', '../..', 'q1/2', 'one'),
        ])
        expect(answers[0]).toBeNull()
        expect(answers[1]).toBeNull()
        expect(answers[2]).toBeInstanceOf(Failure)
        const paco = await under.store.account('paco@estafeta.test')
        const lists = await paco.open('Lists/dev')
        expect(await octetsOf(1, lists)).toBe(text('one'))
        lists.close()
        paco.close()
      })

      it('delivers the same key once', async () => {
        const once = [to('ana@estafeta.test', 'INBOX', 'q2/0', 'same')]
        expect(await delivered(once)).toEqual([null])
        await inbox.store([1], 'add', ['\\Seen'])
        expect(await delivered(once)).toEqual([null])
        expect([...inbox.uids()]).toEqual([1])
        expect(await delivered([to('ana@estafeta.test', 'INBOX', 'q2/1', 'same')])).toEqual([null])
        expect([...inbox.uids()]).toEqual([1, 2])
      })

      it('shows a batch of deliveries, to sessions that wait and to new ones, by the time it answers', async () => {
        const seen = changesOf(inbox)
        const users = Array.from({ length: 12 }, (_, n) => (n % 3 === 0 ? 'ana' : `user${n}`))
        const answers = await delivered(
          users.map((user, n) => ({
            account: `${user}@estafeta.test`,
            mailbox: 'INBOX',
            message: message(text(`m${n}`), { key: `batch/${n}` }),
          })),
        )
        expect(answers).toEqual(users.map(() => null))
        expect(seen.flatMap((change) => ('uids' in change ? [...change.uids] : []))).toEqual([1, 2, 3, 4])
        expect(await Promise.all([1, 2, 3, 4].map((uid) => octetsOf(uid)))).toEqual(
          [0, 3, 6, 9].map((n) => text(`m${n}`)),
        )
        const other = await (await under.store.account('user11@estafeta.test')).open('INBOX')
        expect(other.status()).toMatchObject({ messages: 1, unseen: 1, uidNext: 2 })
        expect(await octetsOf(1, other)).toBe(text('m11'))
        other.close()
      })
    })

    it('keeps all that clients have seen when it is opened again', async () => {
      if (!under.reopen) return
      await inbox.append([message(text('a'), { flags: ['\\Seen', 'Work'] }), message(text('b')), message(text('c'))])
      await inbox.store([2], 'add', ['\\Flagged'])
      await inbox.expunge([3])
      await account.create('Sub/Folder', ['\\Junk'])
      await account.subscribe('Sub/Folder', true)
      const before = {
        status: inbox.status(),
        meta: [1, 2].map((uid) => ({ ...inbox.meta(uid), emailId: inbox.meta(uid)!.emailId })),
      }
      inbox.close()
      account.close()
      const store = await under.reopen()
      const again = await store.account('ana@estafeta.test')
      const mailbox = await again.open('INBOX')
      expect(mailbox.status()).toEqual(before.status)
      expect([1, 2].map((uid) => ({ ...mailbox.meta(uid), emailId: mailbox.meta(uid)!.emailId }))).toEqual(before.meta)
      expect(await octetsOf(1, mailbox)).toBe(text('a'))
      expect((await again.list()).find((m) => m.name === 'Sub/Folder')).toMatchObject({
        subscribed: true,
        specialUse: ['\\Junk'],
      })
      expect(await mailbox.append([message(text('d'))])).toEqual([4])
      mailbox.close()
      again.close()
    })
  })
}
