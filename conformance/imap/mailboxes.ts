// IMAP: CREATE, DELETE and RENAME.
import { check, Skipped, visible } from '../judgement.ts'
import { codeOf, flagsOf, type Imap, literal, numberOf, pairs, quoted, single, type Value } from './client.ts'
import { CORPUS } from './corpus.ts'
import {
  casesOf,
  fill,
  freshMailbox,
  freshName,
  type ImapCase,
  MAILBOX,
  separatorOf,
  withCapabilities,
} from './suite.ts'

const create = casesOf('create', { state: 'authenticated', needs: MAILBOX })
const remove = casesOf('delete', { state: 'authenticated', needs: MAILBOX })
const rename = casesOf('rename', { state: 'authenticated', needs: MAILBOX })

/** Mailbox name → attributes in lower case, of what LIST gives for a pattern. */
export async function listed(c: Imap, pattern: string): Promise<Map<string, string[]>> {
  const { untagged: all } = await c.ok(`LIST "" ${quoted(pattern)}`)
  return new Map(
    all.filter(({ name }) => name === 'LIST').map(({ values }) => [values[2]?.text ?? '', flagsOf(values[0])]),
  )
}

const isThere = async (c: Imap, name: string): Promise<boolean> => {
  const attributes = (await listed(c, name)).get(name)
  return attributes !== undefined && !attributes.includes('\\noselect') && !attributes.includes('\\nonexistent')
}

export async function statusOf(c: Imap, mailbox: string, item: string): Promise<number> {
  const { values } = single(await c.ok(`STATUS ${quoted(mailbox)} (${item})`), 'STATUS')
  return numberOf(pairs(values[1], 'STATUS').get(item), item)
}

/** A mailbox with a child; throws Skipped when names are flat or the server makes no children there. */
async function withChild(c: Imap): Promise<{ parent: string; child: string }> {
  const parent = await freshMailbox(c, 'parent')
  const child = `${parent}${separatorOf(c)}child`
  const { status } = await c.send(`CREATE ${quoted(child)}`)
  if (status !== 'OK') throw new Skipped('the server makes no mailbox below another')
  return { parent, child }
}

/** Whether UIDs of a name's new mailbox can be told from those of its old one. */
async function uidsAreNew(c: Imap, name: string, validity: number, next: number): Promise<void> {
  await c.must(`CREATE ${quoted(name)}`)
  const [newValidity, newNext] = [await statusOf(c, name, 'UIDVALIDITY'), await statusOf(c, name, 'UIDNEXT')]
  check(
    newValidity !== validity || newNext >= next,
    `another UIDVALIDITY than ${validity}, or UIDNEXT from ${next} on`,
    `UIDVALIDITY ${newValidity}, UIDNEXT ${newNext}`,
  )
}

/** \Recent is no property of the message. */
const textOf = (item: string, value: Value): string =>
  item === 'FLAGS'
    ? flagsOf(value)
        .filter((flag) => flag !== '\\recent')
        .join(' ')
    : value.text

