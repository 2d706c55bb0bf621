// IMAP: NAMESPACE (RFC 2342), ID (RFC 2971) and QUOTA (RFC 9208).
import { check, Skipped, visible } from '../judgement.ts'
import {
  type Imap,
  isNumber,
  isString,
  items,
  numberOf,
  quoted,
  type Result,
  single,
  untagged,
  type Value,
} from './client.ts'
import { listing } from './list.ts'
import { ACCOUNT, casesOf, freshMailbox, freshName, type ImapCase, withCapabilities } from './suite.ts'

const namespace = casesOf('namespace', { state: 'authenticated', needs: { ...ACCOUNT, capabilities: ['NAMESPACE'] } })
const id = casesOf('id', { state: 'greeted', needs: { capabilities: ['ID'] } })
const quota = casesOf('quota', { state: 'authenticated', needs: withCapabilities('QUOTA') })

interface Namespace {
  readonly prefix: string
  readonly separator: string | null
}

/** One of the three classes of NAMESPACE; empty for NIL. */
function classOf(value: Value | undefined): Namespace[] {
  if (value?.kind === 'nil') return []
  return items(value, 'a class of namespaces').map((one) => {
    const [prefix, separator] = items(one, 'a namespace')
    check(
      isString(prefix) &&
        separator !== undefined &&
        (separator.kind === 'nil' || (isString(separator) && separator.text.length === 1)),
      'a prefix and a separator of one character, or NIL',
      visible(one.text),
    )
    return { prefix: prefix.text, separator: separator.kind === 'nil' ? null : separator.text }
  })
}

export const namespaceCases: readonly ImapCase[] = [
  namespace('one-response', 'RFC 2342 §5', 'NAMESPACE gives one untagged NAMESPACE response.', async (c) => {
    single(await c.ok('NAMESPACE'), 'NAMESPACE')
  }),
  namespace(
    'form',
    'RFC 2342 §5',
    'The response has three classes, each NIL or a list of prefixes with their separators.',
    async (c) => {
      const { values, raw } = single(await c.ok('NAMESPACE'), 'NAMESPACE')
      check(values.length === 3, 'three classes', visible(raw))
      for (const one of values) classOf(one)
    },
  ),
  namespace(
    'separator-of-list',
    'RFC 2342 §5',
    'The separator of a personal namespace is the one that LIST gives for its prefix.',
    async (c) => {
      const { values } = single(await c.ok('NAMESPACE'), 'NAMESPACE')
      const [personal] = classOf(values[0])
      if (personal === undefined) throw new Skipped('there is no personal namespace')
      const [found] = await listing(c, `LIST ${quoted(personal.prefix)} ""`)
      check(found?.separator === personal.separator, personal.separator ?? 'NIL', found?.separator ?? 'NIL')
    },
  ),
  namespace(
    'mailbox-in-personal',
    'RFC 2342 §3',
    'A mailbox can be made behind the prefix of the personal namespace.',
    async (c) => {
      const { values } = single(await c.ok('NAMESPACE'), 'NAMESPACE')
      const [personal] = classOf(values[0])
      if (personal === undefined) throw new Skipped('there is no personal namespace')
      const name = freshName(c)
      const behind = name.startsWith(personal.prefix) ? name : `${personal.prefix}${name}`
      await c.ok(`CREATE ${quoted(behind)}`)
      await c.must(`DELETE ${quoted(behind)}`)
    },
    { needs: withCapabilities('NAMESPACE') },
  ),
  namespace(
    'argument',
    'RFC 2342 §5',
    'NAMESPACE with an argument is answered BAD.',
    async (c) => {
      await c.bad('NAMESPACE all')
    },
    { level: 'should' },
  ),
]

/** Field → value, lower case; null for NIL. */
function idOf(result: Result): Map<string, string | null> | null {
  const [value] = single(result, 'ID').values
  if (value?.kind === 'nil') return null
  const list = items(value, 'ID')
  check(
    list.length % 2 === 0 && list.every((one, i) => isString(one) || (i % 2 === 1 && one.kind === 'nil')),
    'fields and values as strings, values also NIL',
    visible(value?.text ?? ''),
  )
  check(
    new Set(list.filter((_, i) => i % 2 === 0).map(({ text }) => text.toLowerCase())).size === list.length / 2,
    'each field once',
    visible(value?.text ?? ''),
  )
  return new Map(
    list.flatMap((field, i) =>
      i % 2 === 0 ? [[field.text.toLowerCase(), list[i + 1]!.kind === 'nil' ? null : list[i + 1]!.text] as const] : [],
    ),
  )
}

