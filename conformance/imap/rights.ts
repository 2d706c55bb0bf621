// IMAP: access control lists (RFC 4314) and metadata (RFC 5464).
import { check, Skipped, visible } from '../judgement.ts'
import { codeOf, type Imap, literal, pairs, quoted, type Result, single, untagged } from './client.ts'
import { casesOf, freshMailbox, freshName, type ImapCase, withCapabilities } from './suite.ts'

const acl = casesOf('acl', { state: 'authenticated', needs: withCapabilities('ACL') })
const metadata = casesOf('metadata', { state: 'authenticated', needs: withCapabilities('METADATA') })

/** Identifier → its rights, of GETACL. */
async function rightsOf(c: Imap, mailbox: string): Promise<Map<string, string>> {
  const { values, raw } = single(await c.ok(`GETACL ${quoted(mailbox)}`), 'ACL')
  check(values.length % 2 === 1, 'a mailbox, then identifiers with rights', visible(raw))
  return new Map(
    values.slice(1).flatMap(({ text }, i, all) => (i % 2 === 0 ? [[text, all[i + 1]!.text] as const] : [])),
  )
}

/** A new mailbox, and an identifier that may be granted rights there; throws Skipped when the server takes neither. */
async function granting(c: Imap): Promise<{ mailbox: string; who: string }> {
  const mailbox = await freshMailbox(c)
  for (const who of ['anyone', 'conformance-nobody']) {
    const { status } = await c.send(`SETACL ${quoted(mailbox)} ${who} l`)
    if (status === 'OK') return { mailbox, who }
  }
  throw new Skipped('the server grants rights neither to anyone nor to a name of ours')
}

const hasAll = (rights: string, wanted: string): boolean => [...wanted].every((right) => rights.includes(right))

export const aclCases: readonly ImapCase[] = [
  acl(
    'myrights',
    'RFC 4314 §3.5',
    'MYRIGHTS gives one MYRIGHTS response with the mailbox and its rights, lower-case letters and digits.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      const { values, raw } = single(await c.ok(`MYRIGHTS ${quoted(mailbox)}`), 'MYRIGHTS')
      check(
        values[0]?.text === mailbox && values.length === 2 && /^[a-z0-9]*$/.test(values[1]!.text),
        `${mailbox} and its rights`,
        visible(raw),
      )
    },
  ),
  acl(
    'getacl',
    'RFC 4314 §3.3',
    'GETACL gives one ACL response with the mailbox and pairs of identifier and rights.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      const { values } = single(await c.ok(`GETACL ${quoted(mailbox)}`), 'ACL')
      check(values[0]?.text === mailbox && values.length % 2 === 1, mailbox, visible(values[0]?.text ?? 'nothing'))
    },
  ),
  acl(
    'setacl',
    'RFC 4314 §3.1',
    'SETACL grants the rights that it names to the identifier, as GETACL then shows.',
    async (c) => {
      const { mailbox, who } = await granting(c)
      await c.ok(`SETACL ${quoted(mailbox)} ${who} lr`)
      const found = (await rightsOf(c, mailbox)).get(who) ?? ''
      check([...found].sort().join('') === 'lr', `${who} lr`, found || 'nothing')
    },
  ),
  acl('setacl-adds', 'RFC 4314 §3.1', 'SETACL with "+" adds rights to those that are there.', async (c) => {
    const { mailbox, who } = await granting(c)
    await c.must(`SETACL ${quoted(mailbox)} ${who} l`)
    await c.ok(`SETACL ${quoted(mailbox)} ${who} +r`)
    const found = (await rightsOf(c, mailbox)).get(who) ?? ''
    check(hasAll(found, 'lr'), `${who} lr`, found || 'nothing')
  }),
  acl('setacl-removes', 'RFC 4314 §3.1', 'SETACL with "-" takes rights away and leaves the others.', async (c) => {
    const { mailbox, who } = await granting(c)
    await c.must(`SETACL ${quoted(mailbox)} ${who} lrs`)
    await c.ok(`SETACL ${quoted(mailbox)} ${who} -s`)
    const found = (await rightsOf(c, mailbox)).get(who) ?? ''
    check([...found].sort().join('') === 'lr', `${who} lr`, found || 'nothing')
  }),
  acl('setacl-replaces', 'RFC 4314 §3.1', 'SETACL without a sign replaces the rights that were there.', async (c) => {
    const { mailbox, who } = await granting(c)
    await c.must(`SETACL ${quoted(mailbox)} ${who} lrs`)
    await c.ok(`SETACL ${quoted(mailbox)} ${who} l`)
    const found = (await rightsOf(c, mailbox)).get(who) ?? ''
    check(found === 'l', `${who} l`, found || 'nothing')
  }),
  acl('deleteacl', 'RFC 4314 §3.2', 'DELETEACL removes the identifier from the list.', async (c) => {
    const { mailbox, who } = await granting(c)
    await c.must(`SETACL ${quoted(mailbox)} ${who} lr`)
    await c.ok(`DELETEACL ${quoted(mailbox)} ${who}`)
    check(!(await rightsOf(c, mailbox)).has(who), `no ${who}`, 'it is there')
  }),
  acl(
    'unknown-right',
    'RFC 4314 §3.1',
    'SETACL with a right that the server does not know is answered BAD.',
    async (c) => {
      const { mailbox, who } = await granting(c)
      await c.bad(`SETACL ${quoted(mailbox)} ${who} lrq`)
    },
  ),
  acl('upper-case-right', 'RFC 4314 §2', 'SETACL with a right in upper case is answered BAD.', async (c) => {
    const { mailbox, who } = await granting(c)
    await c.bad(`SETACL ${quoted(mailbox)} ${who} LR`)
  }),
  acl('obsolete-delete', 'RFC 4314 §2.1.1', 'ACL responses have "d" wherever they have "e" or "t".', async (c) => {
    const { mailbox, who } = await granting(c)
    await c.must(`SETACL ${quoted(mailbox)} ${who} lrte`)
    const found = (await rightsOf(c, mailbox)).get(who) ?? ''
    check(found.includes('d'), 'd among the rights', found || 'nothing')
  }),
  acl('obsolete-create', 'RFC 4314 §2.1.1', 'MYRIGHTS has "c" where it has "k".', async (c) => {
    const { values } = single(await c.ok(`MYRIGHTS ${quoted(await freshMailbox(c))}`), 'MYRIGHTS')
    const found = values[1]?.text ?? ''
    check(!found.includes('k') || found.includes('c'), 'c among the rights', found)
  }),
  acl(
    'listrights',
    'RFC 4314 §3.7',
    'LISTRIGHTS gives mailbox, identifier as it was asked for, the rights always granted, and groups in which no right stands twice.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      const { values, raw } = single(await c.ok(`LISTRIGHTS ${quoted(mailbox)} anyone`), 'LISTRIGHTS')
      check(
        values[0]?.text === mailbox && values[1]?.text === 'anyone' && values.length >= 3,
        `${mailbox} anyone and rights`,
        visible(raw),
      )
      const all = values
        .slice(2)
        .map(({ text }) => text)
        .join('')
      check(new Set(all).size === all.length, 'each right once', visible(raw))
    },
  ),
]

