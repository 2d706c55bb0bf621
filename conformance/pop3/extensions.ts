// POP3: CAPA, pipelining, STLS, AUTH and UTF8.
import { check, Skipped, visible } from '../judgement.ts'
import { base64 } from './client.ts'
import { ACCOUNT, authorization, continuation, needCapa, plain, SOME } from './facts.ts'
import type { Pop3Case } from './suite.ts'

const STLS = { capabilities: ['STLS'] } as const
const SASL = { capabilities: ['SASL'] } as const

export const capaCases: readonly Pop3Case[] = [
  authorization(
    'capa/in-transaction',
    'RFC 2449 §5',
    'CAPA works in the transaction state too.',
    ACCOUNT,
    async (p) => {
      needCapa(p)
      await p.multi('CAPA')
    },
    { state: 'transaction' },
  ),
  authorization(
    'capa/form',
    'RFC 2449 §3',
    'A capability is a tag of printable characters with parameters behind single spaces, on a line of up to 512 octets.',
    null,
    async (p) => {
      needCapa(p)
      for (const line of await p.multi('CAPA'))
        check(
          /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(line) && line.length + 2 <= 512,
          'a tag and parameters',
          `"${visible(line)}"`,
        )
    },
  ),
  authorization(
    'capa/top',
    'RFC 2449 §6.1',
    'Where TOP is announced, it works.',
    { ...SOME, capabilities: ['TOP'] },
    async (p) => {
      await p.multi('TOP 1 0')
    },
    { state: 'transaction' },
  ),
  authorization(
    'capa/uidl',
    'RFC 2449 §6.8',
    'Where UIDL is announced, it works.',
    { ...SOME, capabilities: ['UIDL'] },
    async (p) => {
      await p.multi('UIDL')
    },
    { state: 'transaction' },
  ),
  authorization(
    'capa/user',
    'RFC 2449 §6.2',
    'Where USER is announced, USER and PASS are known commands.',
    { ...ACCOUNT, capabilities: ['USER'] },
    async (p) => {
      await p.send(`USER ${p.account.user}`, '+OK')
    },
  ),
  authorization(
    'capa/expire',
    'RFC 2449 §6.7',
    'EXPIRE has a number of days, or NEVER.',
    { capabilities: ['EXPIRE'] },
    async (p) => {
      const text = p.capabilities!.get('EXPIRE')!.join(' ')
      check(/^(\d+|NEVER)( USER)?$/.test(text), 'days or NEVER', text)
    },
  ),
  authorization(
    'capa/login-delay',
    'RFC 2449 §6.5',
    'LOGIN-DELAY has a number of seconds.',
    { capabilities: ['LOGIN-DELAY'] },
    async (p) => {
      const text = p.capabilities!.get('LOGIN-DELAY')!.join(' ')
      check(/^\d+( USER)?$/.test(text), 'seconds', text)
    },
  ),
  authorization(
    'pipelining/group',
    'RFC 2449 §6.6',
    'Commands sent as one group are answered in their order.',
    { ...ACCOUNT, capabilities: ['PIPELINING'] },
    async (p) => {
      await p.wire.write('NOOP\r\nSTAT\r\nXCONFORMANCE\r\nLIST\r\nNOOP\r\n')
      await p.response('NOOP', '+OK')
      await p.response('STAT', '+OK')
      await p.response('XCONFORMANCE', '-ERR')
      await p.response('LIST', '+OK')
      await p.lines('LIST')
      await p.response('NOOP', '+OK')
    },
    { state: 'transaction' },
  ),
  authorization(
    'pipelining/login',
    'RFC 2449 §6.6',
    'USER, PASS and the first command may come as one group.',
    { ...ACCOUNT, capabilities: ['PIPELINING'] },
    async (p) => {
      await p.wire.write(`USER ${p.account.user}\r\nPASS ${p.account.password}\r\nSTAT\r\n`)
      await p.response('USER', '+OK')
      await p.response('PASS', '+OK')
      await p.response('STAT', '+OK')
    },
  ),
  authorization(
    'resp-codes/form',
    'RFC 2449 §8',
    'Text that begins with a bracket begins with a response code.',
    { ...ACCOUNT, capabilities: ['RESP-CODES'] },
    async (p) => {
      await p.send(`USER ${p.account.user}`)
      const { text } = await p.send(`PASS ${p.account.password}x`, '-ERR')
      check(
        !text.startsWith('[') || /^\[[\x21-\x2e\x30-\x5c\x5e-\x7e]+(\/[\x21-\x2e\x30-\x5c\x5e-\x7e]+)*\]/.test(text),
        'a code in brackets',
        `"${visible(text)}"`,
      )
    },
  ),
  authorization(
    'resp-codes/auth',
    'RFC 3206 §6',
    'With AUTH-RESP-CODE announced, wrong credentials are told by [AUTH].',
    { ...ACCOUNT, capabilities: ['AUTH-RESP-CODE'] },
    async (p) => {
      await p.send(`USER ${p.account.user}`)
      const { text } = await p.send(`PASS ${p.account.password}x`, '-ERR')
      check(/^\[AUTH\]/i.test(text), '[AUTH]', `"${visible(text)}"`)
    },
  ),
]

