// POP3: UTF8 and LANG (RFC 6856), login within TLS (RFC 2595), TLS from the start (RFC 8314).
import { check, Skipped, visible } from '../judgement.ts'
import { ACCOUNT, authorization, splitMessage } from './facts.ts'
import { beside, FIXTURES, type Pop3Case } from './suite.ts'

const UTF8 = { capabilities: ['UTF8'] } as const
const LANG = { capabilities: ['LANG'] } as const
const STLS = { capabilities: ['STLS'] } as const
const TAG = /^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*(?= |$)/

export const internationalCases: readonly Pop3Case[] = [
  authorization('utf8/argument', 'RFC 6856 §2', 'The UTF8 capability has no argument but USER.', UTF8, async (p) => {
    const values = p.capabilities!.get('UTF8')!
    check(values.length === 0 || String(values) === 'USER', 'UTF8 or UTF8 USER', values.join(' '))
  }),
  authorization(
    'utf8/then-login',
    'RFC 6856 §2.1',
    'Behind UTF8 the login goes as it does without.',
    { ...UTF8, ...ACCOUNT },
    async (p) => {
      await p.send('UTF8', '+OK')
      await p.send(`USER ${p.account.user}`, '+OK')
      await p.send(`PASS ${p.account.password}`, '+OK')
    },
  ),
  authorization(
    'utf8/eight-bit',
    'RFC 6856 §2.1',
    'In UTF-8 mode the UTF-8 of a message comes as it is.',
    { ...UTF8, ...ACCOUNT, messages: 1 },
    async (p) => {
      await p.send('UTF8', '+OK')
      await p.login()
      const number = await p.fixture('eight')
      const { body } = splitMessage(await p.multi(`RETR ${number}`))
      check(body[0] === FIXTURES.eight![0], visible(FIXTURES.eight![0]!), visible(body[0] ?? ''))
    },
  ),
  authorization(
    'utf8/bad-user',
    'RFC 6856 §2.2',
    'A name that is no UTF-8 does not log in.',
    { ...UTF8, ...ACCOUNT },
    async (p) => {
      if (!p.capabilities!.get('UTF8')!.includes('USER')) throw new Skipped('the server does not announce UTF8 USER')
      const { status } = await p.send('USER \xff\xfe')
      if (status === '+OK') await p.send(`PASS ${p.account.password}`, '-ERR')
    },
  ),
  authorization('lang/list', 'RFC 6856 §3.2', 'LANG lists languages, a tag in front of each line.', LANG, async (p) => {
    const { status } = await p.send('LANG')
    if (status === '-ERR') throw new Skipped('the server does not list its languages')
    for (const line of await p.lines('LANG')) check(TAG.test(line), 'a language tag', `"${visible(line)}"`)
  }),
  authorization(
    'lang/select',
    'RFC 6856 §3.2',
    'LANG with a tag that was listed is answered by +OK, the tag and text.',
    LANG,
    async (p) => {
      const { status } = await p.send('LANG')
      if (status === '-ERR') throw new Skipped('the server does not list its languages')
      const tag = TAG.exec((await p.lines('LANG'))[0] ?? '')?.[0]
      if (tag === undefined) throw new Skipped('the server lists no language')
      const { text } = await p.send(`LANG ${tag}`, '+OK')
      check(text.toLowerCase().startsWith(`${tag.toLowerCase()} `), `${tag} and text`, visible(text))
    },
  ),
  authorization(
    'lang/unknown',
    'RFC 6856 §3.2',
    'LANG with a language that there is not is answered by -ERR.',
    LANG,
    async (p) => {
      await p.send('LANG qaa-x-conformance', '-ERR')
    },
  ),
  authorization(
    'stls/login',
    'RFC 2595 §4',
    'Within TLS the session can log in.',
    { ...STLS, ...ACCOUNT },
    async (p) => {
      await p.send('STLS', '+OK')
      await p.wire.startTls()
      await p.send(`USER ${p.account.user}`, '+OK')
      await p.send(`PASS ${p.account.password}`, '+OK')
      await p.stat()
    },
  ),
  authorization(
    'stls/authorization',
    'RFC 2595 §4',
    'TLS alone logs nobody in: the session is in the authorization state.',
    STLS,
    async (p) => {
      await p.send('STLS', '+OK')
      await p.wire.startTls()
      await p.send('STAT', '-ERR')
    },
  ),
  authorization(
    'stls/clear-before',
    'RFC 2595 §4',
    'The response to STLS comes in the clear, and is one line.',
    STLS,
    async (p) => {
      await p.send('STLS', '+OK')
      await p.wire.speaks(200)
      check(p.wire.waiting() === '', 'nothing before the handshake', visible(p.wire.waiting()))
      await p.wire.startTls()
    },
  ),
  authorization(
    'implicit/greeting',
    'RFC 8314 §3.1',
    'On a port with TLS from the start, the greeting comes within TLS.',
    null,
    async (p) => {
      if (beside(p).context.target.tls !== 'implicit') throw new Skipped('the connection does not begin with TLS')
      await p.wire.speaks(500)
      check(p.wire.waiting() === '', 'nothing before the handshake', visible(p.wire.waiting()))
      await p.wire.startTls()
      await p.response('the connection', '+OK')
    },
    { state: 'bare' },
  ),
  authorization(
    'implicit/no-stls',
    'RFC 2595 §4',
    'On such a port STLS is not announced.',
    null,
    async (p) => {
      if (p.target.tls !== 'implicit') throw new Skipped('the connection does not begin with TLS')
      check(!p.has('STLS'), 'no STLS', 'STLS')
    },
    { level: 'should' },
  ),
]
