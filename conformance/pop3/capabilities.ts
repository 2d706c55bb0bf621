// POP3: what CAPA announces in which state, what its arguments look like, and PIPELINING.
import { check, Skipped, visible } from '../judgement.ts'
import type { Pop3 } from './client.ts'
import { ACCOUNT, authorization, needCapa, SOME } from './facts.ts'
import { beside, type Pop3Case } from './suite.ts'

/** Announced in both states (the registry of RFC 2449 §6 and later RFCs); STLS tells what may be sent now. */
const BOTH = [
  'TOP',
  'USER',
  'SASL',
  'RESP-CODES',
  'LOGIN-DELAY',
  'PIPELINING',
  'EXPIRE',
  'UIDL',
  'AUTH-RESP-CODE',
  'UTF8',
  'LANG',
]

/** Of a logged-in connection: the same without a login. */
async function before(p: Pop3): Promise<Pop3> {
  const other = await beside(p).open()
  needCapa(other)
  return other
}

const noUser = (tag: string, section: string): Pop3Case =>
  authorization(
    `capa/${tag.toLowerCase()}-settled`,
    `RFC 2449 §${section}`,
    `After the login, ${tag} has the value for this user, without USER.`,
    { ...ACCOUNT, capabilities: [tag] },
    async (p) => {
      await p.capa()
      const values = p.capabilities?.get(tag)
      check(
        values !== undefined && !values.includes('USER'),
        `${tag} without USER`,
        `${tag} ${values?.join(' ') ?? 'missing'}`,
      )
    },
    { state: 'transaction' },
  )

export const capabilityCases: readonly Pop3Case[] = [
  authorization(
    'capa/both-states',
    'RFC 2449 §5',
    'What is announced before the login is announced after it, too.',
    ACCOUNT,
    async (p) => {
      const early = await before(p)
      await p.capa()
      const missing = BOTH.filter((tag) => early.has(tag) && !p.has(tag))
      check(missing.length === 0, [...early.capabilities!.keys()].join(', '), `no ${missing.join(', ')}`)
    },
    { state: 'transaction' },
  ),
  authorization(
    'capa/same-mechanisms',
    'RFC 2449 §6.3',
    'The mechanisms of SASL are the same in both states.',
    { ...ACCOUNT, capabilities: ['SASL'] },
    async (p) => {
      await p.capa()
      if (!p.has('SASL')) throw new Skipped('SASL is not announced after the login')
      const [early, late] = [await before(p), p].map((one) =>
        [...(one.capabilities?.get('SASL') ?? [])].sort().join(' '),
      )
      check(early === late, early ?? '', late ?? '')
    },
    { state: 'transaction' },
  ),
  authorization(
    'capa/sasl-names',
    'RFC 4422 §3.1',
    'The arguments of SASL are names of mechanisms: up to 20 letters, digits, hyphens and underscores.',
    { capabilities: ['SASL'] },
    async (p) => {
      const names = p.capabilities!.get('SASL')!
      const strange = names.find((name) => !/^[A-Z0-9_-]{1,20}$/.test(name))
      check(names.length > 0 && strange === undefined, 'names of mechanisms', strange ?? 'none')
    },
  ),
  authorization(
    'capa/implementation',
    'RFC 2449 §6.9',
    'IMPLEMENTATION has one token at least.',
    { capabilities: ['IMPLEMENTATION'] },
    async (p) => {
      check(p.capabilities!.get('IMPLEMENTATION')!.length > 0, 'a token', 'none')
    },
  ),
  authorization(
    'capa/no-argument',
    'RFC 2449 §6',
    'TOP, USER, RESP-CODES, PIPELINING and UIDL have no arguments.',
    null,
    async (p) => {
      needCapa(p)
      for (const tag of ['TOP', 'USER', 'RESP-CODES', 'PIPELINING', 'UIDL', 'AUTH-RESP-CODE', 'STLS'])
        check(
          (p.capabilities!.get(tag) ?? []).length === 0,
          `${tag} alone`,
          `${tag} ${p.capabilities!.get(tag)?.join(' ')}`,
        )
    },
  ),
  authorization(
    'capa/once',
    'RFC 2449 §5',
    'Each capability stands in the list once.',
    null,
    async (p) => {
      needCapa(p)
      const tags = (await p.multi('CAPA')).map((line) => line.split(' ')[0]!.toUpperCase())
      check(new Set(tags).size === tags.length, 'each once', tags.join(', '))
    },
    { level: 'should' },
  ),
  authorization('capa/repeated', 'RFC 2449 §5', 'CAPA may be asked again, and behind USER.', ACCOUNT, async (p) => {
    needCapa(p)
    const first = (await p.multi('CAPA')).join('\n')
    await p.send(`USER ${p.account.user}`)
    const second = (await p.multi('CAPA')).join('\n')
    check(first === second, visible(first), visible(second))
  }),
  noUser('EXPIRE', '6.7'),
  noUser('LOGIN-DELAY', '6.5'),
  authorization(
    'pipelining/multi-line',
    'RFC 2449 §6.6',
    'Commands that come while a response is under way are answered behind it.',
    { ...SOME, capabilities: ['PIPELINING'] },
    async (p) => {
      await p.wire.write('RETR 1\r\nNOOP\r\nRETR 2\r\nSTAT\r\n')
      const texts: string[] = []
      for (const number of [1, 2]) {
        await p.response(`RETR ${number}`, '+OK')
        texts.push((await p.lines(`RETR ${number}`)).join('\n'))
        await p.response(number === 1 ? 'NOOP' : 'STAT', '+OK')
      }
      const alone = (await p.multi('RETR 2')).join('\n')
      check(texts[1] === alone, 'message 2 in its place', 'another text')
    },
    { state: 'transaction' },
  ),
  authorization(
    'pipelining/quit',
    'RFC 2449 §6.6',
    'QUIT at the end of a group is carried out when all before it is answered.',
    { ...ACCOUNT, capabilities: ['PIPELINING'] },
    async (p) => {
      await p.wire.write('NOOP\r\nSTAT\r\nQUIT\r\n')
      for (const command of ['NOOP', 'STAT', 'QUIT']) await p.response(command, '+OK')
      await p.wire.closed()
    },
    { state: 'transaction', ending: 'any' },
  ),
  authorization(
    'pipelining/many',
    'RFC 2449 §6.6',
    'A group may have hundreds of commands.',
    { ...ACCOUNT, capabilities: ['PIPELINING'] },
    async (p) => {
      await p.wire.write('NOOP\r\n'.repeat(400))
      for (let n = 0; n < 400; n++) await p.response('NOOP', '+OK')
    },
    { state: 'transaction' },
  ),
]