export const stlsCases: readonly Pop3Case[] = [
  authorization(
    'stls/handshake',
    'RFC 2595 §4',
    'STLS is answered by +OK, and a TLS handshake follows.',
    STLS,
    async (p) => {
      await p.send('STLS', '+OK')
      await p.wire.startTls()
      await p.send('CAPA', '+OK')
      await p.lines('CAPA')
    },
  ),
  authorization(
    'stls/not-announced-again',
    'RFC 2595 §4',
    'Within TLS, STLS is not announced.',
    STLS,
    async (p) => {
      await p.send('STLS', '+OK')
      await p.wire.startTls()
      await p.capa()
      check(!p.has('STLS'), 'no STLS', 'STLS')
    },
    { level: 'should' },
  ),
  authorization(
    'stls/not-twice',
    'RFC 2595 §4',
    'STLS within TLS is answered by -ERR.',
    STLS,
    async (p) => {
      await p.send('STLS', '+OK')
      await p.wire.startTls()
      await p.send('STLS', '-ERR')
    },
    { level: 'may' },
  ),
  authorization(
    'stls/not-in-transaction',
    'RFC 2595 §4',
    'STLS is for the authorization state alone.',
    { ...STLS, ...ACCOUNT },
    async (p) => {
      await p.send('STLS', '-ERR')
    },
    { state: 'transaction' },
  ),
  authorization(
    'stls/discards-commands',
    'RFC 2595 §4',
    'Commands that came in the clear behind STLS are not carried out within TLS.',
    STLS,
    async (p) => {
      await p.wire.write('STLS\r\nXCONFORMANCE\r\n')
      const { status } = await p.response('STLS')
      if (status === '-ERR') return
      if (p.wire.waiting() !== '') throw new Skipped('the server answered in the clear')
      try {
        await p.wire.startTls()
      } catch {
        return
      }
      await p.send('QUIT', '+OK')
    },
    { ending: 'any' },
  ),
  authorization(
    'stls/forgets-user',
    'RFC 2595 §4',
    'The handshake discards what the client said before: PASS needs a new USER.',
    { ...STLS, ...ACCOUNT },
    async (p) => {
      await p.send(`USER ${p.account.user}`)
      const { status } = await p.send('STLS')
      if (status === '-ERR') throw new Skipped('the server takes no STLS behind USER')
      await p.wire.startTls()
      await p.send(`PASS ${p.account.password}`, '-ERR')
    },
    { level: 'may' },
  ),
]

export const authCases: readonly Pop3Case[] = [
  authorization(
    'auth/plain',
    'RFC 5034 §4',
    'AUTH PLAIN with an initial response logs in.',
    { ...SASL, ...ACCOUNT },
    async (p) => {
      await p.send(`AUTH PLAIN ${plain(p)}`, '+OK')
      await p.send('STAT', '+OK')
    },
  ),
  authorization(
    'auth/plain-challenge',
    'RFC 5034 §4',
    'AUTH PLAIN without an initial response is answered by an empty "+ " challenge.',
    { ...SASL, ...ACCOUNT },
    async (p) => {
      const secret = plain(p)
      await p.wire.write('AUTH PLAIN\r\n')
      const challenge = await continuation(p)
      check(challenge === '', 'an empty challenge', `"${visible(challenge)}"`)
      await p.send(secret, '+OK')
    },
  ),
  authorization(
    'auth/cancel',
    'RFC 5034 §4',
    'The line "*" cancels the exchange: -ERR.',
    { ...SASL, ...ACCOUNT },
    async (p) => {
      plain(p)
      await p.wire.write('AUTH PLAIN\r\n')
      await continuation(p)
      await p.send('*', '-ERR')
    },
  ),
  authorization(
    'auth/bad-base64',
    'RFC 5034 §4',
    'A response whose base64 is not whole is answered by -ERR.',
    { ...SASL, ...ACCOUNT },
    async (p) => {
      const secret = plain(p)
      await p.wire.write('AUTH PLAIN\r\n')
      await continuation(p)
      // a decoder that overlooks it would find the right password
      await p.send(secret.endsWith('=') ? secret.replace(/=+$/, '') : `${secret}A`, '-ERR')
    },
  ),
  authorization(
    'auth/unknown-mechanism',
    'RFC 5034 §4',
    'A mechanism that the server does not have is answered by -ERR.',
    SASL,
    async (p) => {
      await p.send('AUTH X-CONFORMANCE', '-ERR')
    },
  ),
  authorization(
    'auth/wrong-password',
    'RFC 5034 §4',
    'Wrong credentials are answered by -ERR.',
    { ...SASL, ...ACCOUNT },
    async (p) => {
      plain(p)
      await p.send(`AUTH PLAIN ${base64(`\0${p.account.user}\0${p.account.password}x`)}`, '-ERR')
    },
  ),
  authorization(
    'auth/in-transaction',
    'RFC 5034 §4',
    'AUTH is for the authorization state alone.',
    { ...SASL, ...ACCOUNT },
    async (p) => {
      await p.send(`AUTH PLAIN ${plain(p)}`, '-ERR')
    },
    { state: 'transaction' },
  ),
]

export const utf8Cases: readonly Pop3Case[] = [
  authorization(
    'utf8/ok',
    'RFC 6856 §2.1',
    'UTF8 in the authorization state is answered by +OK.',
    { capabilities: ['UTF8'] },
    async (p) => {
      await p.send('UTF8', '+OK')
    },
  ),
  authorization(
    'utf8/not-in-transaction',
    'RFC 6856 §2.1',
    'UTF8 is for the authorization state alone.',
    { capabilities: ['UTF8'], ...ACCOUNT },
    async (p) => {
      await p.send('UTF8', '-ERR')
    },
    { state: 'transaction' },
  ),
]