export const createCases: readonly ImapCase[] = [
  create('new', 'RFC 3501 §6.3.3', 'CREATE makes a mailbox, which LIST then lists.', async (c) => {
    const name = freshName(c)
    await c.ok(`CREATE ${quoted(name)}`)
    check(await isThere(c, name), `LIST of ${name}`, 'none')
  }),
  create('empty', 'RFC 3501 §6.3.3', 'A new mailbox can be selected and has no messages.', async (c) => {
    const { number } = single(await c.select(await freshMailbox(c)), 'EXISTS')
    check(number === 0, '0 EXISTS', `${number} EXISTS`)
  }),
  create('existing', 'RFC 3501 §6.3.3', 'CREATE of a mailbox that exists is answered NO.', async (c) => {
    await c.no(`CREATE ${quoted(await freshMailbox(c))}`)
  }),
  create('inbox', 'RFC 3501 §6.3.3', 'CREATE of INBOX is answered NO.', async (c) => {
    await c.no('CREATE INBOX')
  }),
  create(
    'inbox-case',
    'RFC 3501 §5.1',
    'CREATE of inbox, however its letters are written, is answered NO.',
    async (c) => {
      await c.no('CREATE inBox')
    },
  ),
  create(
    'trailing-separator',
    'RFC 3501 §6.3.3',
    'CREATE of a name that ends in the separator succeeds, and the name made is without it.',
    async (c) => {
      const name = freshName(c)
      await c.ok(`CREATE ${quoted(`${name}${separatorOf(c)}`)}`)
      const found = [...(await listed(c, `${name}*`)).keys()]
      check(found.length === 1 && found[0] === name, name, found.join(' ') || 'nothing')
    },
  ),
  create(
    'child-of-declared',
    'RFC 3501 §6.3.3',
    'A name that was created with the separator at its end can have names below it.',
    async (c) => {
      const [name, separator] = [freshName(c), separatorOf(c)]
      await c.ok(`CREATE ${quoted(`${name}${separator}`)}`)
      await c.ok(`CREATE ${quoted(`${name}${separator}child`)}`)
    },
  ),
  create(
    'superiors',
    'RFC 3501 §6.3.3',
    'CREATE makes the superior names that it needs, so that LIST with % shows them.',
    async (c) => {
      const [name, separator] = [freshName(c), separatorOf(c)]
      await c.ok(`CREATE ${quoted([name, 'two', 'three'].join(separator))}`)
      check((await listed(c, `${name}${separator}%`)).has(`${name}${separator}two`), `${name}${separator}two`, 'none')
    },
    { level: 'should' },
  ),
  create(
    'does-not-select',
    'RFC 3501 §6.3.3',
    'CREATE does not change which mailbox is selected.',
    async (c) => {
      await c.ok(`CREATE ${quoted(freshName(c))}`)
      check((await c.fetch('1:*', 'UID')).size === CORPUS.length, `${CORPUS.length} messages`, 'others')
    },
    { state: 'selected' },
  ),
  create(
    'name-with-space',
    'RFC 3501 §5.1',
    'A mailbox name may have a space; LIST gives it as a string.',
    async (c) => {
      const name = `${freshName(c)} with space`
      await c.ok(`CREATE ${quoted(name)}`)
      check(await isThere(c, name), name, [...(await listed(c, `${name.slice(0, -10)}*`)).keys()].join() || 'nothing')
    },
  ),
  create('name-as-literal', 'RFC 3501 §4.3', 'A mailbox name may be given as a literal.', async (c) => {
    const name = freshName(c)
    await c.ok(['CREATE ', literal(name)])
    check(await isThere(c, name), name, 'nothing')
  }),
  create(
    'special-use',
    'RFC 6154 §3',
    'CREATE with USE gives the mailbox that attribute in LIST, or is answered NO and makes no mailbox.',
    async (c) => {
      const name = freshName(c)
      const { status } = await c.send(`CREATE ${quoted(name)} (USE (\\Archive))`, 'OK', 'NO')
      if (status === 'NO') {
        check(!(await isThere(c, name)), 'no mailbox', name)
        return
      }
      const { untagged: all } = await c.ok(`LIST (SPECIAL-USE) "" ${quoted(name)}`)
      const attributes = flagsOf(all.find((one) => one.name === 'LIST')?.values[0])
      check(attributes.includes('\\archive'), '\\Archive', attributes.join(' ') || 'nothing')
    },
    { needs: withCapabilities('CREATE-SPECIAL-USE') },
  ),
  create(
    'special-use-unknown',
    'RFC 6154 §3',
    'CREATE with a USE that the server does not support is answered NO and makes no mailbox.',
    async (c) => {
      const name = freshName(c)
      await c.no(`CREATE ${quoted(name)} (USE (\\XConformanceNone))`)
      check(!(await isThere(c, name)), 'no mailbox', name)
    },
    { needs: withCapabilities('CREATE-SPECIAL-USE') },
  ),
  create(
    'special-use-code',
    'RFC 6154 §3',
    'The NO to CREATE with a USE that the server does not support has the code USEATTR.',
    async (c) => {
      const result = await c.no(`CREATE ${quoted(freshName(c))} (USE (\\XConformanceNone))`)
      check(codeOf(result, 'USEATTR') !== null, '[USEATTR]', visible(result.raw))
    },
    { needs: withCapabilities('CREATE-SPECIAL-USE'), level: 'should' },
  ),
]

