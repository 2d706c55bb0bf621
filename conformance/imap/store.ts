// IMAP: STORE, and what becomes of flags and keywords.
import { check, Skipped } from '../judgement.ts'
import { flags, itemIn, numbers, same, search, topic, uidOf, uids } from './cases.ts'
import { codeOf, fetched, flagsOf, type Imap, quoted, type Result } from './client.ts'
import { CORPUS } from './corpus.ts'
import { again } from './suite.ts'

const define = topic('store', 'selected')
const RFC = '9051 §6.4.6'
const COUNT = CORPUS.length
const NONE = 4_000_000_000

/** Flags but \Recent that the FETCH responses of a command tell of a message; null when none tells any. */
function told(result: Result, number: number): string[] | null {
  const value = fetched(result).get(number)?.get('FLAGS')
  return value === undefined ? null : flagsOf(value).filter((flag) => flag !== '\\recent')
}

/** STORE tells these flags, and a FETCH confirms them. */
const stores = (slug: string, requirement: string, number: number, rest: string, wanted: readonly string[]) =>
  define(slug, RFC, requirement, async (c) => {
    const result = await c.ok(`STORE ${number} ${rest}`)
    same(told(result, number), wanted, 'flags in the answer')
    same(await flags(c, number), wanted, 'flags after it')
  })

const silent = (slug: string, requirement: string, number: number, rest: string, wanted: readonly string[]) =>
  define(
    slug,
    RFC,
    requirement,
    async (c) => {
      // what was never told may be told at any time, and a server may tell more than it must
      await flags(c, number)
      const result = await c.ok(`STORE ${number} ${rest}`)
      same(told(result, number), null, 'flags in the answer')
      same(await flags(c, number), wanted, 'flags after it')
      await flags(c, 5)
      const byUid = await c.ok(`UID STORE ${await uidOf(c, 5)} ${rest}`)
      same(told(byUid, 5), null, 'flags in the answer to UID STORE')
    },
    { level: 'should' },
  )

/** STORE of what is so already leaves these flags; servers may see nothing to tell. */
const leaves = (slug: string, requirement: string, number: number, rest: string, wanted: readonly string[]) =>
  define(slug, RFC, requirement, async (c) => {
    const result = await c.ok(`STORE ${number} ${rest}`)
    same(told(result, number) ?? wanted, wanted, 'flags in the answer')
    same(await flags(c, number), wanted, 'flags after it')
  })

function needNewKeywords(c: Imap): void {
  const code = codeOf(c.selected!, 'PERMANENTFLAGS')
  if (code !== null && !code.text.includes('\\*')) throw new Skipped('PERMANENTFLAGS lets no keyword be made')
}

const systemFlags = ['\\Answered', '\\Deleted', '\\Draft', '\\Flagged', '\\Seen'].map((flag) =>
  define(`sets-${flag.slice(1).toLowerCase()}`, '9051 §2.3.2', `STORE +FLAGS (${flag}) sets ${flag}.`, async (c) => {
    await c.ok(`STORE 4 +FLAGS (${flag})`)
    same(await flags(c, 4), [flag.toLowerCase()], 'flags')
  }),
)

