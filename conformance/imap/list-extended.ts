// IMAP: the extended LIST command (RFC 5258, RFC 5819, RFC 6154).
import { check, Skipped, visible } from '../judgement.ts'
import { type Imap, items, numberOf, pairs, quoted, type Response, untagged } from './client.ts'
import { CORPUS } from './corpus.ts'
import { expectNames, type Listed, listedOf, listing, tree } from './list.ts'
import { casesOf, freshMailbox, freshName, type ImapCase, separatorOf, withCapabilities } from './suite.ts'

const extended = casesOf('list-extended', { state: 'authenticated', needs: withCapabilities('LIST-EXTENDED') })
const status = casesOf('list-status', { state: 'authenticated', needs: withCapabilities('LIST-STATUS') })
const use = casesOf('special-use', { state: 'authenticated', needs: withCapabilities('SPECIAL-USE') })

const attributesOf = (found: readonly Listed[], name: string): readonly string[] =>
  found.find((one) => one.name === name)?.attributes ?? []

/** The tree with `top` and `deep` subscribed and the others not. */
async function subscribedTree(c: Imap): Promise<Awaited<ReturnType<typeof tree>>> {
  const names = await tree(c)
  for (const name of [names.top, names.deep]) await c.must(`SUBSCRIBE ${quoted(name)}`)
  for (const name of [names.one, names.two]) await c.send(`UNSUBSCRIBE ${quoted(name)}`)
  return names
}

/** The extended data item CHILDINFO of each LIST response: name → what it lists. */
function childInfo(responses: readonly Response[]): Map<string, string> {
  return new Map(
    responses.flatMap(({ values }) => {
      const extension = values[3]
      if (extension?.kind !== 'list') return []
      const info = pairs(extension, 'extended data').get('CHILDINFO')
      const names = info === undefined ? [] : items(info, 'CHILDINFO')
      return info === undefined
        ? []
        : [[values[2]!.text, names.map(({ text }) => text.toUpperCase()).join(' ')] as const]
    }),
  )
}