export const deleteCases: readonly ImapCase[] = [
  remove('gone', 'RFC 3501 §6.3.4', 'DELETE removes the mailbox: LIST no longer lists it.', async (c) => {
    const name = await freshMailbox(c)
    await c.ok(`DELETE ${quoted(name)}`)
    check(!(await isThere(c, name)), 'no LIST', name)
  }),
  remove('not-selectable', 'RFC 3501 §6.3.4', 'A deleted mailbox cannot be selected.', async (c) => {
    const name = await freshMailbox(c)
    await c.ok(`DELETE ${quoted(name)}`)
    await c.no(`SELECT ${quoted(name)}`)
  }),
  remove('no-such-mailbox', 'RFC 3501 §6.3.4', 'DELETE of a mailbox that does not exist is answered NO.', async (c) => {
    await c.no(`DELETE ${quoted(freshName(c))}`)
  }),
  remove('inbox', 'RFC 3501 §6.3.4', 'DELETE of INBOX is answered NO, and INBOX stays.', async (c) => {
    await c.no('DELETE INBOX')
    await c.ok('STATUS INBOX (MESSAGES)')
  }),
  remove(
    'inbox-case',
    'RFC 3501 §5.1',
    'DELETE of inbox, however its letters are written, is answered NO.',
    async (c) => {
      await c.no('DELETE iNBox')
    },
  ),
  remove(
    'messages',
    'RFC 3501 §6.3.4',
    'DELETE removes the messages: a new mailbox of the name is empty.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.append(name, CORPUS[0]!.text)
      await c.ok(`DELETE ${quoted(name)}`)
      await c.must(`CREATE ${quoted(name)}`)
      const found = await statusOf(c, name, 'MESSAGES')
      check(found === 0, '0 messages', String(found))
    },
  ),
  remove('children-stay', 'RFC 3501 §6.3.4', 'DELETE does not remove the mailboxes below the name.', async (c) => {
    const { parent, child } = await withChild(c)
    await c.append(child, CORPUS[0]!.text)
    await c.send(`DELETE ${quoted(parent)}`, 'OK', 'NO')
    const found = await statusOf(c, child, 'MESSAGES')
    check(found === 1, '1 message in the child', String(found))
  }),
  remove(
    'parent-not-selectable',
    'RFC 3501 §6.3.4',
    'A mailbox that was deleted while it had children cannot be selected.',
    async (c) => {
      const { parent } = await withChild(c)
      const { status } = await c.send(`DELETE ${quoted(parent)}`, 'OK', 'NO')
      if (status !== 'OK') throw new Skipped('the server deletes no mailbox that has children')
      await c.no(`SELECT ${quoted(parent)}`)
    },
  ),
  remove(
    'noselect-with-children',
    'RFC 3501 §6.3.4',
    'DELETE of a name that is \\Noselect and has children is answered NO.',
    async (c) => {
      const { parent } = await withChild(c)
      const { status } = await c.send(`DELETE ${quoted(parent)}`, 'OK', 'NO')
      if (status !== 'OK') throw new Skipped('the server deletes no mailbox that has children')
      await c.no(`DELETE ${quoted(parent)}`)
    },
  ),
  remove(
    'has-children',
    'RFC 9051 §6.3.5',
    'A server that does not delete a mailbox with children answers NO with HASCHILDREN.',
    async (c) => {
      const { parent } = await withChild(c)
      const result = await c.send(`DELETE ${quoted(parent)}`)
      if (result.status === 'OK') throw new Skipped('the server deletes mailboxes that have children')
      check(result.status === 'NO' && codeOf(result, 'HASCHILDREN') !== null, 'NO [HASCHILDREN]', visible(result.raw))
    },
    { level: 'should', needs: withCapabilities('IMAP4REV2') },
  ),
  remove('child', 'RFC 3501 §6.3.4', 'DELETE of a child leaves its parent and the messages there.', async (c) => {
    const { parent, child } = await withChild(c)
    await c.append(parent, CORPUS[0]!.text)
    await c.ok(`DELETE ${quoted(child)}`)
    const found = await statusOf(c, parent, 'MESSAGES')
    check(found === 1, '1 message in the parent', String(found))
  }),
]