const NOTE = '/private/comment'

const setTo = (c: Imap, mailbox: string, value: string): Promise<Result> =>
  c.send(`SETMETADATA ${quoted(mailbox)} (${NOTE} ${value})`)

/** Entry, lower case → value; null for NIL. */
async function valuesOf(c: Imap, mailbox: string, behindName: string): Promise<Map<string, string | null>> {
  const found = new Map<string, string | null>()
  for (const { values } of untagged(await c.ok(`GETMETADATA ${quoted(mailbox)} ${behindName}`), 'METADATA'))
    for (const [entry, value] of pairs(values[1], 'METADATA'))
      found.set(entry.toLowerCase(), value.kind === 'nil' ? null : value.text)
  return found
}

export const metadataCases: readonly ImapCase[] = [
  metadata('set-and-get', 'RFC 5464 §4.3', 'GETMETADATA gives the value that SETMETADATA has set.', async (c) => {
    const mailbox = await freshMailbox(c)
    await c.ok(`SETMETADATA ${quoted(mailbox)} (${NOTE} "a walnut")`)
    const found = (await valuesOf(c, mailbox, NOTE)).get(NOTE)
    check(found === 'a walnut', '"a walnut"', found ?? 'NIL')
  }),
  metadata('replace', 'RFC 5464 §4.3', 'SETMETADATA replaces the value of an entry.', async (c) => {
    const mailbox = await freshMailbox(c)
    await setTo(c, mailbox, '"one"')
    await c.ok(`SETMETADATA ${quoted(mailbox)} (${NOTE} "two")`)
    const found = (await valuesOf(c, mailbox, NOTE)).get(NOTE)
    check(found === 'two', '"two"', found ?? 'NIL')
  }),
  metadata('remove', 'RFC 5464 §4.3', 'SETMETADATA with NIL removes an entry.', async (c) => {
    const mailbox = await freshMailbox(c)
    await setTo(c, mailbox, '"one"')
    await c.ok(`SETMETADATA ${quoted(mailbox)} (${NOTE} NIL)`)
    const found = (await valuesOf(c, mailbox, NOTE)).get(NOTE) ?? null
    check(found === null, 'NIL or nothing', found ?? '')
  }),
  metadata('lines', 'RFC 5464 §3.2', 'A value may have several lines.', async (c) => {
    const mailbox = await freshMailbox(c)
    await c.ok([`SETMETADATA ${quoted(mailbox)} (${NOTE} `, literal('one\r\ntwo'), ')'])
    const found = (await valuesOf(c, mailbox, NOTE)).get(NOTE)
    check(found === 'one\r\ntwo', 'one\\r\\ntwo', visible(found ?? 'NIL'))
  }),
  metadata('size', 'RFC 5464 §4.1', 'A value of 1024 octets is taken.', async (c) => {
    const mailbox = await freshMailbox(c)
    await c.ok([`SETMETADATA ${quoted(mailbox)} (${NOTE} `, literal('x'.repeat(1024)), ')'])
  }),
  metadata('several', 'RFC 5464 §4.2', 'Several entries may be asked for at once.', async (c) => {
    const mailbox = await freshMailbox(c)
    await c.ok(`SETMETADATA ${quoted(mailbox)} (${NOTE} "one" /shared/comment "two")`)
    const found = await valuesOf(c, mailbox, `(${NOTE} /shared/comment)`)
    check(
      found.get(NOTE) === 'one' && found.get('/shared/comment') === 'two',
      'one and two',
      [...found.values()].join(' '),
    )
  }),
  metadata('entry-case', 'RFC 5464 §3.2', 'The name of an entry may be written in any case.', async (c) => {
    const mailbox = await freshMailbox(c)
    await setTo(c, mailbox, '"one"')
    const found = (await valuesOf(c, mailbox, '/PRIVATE/Comment')).get(NOTE)
    check(found === 'one', '"one"', found ?? 'NIL')
  }),
  metadata('entry-wildcard', 'RFC 5464 §3.2', 'An entry name with "*" is answered BAD.', async (c) => {
    await c.bad(`GETMETADATA ${quoted(await freshMailbox(c))} "/private/*"`)
  }),
  metadata(
    'entry-double-slash',
    'RFC 5464 §3.2',
    'An entry name with two slashes together is answered BAD.',
    async (c) => {
      await c.bad(`GETMETADATA ${quoted(await freshMailbox(c))} /private//comment`)
    },
  ),
  metadata(
    'entry-trailing-slash',
    'RFC 5464 §3.2',
    'An entry name that ends in a slash is answered BAD.',
    async (c) => {
      await c.bad(`GETMETADATA ${quoted(await freshMailbox(c))} /private/comment/`)
    },
  ),
  metadata(
    'no-such-mailbox',
    'RFC 5464 §4.3',
    'SETMETADATA of a mailbox that does not exist is answered NO.',
    async (c) => {
      await c.no(`SETMETADATA ${quoted(freshName(c))} (${NOTE} "one")`)
    },
  ),
  metadata(
    'maxsize',
    'RFC 5464 §4.2.1',
    'With MAXSIZE a longer value is not given, and the OK has METADATA LONGENTRIES with its size.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      await setTo(c, mailbox, '"twelve chars"')
      // the examples and the grammar put the options on different sides of the mailbox
      let result = await c.send(`GETMETADATA (MAXSIZE 5) ${quoted(mailbox)} ${NOTE}`)
      if (result.status === 'BAD') result = await c.ok(`GETMETADATA ${quoted(mailbox)} (MAXSIZE 5) ${NOTE}`)
      const given = untagged(result, 'METADATA').some(({ raw }) => raw.includes('twelve chars'))
      check(
        !given && codeOf(result, 'METADATA')?.text.toUpperCase() === 'LONGENTRIES 12',
        '[METADATA LONGENTRIES 12]',
        visible(result.raw),
      )
    },
  ),
  metadata(
    'follows-rename',
    'RFC 5464 §4.1',
    'The entries of a mailbox follow it when it is renamed.',
    async (c) => {
      const [from, to] = [await freshMailbox(c), freshName(c)]
      await setTo(c, from, '"one"')
      await c.must(`RENAME ${quoted(from)} ${quoted(to)}`)
      const found = (await valuesOf(c, to, NOTE)).get(NOTE)
      check(found === 'one', '"one"', found ?? 'NIL')
    },
    { level: 'should' },
  ),
  metadata(
    'goes-with-delete',
    'RFC 5464 §4.1',
    'A mailbox made under the name of a deleted one does not have its entries.',
    async (c) => {
      const mailbox = await freshMailbox(c)
      await setTo(c, mailbox, '"one"')
      await c.must(`DELETE ${quoted(mailbox)}`)
      await c.must(`CREATE ${quoted(mailbox)}`)
      const found = (await valuesOf(c, mailbox, NOTE)).get(NOTE) ?? null
      check(found === null, 'NIL or nothing', found ?? '')
    },
    { level: 'should' },
  ),
]