export const listExtendedCases: readonly ImapCase[] = [
  extended(
    'select-subscribed',
    'RFC 5258 §3.1',
    'LIST (SUBSCRIBED) lists the subscribed names that match, and no others.',
    async (c) => {
      const { top, deep } = await subscribedTree(c)
      expectNames(await listing(c, `LIST (SUBSCRIBED) "" ${quoted(`${top}*`)}`), top, deep)
    },
  ),
  extended(
    'select-subscribed-attribute',
    'RFC 5258 §3.1',
    'The names that LIST (SUBSCRIBED) lists have \\Subscribed.',
    async (c) => {
      const { top } = await subscribedTree(c)
      for (const { attributes, raw } of await listing(c, `LIST (SUBSCRIBED) "" ${quoted(`${top}*`)}`))
        check(attributes.includes('\\subscribed'), '\\Subscribed', visible(raw))
    },
  ),
  extended(
    'subscribed-nonexistent',
    'RFC 5258 §3.1',
    'LIST (SUBSCRIBED) lists a subscribed name whose mailbox is gone, as \\NonExistent.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.must(`SUBSCRIBE ${quoted(name)}`)
      await c.must(`DELETE ${quoted(name)}`)
      const found = await listing(c, `LIST (SUBSCRIBED) "" ${quoted(name)}`)
      await c.send(`UNSUBSCRIBE ${quoted(name)}`)
      expectNames(found, name)
      check(attributesOf(found, name).includes('\\nonexistent'), '\\NonExistent', visible(found[0]!.raw))
    },
  ),
  extended(
    'return-subscribed',
    'RFC 5258 §3.2',
    'RETURN (SUBSCRIBED) marks the subscribed names with \\Subscribed, and only those.',
    async (c) => {
      const { top, one, deep, two } = await subscribedTree(c)
      const found = await listing(c, `LIST "" ${quoted(`${top}*`)} RETURN (SUBSCRIBED)`)
      expectNames(found, top, one, deep, two)
      const marked = found.filter(({ attributes }) => attributes.includes('\\subscribed'))
      expectNames(marked, top, deep)
    },
  ),
  extended(
    'return-children',
    'RFC 5258 §4',
    'RETURN (CHILDREN) gives each name \\HasChildren or \\HasNoChildren, and the right one.',
    async (c) => {
      const { top, one, deep, two } = await tree(c)
      const found = await listing(c, `LIST "" ${quoted(`${top}*`)} RETURN (CHILDREN)`)
      for (const name of [top, one, deep, two]) {
        const attributes = attributesOf(found, name)
        const [wanted, wrong] = [top, one].includes(name)
          ? ['\\haschildren', '\\hasnochildren']
          : ['\\hasnochildren', '\\haschildren']
        const noInferiors = wanted === '\\hasnochildren' && attributes.includes('\\noinferiors')
        check(
          (attributes.includes(wanted!) || noInferiors) && !attributes.includes(wrong!),
          `${wanted} for ${name}`,
          attributes.join(' ') || 'nothing',
        )
      }
    },
  ),
  extended('patterns', 'RFC 5258 §3', 'Several patterns list the names that match any of them.', async (c) => {
    const { one, two } = await tree(c)
    expectNames(await listing(c, `LIST "" (${quoted(one)} ${quoted(two)})`), one, two)
  }),
  extended(
    'patterns-once',
    'RFC 5258 §3.3',
    'A name that matches several patterns is listed once.',
    async (c) => {
      const { top, one, separator } = await tree(c)
      expectNames(await listing(c, `LIST "" (${quoted(one)} ${quoted(`${top}${separator}o%`)})`), one)
    },
    { level: 'should' },
  ),
  extended('empty-pattern', 'RFC 5258 §3', 'In the extended syntax an empty pattern is ignored.', async (c) => {
    const name = await freshMailbox(c)
    expectNames(await listing(c, `LIST "" ("" ${quoted(name)})`), name)
  }),
  extended('no-options', 'RFC 5258 §3', 'An empty list of selection options selects all names.', async (c) => {
    const name = await freshMailbox(c)
    expectNames(await listing(c, `LIST () "" ${quoted(name)}`), name)
  }),
  extended('no-return-options', 'RFC 5258 §3', 'An empty list of return options is taken.', async (c) => {
    const name = await freshMailbox(c)
    expectNames(await listing(c, `LIST "" ${quoted(name)} RETURN ()`), name)
  }),
  extended(
    'unknown-selection',
    'RFC 5258 §3',
    'A selection option that the server does not know is answered BAD.',
    async (c) => {
      await c.bad('LIST (XCONFORMANCENONE) "" "%"')
    },
  ),
  extended(
    'unknown-return',
    'RFC 5258 §3',
    'A return option that the server does not know is answered BAD.',
    async (c) => {
      await c.bad('LIST "" "%" RETURN (XCONFORMANCENONE)')
    },
  ),
  extended('option-twice', 'RFC 5258 §3', 'An option that is given twice counts as once.', async (c) => {
    const { top, deep } = await subscribedTree(c)
    expectNames(await listing(c, `LIST (SUBSCRIBED SUBSCRIBED) "" ${quoted(`${top}*`)}`), top, deep)
  }),
  extended('remote', 'RFC 5258 §3.1', 'The selection option REMOTE takes no local mailbox away.', async (c) => {
    const name = await freshMailbox(c)
    expectNames(await listing(c, `LIST (REMOTE) "" ${quoted(name)}`), name)
  }),
  extended(
    'recursivematch-alone',
    'RFC 5258 §3.1',
    'RECURSIVEMATCH as the only selection option is answered BAD.',
    async (c) => {
      await c.bad('LIST (RECURSIVEMATCH) "" "%"')
    },
  ),
  extended('recursivematch-remote', 'RFC 5258 §3.1', 'RECURSIVEMATCH with REMOTE alone is answered BAD.', async (c) => {
    await c.bad('LIST (REMOTE RECURSIVEMATCH) "" "%"')
  }),
  extended(
    'recursivematch',
    'RFC 5258 §3.1',
    'RECURSIVEMATCH lists a parent that is not subscribed for its subscribed descendant, with CHILDINFO.',
    async (c) => {
      const { top, one, separator } = await subscribedTree(c)
      const result = await c.ok(`LIST (SUBSCRIBED RECURSIVEMATCH) "" ${quoted(`${top}${separator}%`)}`)
      expectNames(untagged(result, 'LIST').map(listedOf), one)
      const info = childInfo(untagged(result, 'LIST')).get(one)
      check(info === 'SUBSCRIBED', '("CHILDINFO" ("SUBSCRIBED"))', info ?? 'no CHILDINFO')
    },
  ),
  extended(
    'recursivematch-not-subscribed',
    'RFC 5258 §3.1',
    'A parent that RECURSIVEMATCH lists for its descendant alone has no \\Subscribed.',
    async (c) => {
      const { top, one, separator } = await subscribedTree(c)
      const found = await listing(c, `LIST (SUBSCRIBED RECURSIVEMATCH) "" ${quoted(`${top}${separator}%`)}`)
      check(!attributesOf(found, one).includes('\\subscribed'), 'no \\Subscribed', attributesOf(found, one).join(' '))
    },
  ),
  extended(
    'childinfo-of-match',
    'RFC 5258 §3.5',
    'A subscribed name with a subscribed descendant has CHILDINFO under RECURSIVEMATCH too.',
    async (c) => {
      const { top } = await subscribedTree(c)
      const result = await c.ok(`LIST (SUBSCRIBED RECURSIVEMATCH) "" ${quoted(top)}`)
      const info = childInfo(untagged(result, 'LIST')).get(top)
      check(info === 'SUBSCRIBED', '("CHILDINFO" ("SUBSCRIBED"))', info ?? 'no CHILDINFO')
    },
  ),
  extended('childinfo-unasked', 'RFC 5258 §3.5', 'Without RECURSIVEMATCH no response has CHILDINFO.', async (c) => {
    const { top } = await subscribedTree(c)
    const result = await c.ok(`LIST (SUBSCRIBED) "" ${quoted(`${top}*`)} RETURN (SUBSCRIBED CHILDREN)`)
    const found = childInfo(untagged(result, 'LIST'))
    check(found.size === 0, 'no CHILDINFO', [...found.keys()].join(' '))
  }),
  extended(
    'level-without-mailbox',
    'RFC 5258 §3.5',
    'LIST (SUBSCRIBED) without RECURSIVEMATCH does not list the levels above subscribed names.',
    async (c) => {
      const { top, separator } = await subscribedTree(c)
      expectNames(await listing(c, `LIST (SUBSCRIBED) "" ${quoted(`${top}${separator}%`)}`))
    },
  ),
]