export const renameCases: readonly ImapCase[] = [
  rename(
    'moves',
    'RFC 3501 §6.3.5',
    'RENAME gives the mailbox with its messages the new name, and the old name is gone.',
    async (c) => {
      const [from, to] = [await freshMailbox(c), freshName(c)]
      await c.append(from, CORPUS[0]!.text)
      await c.ok(`RENAME ${quoted(from)} ${quoted(to)}`)
      check(!(await isThere(c, from)), `no ${from}`, 'it is listed')
      const found = await statusOf(c, to, 'MESSAGES')
      check(found === 1, `1 message in ${to}`, String(found))
    },
  ),
  rename(
    'keeps-content',
    'RFC 3501 §2.3.1.1',
    'RENAME changes neither the text nor the flags nor the date of messages.',
    async (c) => {
      const [from, to] = [await freshMailbox(c), freshName(c)]
      await fill(c, from)
      const content = async (name: string): Promise<string> => {
        await c.examine(name)
        const found = await c.fetch('1:*', '(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])')
        return [...found]
          .map(([, one]) =>
            [...one]
              .map(([item, value]) => textOf(item, value))
              .sort()
              .join(),
          )
          .join('|')
      }
      const before = await content(from)
      await c.examine('INBOX')
      await c.ok(`RENAME ${quoted(from)} ${quoted(to)}`)
      check((await content(to)) === before, 'the same messages', 'others')
    },
  ),
  rename('no-such-mailbox', 'RFC 3501 §6.3.5', 'RENAME of a mailbox that does not exist is answered NO.', async (c) => {
    await c.no(`RENAME ${quoted(freshName(c))} ${quoted(freshName(c))}`)
  }),
  rename(
    'existing-target',
    'RFC 3501 §6.3.5',
    'RENAME to a name that exists is answered NO, and both stay as they are.',
    async (c) => {
      const [from, to] = [await freshMailbox(c), await freshMailbox(c)]
      await c.append(from, CORPUS[0]!.text)
      await c.no(`RENAME ${quoted(from)} ${quoted(to)}`)
      const found = `${await statusOf(c, from, 'MESSAGES')} and ${await statusOf(c, to, 'MESSAGES')}`
      check(found === '1 and 0', '1 and 0 messages', found)
    },
  ),
  rename('to-inbox', 'RFC 3501 §6.3.5', 'RENAME to INBOX is answered NO.', async (c) => {
    await c.no(`RENAME ${quoted(await freshMailbox(c))} INBOX`)
  }),
  rename('children', 'RFC 3501 §6.3.5', 'RENAME also renames the names below, with their messages.', async (c) => {
    const { parent, child } = await withChild(c)
    await c.append(child, CORPUS[0]!.text)
    const to = freshName(c)
    await c.ok(`RENAME ${quoted(parent)} ${quoted(to)}`)
    check(!(await isThere(c, child)), `no ${child}`, 'it is listed')
    const found = await statusOf(c, `${to}${separatorOf(c)}child`, 'MESSAGES')
    check(found === 1, '1 message in the renamed child', String(found))
  }),
  rename('leaf', 'RFC 3501 §6.3.5', 'RENAME of a child leaves its parent.', async (c) => {
    const { parent, child } = await withChild(c)
    await c.ok(`RENAME ${quoted(child)} ${quoted(`${parent}${separatorOf(c)}other`)}`)
    check(await isThere(c, parent), parent, 'it is gone')
  }),
  rename(
    'superiors',
    'RFC 3501 §6.3.5',
    'RENAME makes the superior names that the new name needs.',
    async (c) => {
      const [from, to, separator] = [await freshMailbox(c), freshName(c), separatorOf(c)]
      await c.ok(`RENAME ${quoted(from)} ${quoted(`${to}${separator}two`)}`)
      check((await listed(c, `${to.slice(0, -1)}%`)).has(to), to, 'none')
    },
    { level: 'should' },
  ),
  rename(
    'old-name-again',
    'RFC 3501 §6.3.5',
    'A mailbox made under the old name has greater UIDs, or another UIDVALIDITY.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.append(name, CORPUS[0]!.text)
      const [validity, next] = [await statusOf(c, name, 'UIDVALIDITY'), await statusOf(c, name, 'UIDNEXT')]
      await c.must(`RENAME ${quoted(name)} ${quoted(freshName(c))}`)
      await uidsAreNew(c, name, validity, next)
    },
  ),
  rename(
    'inbox',
    'RFC 3501 §6.3.5',
    'RENAME of INBOX, where it is permitted, moves its messages to the new mailbox and leaves INBOX empty.',
    async (c) => {
      await c.append('INBOX', CORPUS[0]!.text)
      const before = await statusOf(c, 'INBOX', 'MESSAGES')
      const to = freshName(c)
      const { status } = await c.send(`RENAME INBOX ${quoted(to)}`, 'OK', 'NO')
      if (status !== 'OK') throw new Skipped('the server does not rename INBOX')
      const found = `${await statusOf(c, 'INBOX', 'MESSAGES')} and ${await statusOf(c, to, 'MESSAGES')}`
      await c.must(`SELECT ${quoted(to)}`)
      await c.send('COPY 1:* INBOX')
      check(found === `0 and ${before}`, `0 messages in INBOX and ${before} in the new mailbox`, found)
    },
  ),
  rename(
    'inbox-is-no-error-of-syntax',
    'RFC 9051 §6.3.6',
    'RENAME of INBOX is not answered BAD.',
    async (c) => {
      const { status } = await c.send(`RENAME INBOX ${quoted(await freshMailbox(c))}`)
      check(status === 'NO', 'NO, since the target exists', status)
    },
    { needs: withCapabilities('IMAP4REV2') },
  ),
  rename(
    'keeps-selection',
    'RFC 3501 §6.3.5',
    'RENAME of another mailbox leaves the selected one selected.',
    async (c) => {
      await c.ok(`RENAME ${quoted(await freshMailbox(c))} ${quoted(freshName(c))}`)
      check((await c.fetch('1:*', 'UID')).size === CORPUS.length, `${CORPUS.length} messages`, 'others')
    },
    { state: 'selected' },
  ),
]
