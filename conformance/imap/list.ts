// IMAP: LIST, LSUB, SUBSCRIBE and UNSUBSCRIBE.
import { check, Skipped, visible } from '../judgement.ts'
import { flagsOf, type Imap, literal, quoted, type Response, untagged } from './client.ts'
import {
  ACCOUNT,
  again,
  casesOf,
  freshMailbox,
  freshName,
  type ImapCase,
  MAILBOX,
  separatorOf,
  withCapabilities,
} from './suite.ts'

const list = casesOf('list', { state: 'authenticated', needs: MAILBOX })
const subscribe = casesOf('subscribe', { state: 'authenticated', needs: MAILBOX })
const lsub = casesOf('lsub', { state: 'authenticated', needs: withCapabilities('IMAP4REV1') })

export interface Listed {
  readonly attributes: readonly string[]
  readonly separator: string | null
  readonly name: string
  readonly raw: string
}

/** The LIST or LSUB responses to a command; attributes in lower case. */
export async function listing(c: Imap, command: string): Promise<Listed[]> {
  const result = await c.ok(command)
  return untagged(result, command.startsWith('LSUB') ? 'LSUB' : 'LIST').map(listedOf)
}

export function listedOf({ values, raw }: Response): Listed {
  const [attributes, separator, name] = values
  check(
    attributes?.kind === 'list' && separator !== undefined && name !== undefined && name.kind !== 'list',
    'attributes in parentheses, a separator and a name',
    visible(raw),
  )
  check(
    separator.kind === 'nil' || (separator.kind === 'quoted' && separator.text.length === 1),
    'a separator of one character in quotes, or NIL',
    visible(raw),
  )
  return {
    attributes: flagsOf(attributes),
    separator: separator.kind === 'nil' ? null : separator.text,
    name: name.text,
    raw,
  }
}

export const namesOf = (found: readonly Listed[]): string =>
  found
    .map(({ name }) => name)
    .sort()
    .join(' ')

export const expectNames = (found: readonly Listed[], ...names: readonly string[]): void =>
  check(
    namesOf(found) === [...names].sort().join(' '),
    [...names].sort().join(' ') || 'nothing',
    namesOf(found) || 'nothing',
  )

/** `top`, `top/one`, `top/one/deep` and `top/two`, of which `top/one` is made by its child alone where the server does so. */
export async function tree(
  c: Imap,
): Promise<{ top: string; one: string; deep: string; two: string; separator: string }> {
  const separator = separatorOf(c)
  const top = await freshMailbox(c, 'top')
  const [one, two] = [`${top}${separator}one`, `${top}${separator}two`]
  const deep = `${one}${separator}deep`
  for (const name of [one, deep, two]) {
    const { status } = await c.send(`CREATE ${quoted(name)}`)
    if (status !== 'OK') throw new Skipped('the server makes no mailbox below another')
  }
  return { top, one, deep, two, separator }
}

const HIDDEN = ['\\noselect', '\\nonexistent']