export const listStatusCases: readonly ImapCase[] = [
  status(
    'each',
    'RFC 5819 §2',
    'RETURN (STATUS …) gives a STATUS response for each selectable mailbox listed.',
    async (c) => {
      const { top, one, deep, two } = await tree(c)
      const result = await c.ok(`LIST "" ${quoted(`${top}*`)} RETURN (STATUS (MESSAGES))`)
      const names = untagged(result, 'STATUS')
        .map(({ values }) => values[0]?.text)
        .sort()
        .join(' ')
      check(
        names === [top, one, deep, two].sort().join(' '),
        [top, one, deep, two].sort().join(' '),
        names || 'nothing',
      )
    },
  ),
  status(
    'values',
    'RFC 5819 §2',
    'The STATUS responses have the items that were asked for, with their values.',
    async (c) => {
      const name = await freshMailbox(c)
      await c.append(name, CORPUS[0]!.text)
      const result = await c.ok(`LIST "" ${quoted(name)} RETURN (STATUS (MESSAGES UNSEEN))`)
      const found = pairs(untagged(result, 'STATUS')[0]?.values[1], 'STATUS')
      const [messages, unseen] = ['MESSAGES', 'UNSEEN'].map((item) => numberOf(found.get(item), item))
      check(messages === 1 && unseen === 1 && found.size === 2, 'MESSAGES 1 UNSEEN 1', [...found.keys()].join(' '))
    },
  ),
  status(
    'behind-its-list',
    'RFC 5819 §2',
    'A STATUS response comes behind the LIST response of its mailbox.',
    async (c) => {
      const { top } = await tree(c)
      const { untagged: all } = await c.ok(`LIST "" ${quoted(`${top}*`)} RETURN (STATUS (MESSAGES))`)
      const listed = new Set<string>()
      for (const { name, values, raw } of all) {
        if (name === 'LIST') listed.add(values[2]?.text ?? '')
        if (name === 'STATUS') check(listed.has(values[0]?.text ?? ''), 'LIST first', visible(raw))
      }
    },
  ),
  status('not-for-levels', 'RFC 5819 §2', 'A name that cannot be selected gets no STATUS response.', async (c) => {
    const top = freshName(c, 'level')
    await c.must(`CREATE ${quoted(`${top}${separatorOf(c)}child`)}`)
    if ((await c.send(`STATUS ${quoted(top)} (MESSAGES)`)).status === 'OK')
      throw new Skipped('the server makes parents that can be selected')
    const result = await c.ok(`LIST "" ${quoted(`${top.slice(0, -2)}%`)} RETURN (STATUS (MESSAGES))`)
    const wrong = untagged(result, 'STATUS').find(({ values }) => values[0]?.text === top)
    check(wrong === undefined, `no STATUS of ${top}`, visible(wrong?.raw ?? ''))
  }),
  status(
    'selected-mailbox',
    'RFC 5819 §2',
    'The selected mailbox gets its STATUS response too.',
    async (c) => {
      const result = await c.ok(`LIST "" ${quoted(c.mailbox)} RETURN (STATUS (MESSAGES))`)
      const messages = numberOf(pairs(untagged(result, 'STATUS')[0]?.values[1], 'STATUS').get('MESSAGES'), 'MESSAGES')
      check(messages === CORPUS.length, `MESSAGES ${CORPUS.length}`, String(messages))
    },
    { state: 'selected' },
  ),
]

