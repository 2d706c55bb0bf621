// IMAP: messages made of others: REPLACE (RFC 8508), CATENATE (RFC 4469) and URLAUTH (RFC 4467).
import { check, visible } from '../judgement.ts'
import { expand, flags, item, numbers, octets, same, search, topic, uidOf, uids } from './cases.ts'
import { codeOf, fetched, flagsOf, type Imap, literal, type Parts, quoted, type Result, untagged } from './client.ts'
import { CORPUS, number } from './corpus.ts'
import { again, freshMailbox, freshName } from './suite.ts'

const COUNT = CORPUS.length
const NEW = [
  'Date: Tue, 14 Jan 2020 10:00:00 +0000',
  'From: ana@conformance.example',
  'Subject: replacement',
  '',
  'new text',
  '',
].join('\r\n')

const bodyOf = async (c: Imap, n: number): Promise<string> =>
  octets(await item(c, n, 'BODY.PEEK[]', 'BODY[]'), 'BODY[]')

const replace = topic('replace', 'selected', 'REPLACE')

/** `REPLACE 4 mailbox (flags) "date" {literal}`; the set and mailbox come in `head`. */
const replacing = (head: string, text = NEW): Parts => [`${head} `, literal(text)]

export const replaceCases = [
  replace(
    'replaces',
    '8508 §3.4',
    'REPLACE appends the new message and removes the one that it replaces.',
    async (c) => {
      const before = await uids(c)
      await c.ok(replacing(`REPLACE 4 ${quoted(c.mailbox)}`))
      await c.ok('NOOP')
      const after = await uids(c)
      same(
        after.slice(0, -1),
        before.filter((_, i) => i !== 3),
        'UIDs of the messages that were there',
      )
      same(await bodyOf(c, COUNT), NEW, 'the new message')
    },
  ),
  replace(
    'expunge-told',
    '8508 §3.2',
    'REPLACE tells the message that it removed by EXPUNGE before its end.',
    async (c) => same(numbers(await c.ok(replacing(`REPLACE 4 ${quoted(c.mailbox)}`)), 'EXPUNGE'), [4], 'EXPUNGE'),
  ),
  replace(
    'no-deleted-told',
    '8508 §3.4',
    'REPLACE tells no flag \\Deleted of the message that it removes.',
    async (c) => {
      const result = await c.ok(replacing(`REPLACE 4 ${quoted(c.mailbox)}`))
      const told = [...fetched(result).values()].filter((all) => flagsOf(all.get('FLAGS')).includes('\\deleted'))
      same(told.length, 0, 'FETCH responses with \\Deleted')
    },
  ),
  replace('other-deleted', '8508 §3.4', 'REPLACE does not remove other messages with \\Deleted.', async (c) => {
    await c.must('STORE 2 +FLAGS.SILENT (\\Deleted)')
    await c.ok(replacing(`REPLACE 4 ${quoted(c.mailbox)}`))
    await c.ok('NOOP')
    same((await uids(c)).length, COUNT, 'messages')
    same(await search(c, 'DELETED'), [2], 'messages with \\Deleted')
  }),
  replace('no-inheritance', '8508 §1', 'The new message does not take over flags of the old one.', async (c) => {
    await c.ok(replacing(`REPLACE 3 ${quoted(c.mailbox)}`))
    await c.ok('NOOP')
    same(await flags(c, COUNT), [], 'flags')
  }),
  replace('flags-and-date', '8508 §3.2', 'REPLACE gives the new message the flags that it was given.', async (c) => {
    await c.ok(replacing(`REPLACE 4 ${quoted(c.mailbox)} (\\Seen \\Draft) "14-Jan-2020 10:00:00 +0000"`))
    await c.ok('NOOP')
    same(await flags(c, COUNT), ['\\draft', '\\seen'], 'flags')
  }),
  replace('elsewhere', '8508 §3.4', 'REPLACE may put the new message into another mailbox.', async (c) => {
    const target = await freshMailbox(c)
    await c.ok(replacing(`REPLACE 4 ${quoted(target)}`))
    await c.ok('NOOP')
    same((await uids(c)).length, COUNT - 1, 'messages of the source')
    await c.must(`EXAMINE ${quoted(target)}`)
    same(await bodyOf(c, 1), NEW, 'the message of the target')
  }),
  replace('uid', '8508 §3.3', 'UID REPLACE replaces the message with that UID.', async (c) => {
    const before = await uids(c)
    await c.ok(replacing(`UID REPLACE ${before[3]} ${quoted(c.mailbox)}`))
    await c.ok('NOOP')
    same(
      (await uids(c)).slice(0, -1),
      before.filter((_, i) => i !== 3),
      'UIDs of the messages that were there',
    )
  }),
  replace(
    'appenduid',
    '8508 §4.3',
    'UID REPLACE tells APPENDUID of the new message.',
    async (c) => {
      const result = await c.ok(replacing(`UID REPLACE ${await uidOf(c, 4)} ${quoted(c.mailbox)}`))
      const code = codeOf(result, 'APPENDUID')
      await c.ok('NOOP')
      same(
        code === null ? null : expand(code.text.split(' ')[1] ?? ''),
        [(await uids(c)).at(-1)],
        'the UID of APPENDUID',
      )
    },
    { level: 'should', capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  replace(
    'trycreate',
    '8508 §3.4',
    'REPLACE into a mailbox that does not exist is answered by NO with TRYCREATE.',
    async (c) => {
      const { status, code, raw } = await c.send(replacing(`REPLACE 4 ${quoted(freshName(c))}`))
      check(status === 'NO' && code?.name === 'TRYCREATE', 'NO [TRYCREATE]', visible(raw))
    },
  ),
  replace('failed-keeps', '8508 §3.4', 'REPLACE that fails removes nothing and tells no EXPUNGE.', async (c) => {
    const result = await c.send(replacing(`REPLACE 4 ${quoted(freshName(c))}`), 'NO')
    same(numbers(result, 'EXPUNGE'), [], 'EXPUNGE')
    await c.ok('NOOP')
    same((await uids(c)).length, COUNT, 'messages')
  }),
  replace(
    'unselected',
    '8508 §3.5',
    'REPLACE without a selected mailbox is answered by BAD.',
    async (c) => c.send(replacing(`REPLACE 1 ${quoted(freshName(c))}`), 'BAD'),
    { state: 'authenticated' },
  ),
  replace('read-only', '9051 §6.3.3', 'REPLACE in a mailbox opened by EXAMINE removes nothing.', async (c) => {
    await c.must(`EXAMINE ${quoted(c.mailbox)}`)
    const before = await uids(c)
    same(numbers(await c.send(replacing(`REPLACE 4 ${quoted(c.mailbox)}`)), 'EXPUNGE'), [], 'EXPUNGE')
    const other = await again(c)
    await other.must(`EXAMINE ${quoted(c.mailbox)}`)
    same((await uids(other)).slice(0, COUNT), before, 'UIDs of the messages that were there')
  }),
]

const catenate = topic('catenate', 'selected', 'CATENATE')

/** A URL of a message of the case's mailbox, as RFC 4469 has it: relative, from the root. */
async function urlOf(c: Imap, n: number, part = ''): Promise<string> {
  const name = c.mailbox.split('/').map(encodeURIComponent).join('/')
  return `/${name}/;UID=${await uidOf(c, n)}${part === '' ? '' : `/;SECTION=${part}`}`
}

const made = async (c: Imap): Promise<string> => {
  await c.ok('NOOP')
  return bodyOf(c, COUNT + 1)
}

const append = (c: Imap, parts: Parts, about = ''): Promise<Result> =>
  c.ok([`APPEND ${quoted(c.mailbox)}${about} CATENATE (`, ...parts, ')'])

const text = (octetsOf: string): (string | ReturnType<typeof literal>)[] => ['TEXT ', literal(octetsOf)]

export const catenateCases = [
  catenate('text', '4469 §3', 'TEXT parts are joined in their order.', async (c) => {
    await append(c, [...text(NEW), ' ', ...text('more\r\n'), ' ', ...text('and more\r\n')])
    same(await made(c), `${NEW}more\r\nand more\r\n`, 'the message')
  }),
  catenate('url', '4469 §3', 'A URL of a message stands for its octets.', async (c) => {
    await append(c, [`URL ${quoted(await urlOf(c, number('plain')))}`])
    same(await made(c), CORPUS[0]!.text, 'the message')
  }),
  catenate('url-section', '4469 §3', 'A URL with a section stands for the octets of that section.', async (c) => {
    const source = number('multipart')
    const [header, part] = [await urlOf(c, source, 'HEADER'), await urlOf(c, source, '2')]
    await append(c, [`URL ${quoted(header)} URL ${quoted(part)}`])
    const wanted = CORPUS[1]!.text
    same(await made(c), `${wanted.slice(0, wanted.indexOf('\r\n\r\n') + 4)}AAECAwT/`, 'the message')
  }),
  catenate('mixed', '4469 §3', 'TEXT and URL may stand beside each other.', async (c) => {
    await append(c, [...text(NEW), ` URL ${quoted(await urlOf(c, number('nested'), '1'))} `, ...text('\r\nend\r\n')])
    same(await made(c), `${NEW}See the message below.\r\nend\r\n`, 'the message')
  }),
  catenate('flags', '4469 §3', 'Flags given are those of the new message.', async (c) => {
    await append(c, text(NEW), ' (\\Seen \\Draft)')
    await c.ok('NOOP')
    same(await flags(c, COUNT + 1), ['\\draft', '\\seen'], 'flags')
  }),
  catenate('keeps-unseen', '4469 §3', 'CATENATE sets no \\Seen on the messages that it takes.', async (c) => {
    const source = number('eightbit')
    await append(c, [`URL ${quoted(await urlOf(c, source))}`])
    await c.ok('NOOP')
    same(await flags(c, source), [], 'flags')
  }),
  catenate('keeps-selected', '4469 §3', 'CATENATE leaves the selected mailbox selected.', async (c) => {
    const target = await freshMailbox(c)
    const url = await urlOf(c, 1)
    await c.ok(`APPEND ${quoted(target)} CATENATE (URL ${quoted(url)})`)
    same((await uids(c)).length, COUNT, 'messages')
  }),
  catenate(
    'badurl',
    '4469 §4.1',
    'A URL of a message that does not exist is answered by NO with BADURL and that URL.',
    async (c) => {
      const url = (await urlOf(c, 1)).replace(/UID=\d+/, 'UID=4000000000')
      const { status, code, raw } = await c.send(`APPEND ${quoted(c.mailbox)} CATENATE (URL ${quoted(url)})`)
      check(status === 'NO' && code?.name === 'BADURL', 'NO [BADURL …]', visible(raw))
      check(code.text.includes('UID=4000000000'), `the URL ${url}`, visible(code.text))
    },
  ),
  catenate('badurl-first', '4469 §4.1', 'BADURL names the first URL that failed.', async (c) => {
    const good = await urlOf(c, 1)
    const [first, second] = [good.replace(/UID=\d+/, 'UID=4000000000'), good.replace(/UID=\d+/, 'UID=4000000001')]
    const urls = [good, first, second].map((url) => `URL ${quoted(url)}`).join(' ')
    const { code, raw } = await c.send(`APPEND ${quoted(c.mailbox)} CATENATE (${urls})`, 'NO')
    check(code?.text.includes('UID=4000000000') ?? false, `BADURL ${first}`, visible(raw))
  }),
  catenate('failed-appends-nothing', '9051 §6.3.12', 'CATENATE that fails appends nothing.', async (c) => {
    const url = (await urlOf(c, 1)).replace(/UID=\d+/, 'UID=4000000000')
    await c.send([`APPEND ${quoted(c.mailbox)} CATENATE (`, ...text(NEW), ` URL ${quoted(url)})`], 'NO')
    await c.ok('NOOP')
    same((await uids(c)).length, COUNT, 'messages')
  }),
  catenate(
    'appenduid',
    '4469 §3',
    'CATENATE is answered by APPENDUID.',
    async (c) => {
      const { code, raw } = await append(c, text(NEW))
      check(code?.name === 'APPENDUID', 'the code APPENDUID', visible(raw))
      await c.ok('NOOP')
      same(expand(code.text.split(' ')[1] ?? ''), [(await uids(c)).at(-1)], 'the UID of APPENDUID')
    },
    { capabilities: ['UIDPLUS|IMAP4REV2'] },
  ),
  catenate('empty', '4469 §5', 'CATENATE without a part is answered by BAD.', async (c) =>
    c.send(`APPEND ${quoted(c.mailbox)} CATENATE ()`, 'BAD'),
  ),
]

const urlauth = topic('urlauth', 'selected', 'URLAUTH')

/** An absolute URL without its authorization; whoever is logged in may use it. */
async function rump(c: Imap, n: number, part: string): Promise<string> {
  const { user } = c.account
  return `imap://${encodeURIComponent(user)}@${c.target.host}${await urlOf(c, n, part)};URLAUTH=authuser`
}

async function authorized(c: Imap, n: number, part: string): Promise<string> {
  const result = await c.must(`GENURLAUTH ${quoted(await rump(c, n, part))} INTERNAL`)
  return untagged(result, 'GENURLAUTH')[0]?.values[0]?.text ?? ''
}

export const urlauthCases = [
  urlauth(
    'genurlauth',
    '4467 §7',
    'GENURLAUTH gives the URL with the mechanism and an authorization of at least 32 digits.',
    async (c) => {
      const url = await rump(c, 1, 'TEXT')
      const result = await c.ok(`GENURLAUTH ${quoted(url)} INTERNAL`)
      const given = untagged(result, 'GENURLAUTH')[0]?.values[0]?.text ?? ''
      check(
        given.startsWith(`${url}:`) && /:INTERNAL:[0-9A-F]{32,}$/i.test(given),
        `${url}:INTERNAL: and hexadecimal digits`,
        visible(given),
      )
    },
  ),
  urlauth('urlfetch', '4467 §7', 'URLFETCH of an authorized URL gives the octets that it stands for.', async (c) => {
    const url = await authorized(c, 1, 'TEXT')
    const [name, data] = untagged(await c.ok(`URLFETCH ${quoted(url)}`), 'URLFETCH')[0]?.values ?? []
    const wanted = CORPUS[0]!.text
    same([name?.text, octets(data, 'the data')], [url, wanted.slice(wanted.indexOf('\r\n\r\n') + 4)], 'URLFETCH')
  }),
  urlauth('urlfetch-forged', '4467 §7', 'URLFETCH of a URL with another authorization gives NIL.', async (c) => {
    const url = await authorized(c, 1, 'TEXT')
    const forged = url.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    const data = untagged(await c.ok(`URLFETCH ${quoted(forged)}`), 'URLFETCH')[0]?.values[1]
    same(data?.kind, 'nil', 'the data')
  }),
  urlauth('urlfetch-other', '4467 §6', 'The authorization of one URL does not open another.', async (c) => {
    const url = await authorized(c, 1, 'TEXT')
    const other = url.replace('SECTION=TEXT', 'SECTION=HEADER')
    const data = untagged(await c.ok(`URLFETCH ${quoted(other)}`), 'URLFETCH')[0]?.values[1]
    same(data?.kind, 'nil', 'the data')
  }),
  urlauth('resetkey', '4467 §7', 'After RESETKEY of the mailbox its old URLs give NIL.', async (c) => {
    const url = await authorized(c, 1, 'TEXT')
    await c.ok(`RESETKEY ${quoted(c.mailbox)}`)
    const data = untagged(await c.ok(`URLFETCH ${quoted(url)}`), 'URLFETCH')[0]?.values[1]
    same(data?.kind, 'nil', 'the data')
  }),
  urlauth('keeps-unseen', '4467 §7', 'URLFETCH sets no \\Seen.', async (c) => {
    await c.ok(`URLFETCH ${quoted(await authorized(c, 4, 'TEXT'))}`)
    await c.ok('NOOP')
    same(await flags(c, 4), [], 'flags')
  }),
]