export const listCases: readonly ImapCase[] = [
  list(
    'form',
    'RFC 3501 §7.2.2',
    'A LIST response has attributes in parentheses, a separator of one character or NIL, and a name.',
    async (c) => {
      const found = await listing(c, 'LIST "" "*"')
      check(found.length > 0, 'LIST responses', 'none')
    },
  ),
  list('exact', 'RFC 3501 §6.3.8', 'A name without wildcards lists that mailbox alone.', async (c) => {
    const { one } = await tree(c)
    expectNames(await listing(c, `LIST "" ${quoted(one)}`), one)
  }),
  list(
    'nothing',
    'RFC 3501 §6.3.8',
    'A pattern that no mailbox matches is answered OK without LIST responses.',
    async (c) => {
      expectNames(await listing(c, `LIST "" ${quoted(freshName(c))}`))
    },
  ),
  list('star', 'RFC 3501 §6.3.8', '* matches any characters, the separator too.', async (c) => {
    const { top, one, deep, two } = await tree(c)
    expectNames(await listing(c, `LIST "" ${quoted(`${top}*`)}`), top, one, deep, two)
  }),
  list('percent', 'RFC 3501 §6.3.8', '% matches any characters but the separator.', async (c) => {
    const { top, one, two, separator } = await tree(c)
    expectNames(await listing(c, `LIST "" ${quoted(`${top}${separator}%`)}`), one, two)
  }),
  list(
    'percent-inside',
    'RFC 3501 §6.3.8',
    '% inside a pattern matches within one level of the hierarchy.',
    async (c) => {
      const { top, one, deep, separator } = await tree(c)
      await c.must(`CREATE ${quoted([one, 'deeper', 'deep'].join(separator))}`)
      expectNames(await listing(c, `LIST "" ${quoted(`${top}${separator}%${separator}deep`)}`), deep)
    },
  ),
  list('star-inside', 'RFC 3501 §6.3.8', '* inside a pattern matches over levels of the hierarchy.', async (c) => {
    const { top, one, deep, separator } = await tree(c)
    expectNames(await listing(c, `LIST "" ${quoted(`${top}*e*`)}`), one, deep)
    expectNames(await listing(c, `LIST "" ${quoted(`${top}*${separator}deep`)}`), deep)
  }),
  list('star-matches-nothing', 'RFC 3501 §6.3.8', 'A wildcard also matches no characters.', async (c) => {
    const name = await freshMailbox(c)
    expectNames(await listing(c, `LIST "" ${quoted(`${name}%`)}`), name)
  }),
  list(
    'each-once',
    'RFC 3501 §6.3.8',
    'A mailbox is listed once, however many ways a pattern matches it.',
    async (c) => {
      const { top, one, deep, two } = await tree(c)
      expectNames(await listing(c, `LIST "" ${quoted(`${top}**%*`)}`), top, one, deep, two)
    },
  ),
  list(
    'level-without-mailbox',
    'RFC 3501 §6.3.8',
    'A level of the hierarchy that is no mailbox is listed for a pattern ending in %, as \\Noselect.',
    async (c) => {
      const separator = separatorOf(c)
      const top = freshName(c, 'level')
      await c.must(`CREATE ${quoted(`${top}${separator}child`)}`)
      const found = (await listing(c, `LIST "" ${quoted(`${top.slice(0, -2)}%`)}`)).find(({ name }) => name === top)
      check(found !== undefined, `LIST of ${top}`, 'none')
      const { status } = await c.send(`STATUS ${quoted(top)} (MESSAGES)`)
      const hidden = found.attributes.some((attribute) => HIDDEN.includes(attribute))
      check(hidden === (status !== 'OK'), status === 'OK' ? 'a selectable name' : '\\Noselect', visible(found.raw))
    },
  ),
  list(
    'reference',
    'RFC 3501 §6.3.8',
    'A reference that ends in the separator goes before the pattern.',
    async (c) => {
      const { top, one, two, separator } = await tree(c)
      expectNames(await listing(c, `LIST ${quoted(`${top}${separator}`)} "%"`), one, two)
    },
    { level: 'should' },
  ),
  list(
    'empty-name',
    'RFC 3501 §6.3.8',
    'An empty name gives one LIST response with the separator and the root.',
    async (c) => {
      const found = await listing(c, 'LIST "" ""')
      check(found.length === 1, 'one LIST response', `${found.length}`)
    },
  ),
  list(
    'empty-name-noselect',
    'RFC 3501 §6.3.8',
    'The root that an empty name gives is \\Noselect.',
    async (c) => {
      const [found] = await listing(c, 'LIST "" ""')
      check(found?.attributes.includes('\\noselect') ?? false, '\\Noselect', visible(found?.raw ?? 'nothing'))
    },
    { level: 'should' },
  ),
  list('one-separator', 'RFC 3501 §5.1.1', 'All names below one node have the same separator.', async (c) => {
    const { top } = await tree(c)
    const separators = new Set((await listing(c, `LIST "" ${quoted(`${top}*`)}`)).map(({ separator }) => separator))
    check(separators.size === 1, 'one separator', [...separators].join(' '))
  }),
  list(
    'inbox',
    'RFC 3501 §6.3.8',
    'INBOX is listed, in upper case, when * is asked for.',
    async (c) => {
      const found = (await listing(c, 'LIST "" "*"')).filter(({ name }) => name.toUpperCase() === 'INBOX')
      check(found.length === 1 && found[0]!.name === 'INBOX', 'INBOX once', namesOf(found) || 'nothing')
      check(!found[0]!.attributes.includes('\\noselect'), 'INBOX as a mailbox to be selected', visible(found[0]!.raw))
    },
    { needs: ACCOUNT },
  ),
  list(
    'inbox-percent',
    'RFC 3501 §6.3.8',
    'INBOX is listed when % is asked for.',
    async (c) => {
      const found = (await listing(c, 'LIST "" "%"')).filter(({ name }) => name === 'INBOX')
      check(found.length === 1, 'INBOX once', namesOf(found) || 'nothing')
    },
    { needs: ACCOUNT },
  ),
  list(
    'inbox-case',
    'RFC 3501 §5.1',
    'A name of inbox, however its letters are written, lists INBOX.',
    async (c) => {
      const found = await listing(c, 'LIST "" "iNbOx"')
      check(found.length === 1, 'INBOX', namesOf(found) || 'nothing')
    },
    { needs: ACCOUNT, level: 'may' },
  ),
  list(
    'name-for-select',
    'RFC 3501 §7.2.2',
    'A name that LIST gives without \\Noselect can be selected.',
    async (c) => {
      const separator = separatorOf(c)
      const parent = await freshMailbox(c)
      const name = `${parent}${separator}with space and "quotes"`
      if ((await c.send(`CREATE ${quoted(name)}`)).status !== 'OK') throw new Skipped('the server makes no such name')
      const [found] = await listing(c, `LIST "" ${quoted(`${parent}${separator}%`)}`)
      check(found !== undefined, name, 'nothing')
      await c.ok(['EXAMINE ', literal(found.name)])
    },
  ),
  list(
    'marks',
    'RFC 9051 §7.3.1',
    'A name has at most one of \\Marked, \\Unmarked and \\Noselect.',
    async (c) => {
      const wrong = (await listing(c, 'LIST "" "*"')).find(
        ({ attributes }) =>
          attributes.filter((one) => ['\\marked', '\\unmarked', '\\noselect'].includes(one)).length > 1,
      )
      check(wrong === undefined, 'at most one of \\Marked, \\Unmarked and \\Noselect', visible(wrong?.raw ?? ''))
    },
    { needs: ACCOUNT },
  ),
  list(
    'children',
    'RFC 3348 §3',
    'A mailbox with a child is never \\HasNoChildren or \\Noinferiors, one without never \\HasChildren.',
    async (c) => {
      const { top, one, deep, two } = await tree(c)
      for (const { name, attributes, raw } of await listing(c, `LIST "" ${quoted(`${top}*`)}`)) {
        const wrong = [top, one].includes(name)
          ? ['\\hasnochildren', '\\noinferiors']
          : [deep, two].includes(name)
            ? ['\\haschildren']
            : []
        check(!attributes.some((attribute) => wrong.includes(attribute)), `no ${wrong.join(' or ')}`, visible(raw))
      }
    },
    { needs: withCapabilities('CHILDREN') },
  ),
  list(
    'children-not-both',
    'RFC 3348 §3',
    '\\HasChildren and \\HasNoChildren do not stand in one response.',
    async (c) => {
      const wrong = (await listing(c, 'LIST "" "*"')).find(
        ({ attributes }) => attributes.includes('\\haschildren') && attributes.includes('\\hasnochildren'),
      )
      check(wrong === undefined, 'one of the two', visible(wrong?.raw ?? ''))
    },
    { needs: { ...ACCOUNT, capabilities: ['CHILDREN'] } },
  ),
  list(
    'keeps-selection',
    'RFC 3501 §6.3.8',
    'LIST is valid in the selected state and leaves the mailbox selected.',
    async (c) => {
      await c.ok('LIST "" "*"')
      await c.ok('FETCH 1 UID')
    },
    { state: 'selected' },
  ),
  list(
    'pattern-not-accepted',
    'RFC 9051 §6.3.9',
    'A pattern that the server does not take is answered OK without LIST responses.',
    async (c) => {
      expectNames(await listing(c, 'LIST "" "//..//conformance//"'))
    },
    { needs: { ...ACCOUNT, capabilities: ['IMAP4REV2'] } },
  ),
]