const USES = [
  '\\all',
  '\\archive',
  '\\drafts',
  '\\flagged',
  '\\junk',
  '\\sent',
  '\\trash',
  '\\important',
  '\\scheduled',
  '\\snoozed',
  '\\memos',
]
const hasUse = ({ attributes }: Listed): boolean => attributes.some((attribute) => USES.includes(attribute))

/** What LIST (SPECIAL-USE) lists; one is made where the server lets clients make them. Throws Skipped when there can't be any. */
async function withUse(c: Imap): Promise<Listed[]> {
  const made =
    c.announces('CREATE-SPECIAL-USE') &&
    (await c.send(`CREATE ${quoted(freshName(c))} (USE (\\Archive))`)).status === 'OK'
  const found = await listing(c, 'LIST (SPECIAL-USE) "" "*"')
  if (found.length === 0 && !made) throw new Skipped('no mailbox has a special use')
  check(found.length > 0, 'a mailbox with a special use', 'none')
  return found
}

export const specialUseCases: readonly ImapCase[] = [
  use(
    'selection',
    'RFC 6154 §2',
    'LIST (SPECIAL-USE) lists only mailboxes with a special use, each with its attribute.',
    async (c) => {
      await freshMailbox(c)
      const wrong = (await withUse(c)).find((one) => !hasUse(one))
      check(wrong === undefined, 'a special-use attribute', visible(wrong?.raw ?? ''))
    },
    { needs: withCapabilities('SPECIAL-USE', 'LIST-EXTENDED') },
  ),
  use(
    'return',
    'RFC 6154 §2',
    'RETURN (SPECIAL-USE) gives the attributes of all mailboxes that LIST (SPECIAL-USE) lists.',
    async (c) => {
      const selected = await withUse(c)
      const returned = (await listing(c, 'LIST "" "*" RETURN (SPECIAL-USE)')).filter(hasUse)
      expectNames(returned, ...selected.map(({ name }) => name))
    },
    { needs: withCapabilities('SPECIAL-USE', 'LIST-EXTENDED') },
  ),
  use(
    'plain-list',
    'RFC 6154 §2',
    'LIST without options and with them names no special use differently.',
    async (c) => {
      await withUse(c)
      const plain = new Map((await listing(c, 'LIST "" "*"')).filter(hasUse).map((one) => [one.name, one]))
      for (const one of await listing(c, 'LIST "" "*" RETURN (SPECIAL-USE)')) {
        const other = plain.get(one.name)
        const [here, there] = [one, other].map((each) => each?.attributes.filter((a) => USES.includes(a)).join(' '))
        check(there === undefined || here === there, here!, there ?? '')
      }
    },
    { needs: withCapabilities('SPECIAL-USE', 'LIST-EXTENDED') },
  ),
]