export const idCases: readonly ImapCase[] = [
  id(
    'response',
    'RFC 2971 §3.2',
    'ID is answered by an untagged ID response with NIL, or with fields and values, no field twice.',
    async (c) => {
      idOf(await c.ok('ID NIL'))
    },
  ),
  id('fields', 'RFC 2971 §3.1', 'ID takes fields with values, strings or NIL.', async (c) => {
    idOf(await c.ok('ID ("name" "conformance" "version" NIL "x-other" "value")'))
  }),
  id(
    'lengths',
    'RFC 2971 §3.3',
    'The response has at most 30 fields of at most 30 octets, with values of at most 1024.',
    async (c) => {
      const found = idOf(await c.ok('ID NIL'))
      if (found === null) return
      check(found.size <= 30, 'at most 30 fields', String(found.size))
      for (const [field, value] of found)
        check(
          field.length <= 30 && (value?.length ?? 0) <= 1024,
          'at most 30 and 1024 octets',
          visible(`${field} ${value}`),
        )
    },
  ),
  id(
    'any-state',
    'RFC 2971 §3.1',
    'ID is taken in the authenticated and in the selected state.',
    async (c) => {
      idOf(await c.ok('ID NIL'))
      await c.examine('INBOX')
      idOf(await c.ok('ID NIL'))
    },
    { state: 'authenticated', needs: { ...ACCOUNT, capabilities: ['ID'] } },
  ),
  id(
    'does-not-log-in',
    'RFC 2971 §3',
    'ID does not change what the client may do: the connection is not authenticated after it.',
    async (c) => {
      await c.ok('ID ("name" "conformance" "vendor" "root")')
      await c.refused('STATUS INBOX (MESSAGES)')
    },
  ),
  id('capability-stays', 'RFC 2971 §3', 'ID does not change what CAPABILITY gives.', async (c) => {
    await c.ok('CAPABILITY')
    const before = [...(c.capabilities ?? [])].sort().join(' ')
    await c.ok('ID ("name" "conformance")')
    await c.ok('CAPABILITY')
    const after = [...(c.capabilities ?? [])].sort().join(' ')
    check(after === before, before, after)
  }),
  id(
    'no-list',
    'RFC 2971 §4',
    'ID without its argument is answered BAD.',
    async (c) => {
      await c.bad('ID')
    },
    { level: 'should' },
  ),
]

interface Resource {
  readonly name: string
  readonly usage: number
  readonly limit: number
}

/** Quota root → its resources, of the QUOTA responses. */
function quotasOf(result: Result): Map<string, Resource[]> {
  return new Map(
    untagged(result, 'QUOTA').map(({ values, raw }) => {
      const [root, list] = values
      const parts = items(list, 'the resources of QUOTA')
      check(root !== undefined && parts.length % 3 === 0, 'resources with usage and limit', visible(raw))
      const resources = parts.flatMap((part, i) => {
        if (i % 3 !== 0) return []
        check(
          part.kind === 'atom' && isNumber(parts[i + 1]) && isNumber(parts[i + 2]),
          'an atom and two numbers',
          visible(raw),
        )
        return [
          {
            name: part.text.toUpperCase(),
            usage: numberOf(parts[i + 1], 'usage'),
            limit: numberOf(parts[i + 2], 'limit'),
          },
        ]
      })
      return [root.text, resources] as const
    }),
  )
}

const rootsOf = (result: Result): string[] =>
  single(result, 'QUOTAROOT')
    .values.slice(1)
    .map(({ text }) => text)

/** The first root of INBOX with its resources; throws Skipped when there is none. */
async function firstRoot(c: Imap): Promise<{ root: string; resources: Resource[] }> {
  const result = await c.ok('GETQUOTAROOT INBOX')
  const [root] = rootsOf(result)
  if (root === undefined) throw new Skipped('INBOX has no quota root')
  return { root, resources: quotasOf(result).get(root) ?? [] }
}