/** Subscribed names of a pattern by the command that the server has. */
async function subscribed(c: Imap, pattern: string): Promise<Listed[]> {
  return listing(c, `${c.announces('IMAP4REV1') ? 'LSUB' : 'LIST (SUBSCRIBED)'} "" ${quoted(pattern)}`)
}

export const subscribeCases: readonly ImapCase[] = [
  subscribe('adds', 'RFC 3501 §6.3.6', 'SUBSCRIBE adds a name to the subscribed ones.', async (c) => {
    const name = await freshMailbox(c)
    await c.ok(`SUBSCRIBE ${quoted(name)}`)
    expectNames(await subscribed(c, name), name)
  }),
  subscribe(
    'twice',
    'RFC 9051 §6.3.7',
    'SUBSCRIBE of a name that is subscribed is answered OK, and lists it once.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.ok(`SUBSCRIBE ${quoted(name)}`)
      await c.ok(`SUBSCRIBE ${quoted(name)}`)
      expectNames(await subscribed(c, name), name)
    },
    { needs: withCapabilities('IMAP4REV2') },
  ),
  subscribe('removes', 'RFC 3501 §6.3.7', 'UNSUBSCRIBE takes a name off the subscribed ones.', async (c) => {
    const name = await freshMailbox(c)
    await c.must(`SUBSCRIBE ${quoted(name)}`)
    await c.ok(`UNSUBSCRIBE ${quoted(name)}`)
    expectNames(await subscribed(c, name))
  }),
  subscribe('unsubscribe-keeps-mailbox', 'RFC 3501 §6.3.7', 'UNSUBSCRIBE does not remove the mailbox.', async (c) => {
    const name = await freshMailbox(c)
    await c.must(`SUBSCRIBE ${quoted(name)}`)
    await c.ok(`UNSUBSCRIBE ${quoted(name)}`)
    await c.ok(`STATUS ${quoted(name)} (MESSAGES)`)
  }),
  subscribe(
    'not-subscribed',
    'RFC 9051 §6.3.8',
    'UNSUBSCRIBE of a name that is not subscribed is answered OK.',
    async (c) => {
      await c.ok(`UNSUBSCRIBE ${quoted(await freshMailbox(c))}`)
    },
    { needs: withCapabilities('IMAP4REV2') },
  ),
  subscribe(
    'deleted-mailbox-stays',
    'RFC 3501 §6.3.9',
    'A subscribed name stays subscribed when its mailbox is deleted.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.must(`SUBSCRIBE ${quoted(name)}`)
      await c.must(`DELETE ${quoted(name)}`)
      const found = await subscribed(c, name)
      await c.send(`UNSUBSCRIBE ${quoted(name)}`)
      expectNames(found, name)
    },
  ),
  subscribe(
    'create-does-not',
    'RFC 3501 §6.3.6',
    'The subscription lasts over sessions and is not the list of mailboxes: a name that was never subscribed is not in it.',
    async (c) => {
      const [one, other] = [await freshMailbox(c), await freshMailbox(c)]
      await c.must(`UNSUBSCRIBE ${quoted(other)}`)
      await c.ok(`SUBSCRIBE ${quoted(one)}`)
      for (const session of [c, await again(c)])
        expectNames(
          (await subscribed(session, '*')).filter(({ name }) => name === one || name === other),
          one,
        )
    },
  ),
]