export const storeCases = [
  ...systemFlags,
  stores('replace', 'STORE FLAGS replaces all flags by those given, and tells them.', 3, 'FLAGS (\\Flagged)', [
    '\\flagged',
  ]),
  stores('replace-by-none', 'STORE FLAGS () takes all flags off.', 3, 'FLAGS ()', []),
  stores('add', 'STORE +FLAGS adds flags to those that are set, and tells all of them.', 2, '+FLAGS (\\Draft \\Seen)', [
    '\\draft',
    '\\flagged',
    '\\seen',
  ]),
  leaves('add-again', 'STORE +FLAGS of a flag that is set leaves it set.', 1, '+FLAGS (\\Seen)', ['\\seen']),
  stores('remove', 'STORE -FLAGS removes the flags given and leaves the others.', 3, '-FLAGS (\\Seen)', ['\\answered']),
  leaves('remove-absent', 'STORE -FLAGS of a flag that is not set changes nothing.', 2, '-FLAGS (\\Seen)', [
    '\\flagged',
  ]),
  silent('replace-silent', 'FLAGS.SILENT replaces the flags without telling them.', 3, 'FLAGS.SILENT (\\Draft)', [
    '\\draft',
  ]),
  silent('add-silent', '+FLAGS.SILENT adds flags without telling them.', 2, '+FLAGS.SILENT (\\Seen)', [
    '\\flagged',
    '\\seen',
  ]),
  silent('remove-silent', '-FLAGS.SILENT removes flags without telling them.', 3, '-FLAGS.SILENT (\\Seen)', [
    '\\answered',
  ]),
  define('several', RFC, 'STORE of a set changes all its messages and tells each.', async (c) => {
    const result = await c.ok('STORE 1,4:5 +FLAGS (\\Flagged)')
    for (const n of [1, 4, 5])
      check(told(result, n)?.includes('\\flagged') ?? false, `\\Flagged told of ${n}`, 'not so')
    same(await search(c, 'FLAGGED'), [1, 2, 4, 5], 'flagged messages')
  }),
  define('not-others', RFC, 'STORE leaves the messages that are not in its set alone.', async (c) => {
    await c.ok('STORE 4 FLAGS (\\Flagged)')
    same([await flags(c, 1), await flags(c, 3), await flags(c, 5)], [['\\seen'], ['\\answered', '\\seen'], []], 'flags')
  }),
  define('flags-any-case', '9051 §9', 'Names of flags are understood in any case.', async (c) => {
    await c.ok('STORE 4 +FLAGS (\\sEEN)')
    same(await search(c, 'SEEN'), [1, 3, 4], 'seen messages')
  }),
  define('without-parentheses', '9051 §9 store-att-flags', 'Flags may be given without parentheses.', async (c) => {
    await c.ok('STORE 4 +FLAGS \\Seen \\Draft')
    same(await flags(c, 4), ['\\draft', '\\seen'], 'flags')
  }),
  define('permanent', '9051 §2.3.2', 'A change of permanent flags is there in later sessions.', async (c) => {
    await c.ok('STORE 4 +FLAGS (\\Flagged)')
    await c.ok('STORE 3 -FLAGS (\\Answered)')
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same([await flags(other, 4), await flags(other, 3)], [['\\flagged'], ['\\seen']], 'flags in another session')
  }),
  define('keyword', '9051 §2.3.2', 'With \\* in PERMANENTFLAGS, STORE makes a new keyword and sets it.', async (c) => {
    needNewKeywords(c)
    await c.ok('STORE 4 +FLAGS (ConformanceWord)')
    same(await flags(c, 4), ['conformanceword'], 'flags')
  }),
  define('keyword-permanent', '9051 §7.1', 'With \\* in PERMANENTFLAGS, a new keyword is kept.', async (c) => {
    needNewKeywords(c)
    await c.ok('STORE 4 +FLAGS (ConformanceWord)')
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same(await flags(other, 4), ['conformanceword'], 'flags in another session')
  }),
  define('keyword-removed', RFC, 'STORE -FLAGS takes a keyword off.', async (c) => {
    needNewKeywords(c)
    await c.ok('STORE 4 +FLAGS (ConformanceWord \\Seen)')
    await c.ok('STORE 4 -FLAGS (ConformanceWord)')
    same(await flags(c, 4), ['\\seen'], 'flags')
  }),
  define(
    'known-keywords',
    '9051 §2.3.2',
    '$Forwarded, $MDNSent, $Junk, $NotJunk and $Phishing can be set.',
    async (c) => {
      await c.ok('STORE 4 FLAGS ($Forwarded $MDNSent)')
      await c.ok('STORE 5 FLAGS ($Junk $Phishing)')
      await c.ok('STORE 6 FLAGS ($NotJunk)')
      same(
        [await flags(c, 4), await flags(c, 5), await flags(c, 6)],
        [['$forwarded', '$mdnsent'], ['$junk', '$phishing'], ['$notjunk']],
        'flags',
      )
    },
    { level: 'should' },
  ),
  define(
    'recent',
    '3501 §2.3.2',
    '\\Recent is not changed by STORE.',
    async (c) => {
      const before = flagsOf(itemIn(fetched(await c.ok('FETCH 4 (FLAGS)')), 4, 'FLAGS')).includes('\\recent')
      // some refuse the flag, some ignore it
      await c.send(`STORE 4 ${before ? '-' : '+'}FLAGS (\\Recent)`)
      const after = flagsOf(itemIn(fetched(await c.ok('FETCH 4 (FLAGS)')), 4, 'FLAGS')).includes('\\recent')
      same(after, before, '\\Recent')
    },
    { capabilities: ['IMAP4REV1'] },
  ),
  define(
    'read-only',
    '9051 §6.3.3',
    'STORE in a mailbox opened by EXAMINE changes nothing that other sessions see.',
    async (c) => {
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      await c.send('STORE 4 +FLAGS (\\Flagged)')
      const other = await again(c)
      await other.must(`EXAMINE ${quoted(c.mailbox)}`)
      same(await flags(other, 4), [], 'flags in another session')
    },
  ),
  define(
    'read-only-refused',
    '9051 §6.4.6',
    'STORE in a mailbox opened by EXAMINE is answered by NO.',
    async (c) => {
      await c.must(`EXAMINE ${quoted(c.mailbox)}`)
      await c.send('STORE 4 +FLAGS (\\Flagged)', 'NO')
    },
    { level: 'should' },
  ),
  define('uid-store', '9051 §6.4.9', 'UID STORE changes the messages with those UIDs.', async (c) => {
    await c.ok(`UID STORE ${await uidOf(c, 1)} +FLAGS (\\Flagged)`)
    same(
      [await search(c, 'FLAGGED'), await flags(c, 1)],
      [
        [1, 2],
        ['\\flagged', '\\seen'],
      ],
      'flagged messages and flags',
    )
    await c.ok(`UID STORE ${await uidOf(c, 3)} -FLAGS (\\Seen)`)
    same([await search(c, 'SEEN'), await flags(c, 3)], [[1], ['\\answered']], 'seen messages and flags')
  }),
  define('uid-store-set', '9051 §6.4.9', 'UID STORE of a set of UIDs changes all its messages.', async (c) => {
    const all = await uids(c)
    await c.ok(`UID STORE ${all[0]},${all[3]}:${all[4]} +FLAGS (\\Flagged)`)
    same(await search(c, 'FLAGGED'), [1, 2, 4, 5], 'flagged messages')
    await c.ok(`UID STORE ${all[2]}:* -FLAGS.SILENT (\\Flagged)`)
    same(await search(c, 'FLAGGED'), [1, 2], 'flagged messages')
  }),
  define('uid-store-has-uid', '9051 §6.4.9', 'FETCH responses to UID STORE have UID.', async (c) => {
    const uid = await uidOf(c, 5)
    const all = fetched(await c.ok(`UID STORE ${uid} +FLAGS (\\Flagged)`))
    same(Number(itemIn(all, 5, 'UID').text), uid, 'UID')
  }),
  define(
    'uid-store-missing',
    '9051 §6.4.9',
    'UID STORE of a UID that does not exist is answered by OK without data.',
    async (c) => {
      const result = await c.ok(`UID STORE ${NONE} +FLAGS (\\Flagged)`)
      same(numbers(result, 'FETCH'), [], 'FETCH responses for messages')
    },
  ),
  define(
    'beyond',
    '9051 §9 seq-number',
    'STORE of a number above the number of messages is answered by BAD.',
    async (c) => c.send(`STORE ${COUNT + 5} +FLAGS (\\Seen)`, 'BAD'),
    { level: 'should' },
  ),
  define(
    'unknown-item',
    '9051 §9 store-att-flags',
    'STORE of something that is not FLAGS is answered by BAD.',
    async (c) => c.send('STORE 1 NOSUCHITEM (\\Seen)', 'BAD'),
  ),
  define(
    'without-flags',
    '9051 §9 store',
    'STORE without flags is answered by BAD.',
    async (c) => c.send('STORE 1 +FLAGS', 'BAD'),
    { level: 'should' },
  ),
  define(
    'unopened',
    '9051 §6.4',
    'STORE without an opened mailbox is answered by BAD.',
    async (c) => c.send('STORE 1 +FLAGS (\\Seen)', 'BAD'),
    { state: 'authenticated' },
  ),
  define(
    'size-kept',
    '9051 §2.3.1.1',
    'STORE changes neither UID, internal date nor size of the message.',
    async (c) => {
      const read = async () =>
        [...(await c.fetch('4', '(UID INTERNALDATE RFC822.SIZE)'))].map(([, all]) => [...all].sort())
      const before = await read()
      await c.ok('STORE 4 FLAGS (\\Deleted)')
      same(await read(), before, 'UID, date and size')
    },
  ),
]