export const quotaCases: readonly ImapCase[] = [
  quota(
    'quotaroot',
    'RFC 9208 §4.1.2',
    'GETQUOTAROOT gives one QUOTAROOT response with the name of the mailbox.',
    async (c) => {
      const { values, raw } = single(await c.ok('GETQUOTAROOT INBOX'), 'QUOTAROOT')
      check(values[0]?.text === 'INBOX', 'INBOX', visible(raw))
    },
  ),
  quota(
    'quota-for-each-root',
    'RFC 9208 §4.1.2',
    'GETQUOTAROOT gives a QUOTA response for each quota root that it names.',
    async (c) => {
      const result = await c.ok('GETQUOTAROOT INBOX')
      const found = quotasOf(result)
      const missing = rootsOf(result).filter((root) => !found.has(root))
      check(missing.length === 0, `QUOTA of ${missing.join(' ')}`, 'none')
    },
  ),
  quota(
    'getquota',
    'RFC 9208 §4.1.1',
    'GETQUOTA of a root gives the QUOTA response that GETQUOTAROOT gave.',
    async (c) => {
      const { root, resources } = await firstRoot(c)
      const result = await c.send(`GETQUOTA ${quoted(root)}`, 'OK', 'NO')
      if (result.status === 'NO') throw new Skipped('the server does not permit GETQUOTA')
      const found = quotasOf(result).get(root)
      const [one, two] = [resources, found ?? []].map((all) =>
        all.map(({ name, limit }) => `${name} ${limit}`).join(' '),
      )
      check(found !== undefined && one === two, one!, found === undefined ? 'no QUOTA' : two!)
    },
  ),
  quota('no-such-root', 'RFC 9208 §4.1.1', 'GETQUOTA of a root that does not exist is answered NO.', async (c) => {
    await c.no('GETQUOTA "conformance no such root"')
  }),
  quota(
    'announced-resources',
    'RFC 9208 §3.1.2',
    'Resources in QUOTA responses are announced as QUOTA=RES-….',
    async (c) => {
      if (![...(c.capabilities ?? [])].some((name) => name.startsWith('QUOTA=RES-')))
        throw new Skipped('the server follows RFC 2087')
      const { resources } = await firstRoot(c)
      const missing = resources.filter(({ name }) => !c.announces(`QUOTA=RES-${name}`)).map(({ name }) => name)
      check(missing.length === 0, 'announced resources', missing.join(' '))
    },
  ),
  quota(
    'mailbox-to-be',
    'RFC 9208 §4.1.2',
    'GETQUOTAROOT takes the name of a mailbox that does not exist.',
    async (c) => {
      if (![...(c.capabilities ?? [])].some((name) => name.startsWith('QUOTA=RES-')))
        throw new Skipped('the server follows RFC 2087')
      await c.ok(`GETQUOTAROOT ${quoted(freshName(c))}`)
    },
  ),
  quota(
    'usage',
    'RFC 9208 §4.2.1',
    'The usage of STORAGE grows by a message of 20 times 1024 octets, by 20 at the least.',
    async (c) => {
      const before = (await firstRoot(c)).resources.find(({ name }) => name === 'STORAGE')
      if (before === undefined) throw new Skipped('STORAGE has no quota')
      await c.append(await freshMailbox(c), `From: a@conformance.example\r\n\r\n${`${'x'.repeat(62)}\r\n`.repeat(320)}`)
      const after = (await firstRoot(c)).resources.find(({ name }) => name === 'STORAGE')
      check((after?.usage ?? 0) >= before.usage + 20, `${before.usage + 20} or more`, String(after?.usage))
    },
    { level: 'should' },
  ),
  quota(
    'deleted-storage',
    'RFC 9208 §4.1.4',
    'STATUS gives DELETED-STORAGE where QUOTA=RES-STORAGE is announced.',
    async (c) => {
      const { values } = single(await c.ok('STATUS INBOX (DELETED-STORAGE)'), 'STATUS')
      const [name, value] = items(values[1], 'STATUS')
      check(
        name?.text.toUpperCase() === 'DELETED-STORAGE' && isNumber(value),
        'DELETED-STORAGE and a number',
        visible(values[1]?.text ?? ''),
      )
    },
    { needs: withCapabilities('QUOTA', 'QUOTA=RES-STORAGE') },
  ),
  quota(
    'no-arguments',
    'RFC 9208 §7',
    'GETQUOTA without a root is answered BAD.',
    async (c) => {
      await c.bad('GETQUOTA')
    },
    { level: 'should' },
  ),
]