export const lsubCases: readonly ImapCase[] = [
  lsub(
    'pattern',
    'RFC 3501 §6.3.9',
    'LSUB lists the subscribed names that match the pattern, and no others.',
    async (c) => {
      const { top, one, deep, two } = await tree(c)
      for (const name of [top, deep]) await c.must(`SUBSCRIBE ${quoted(name)}`)
      for (const name of [one, two]) await c.send(`UNSUBSCRIBE ${quoted(name)}`)
      const found = await listing(c, `LSUB "" ${quoted(`${top}*`)}`)
      // a level above a subscribed name may be told as \Noselect
      expectNames(
        found.filter(({ attributes }) => !attributes.includes('\\noselect')),
        top,
        deep,
      )
    },
  ),
  lsub(
    'level-by-percent',
    'RFC 3501 §6.3.9',
    'LSUB with a pattern ending in % gives the level above a subscribed name that is not subscribed itself, as \\Noselect.',
    async (c) => {
      const { top, one, deep, two, separator } = await tree(c)
      await c.must(`SUBSCRIBE ${quoted(deep)}`)
      for (const name of [top, one, two]) await c.send(`UNSUBSCRIBE ${quoted(name)}`)
      const found = await listing(c, `LSUB "" ${quoted(`${top}${separator}%`)}`)
      expectNames(found, one)
      check(found[0]!.attributes.includes('\\noselect'), '\\Noselect', visible(found[0]!.raw))
    },
  ),
  lsub('not-in-list', 'RFC 3501 §6.3.8', 'LIST lists mailboxes that are not subscribed too.', async (c) => {
    const name = await freshMailbox(c)
    await c.send(`UNSUBSCRIBE ${quoted(name)}`)
    expectNames(await listing(c, `LIST "" ${quoted(name)}`), name)
  }),
]
