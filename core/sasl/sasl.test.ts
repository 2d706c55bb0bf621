import { describe, expect, test } from 'vitest'
import type { Authenticator, SaslIdentity } from './mechanism.ts'
import { findMechanism, mechanismsFor, SaslDialogue, type SaslTurn } from './sasl.ts'

const identity: SaslIdentity = { account: 'ana@example.test', authcid: 'ana', authzid: 'ana@example.test' }
const authenticator: Authenticator<SaslIdentity> = {
  async verify(user, password) {
    if (user === 'down') return { kind: 'unavailable' }
    return user === 'ana' && password === 'sécret' ? { kind: 'identity', identity } : { kind: 'denied' }
  },
}
const b64 = (text: string): string => Buffer.from(text).toString('base64')

/** Runs a whole dialogue; gives the challenges (decoded) and how it ended. */
async function run(name: string, initial: string | null, lines: string[]): Promise<{ asked: string[]; end: string }> {
  const dialogue = new SaslDialogue(findMechanism(name)!, authenticator)
  const asked: string[] = []
  let turn: SaslTurn<SaslIdentity> = await dialogue.begin(initial)
  while (turn.kind === 'challenge') {
    asked.push(Buffer.from(turn.text, 'base64').toString())
    turn = await dialogue.answer(lines.shift()!)
  }
  return { asked, end: turn.kind }
}

describe('PLAIN', () => {
  const cases: [string, string | null, string[], string][] = [
    ['with an initial response', b64('\0ana\0sécret'), [], 'identity'],
    ['after an empty challenge', null, [b64('\0ana\0sécret')], 'identity'],
    ['acting as the own account', b64('ana@example.test\0ana\0sécret'), [], 'identity'],
    ['acting as somebody else', b64('paco\0ana\0sécret'), [], 'denied'],
    ['wrong password', b64('\0ana\0wrong'), [], 'denied'],
    ['directory down', b64('\0down\0x'), [], 'unavailable'],
    ['empty initial response', '=', [], 'malformed'],
    ['empty user', b64('\0\0x'), [], 'malformed'],
    ['empty password', b64('\0ana\0'), [], 'malformed'],
    ['one separator only', b64('ana\0x'), [], 'malformed'],
    ['three separators', b64('a\0ana\0x\0y'), [], 'malformed'],
    ['bad UTF-8', Buffer.from([0, 0xff, 0, 0x78]).toString('base64'), [], 'malformed'],
    ['bad base64', '!!!', [], 'malformed'],
    ['base64 without padding', b64('\0ana\0xy').replace(/=+$/, ''), [], 'malformed'],
    ['cancelled', null, ['*'], 'cancelled'],
    ['a user name over its limit', b64(`\0${'u'.repeat(256)}\0x`), [], 'malformed'],
  ]
  for (const [name, initial, lines, end] of cases) {
    test(name, async () => expect((await run('plain', initial, [...lines])).end).toBe(end))
  }
})

describe('LOGIN', () => {
  test('asks for user and password', async () =>
    expect(await run('LOGIN', null, [b64('ana'), b64('sécret')])).toEqual({
      asked: ['Username:', 'Password:'],
      end: 'identity',
    }))
  test('takes the user as initial response', async () =>
    expect(await run('LOGIN', b64('ana'), [b64('sécret')])).toEqual({ asked: ['Password:'], end: 'identity' }))
  test('can be cancelled at the password', async () =>
    expect((await run('LOGIN', b64('ana'), ['*'])).end).toBe('cancelled'))
  test('refuses an empty user', async () => expect((await run('LOGIN', null, [''])).end).toBe('malformed'))
})

test('no mechanism that shows the password is offered in the clear', () => {
  expect(mechanismsFor(true).map((m) => m.name)).toEqual(['PLAIN', 'LOGIN'])
  expect(mechanismsFor(false)).toEqual([])
})

test('an unknown mechanism is null', () => expect(findMechanism('GSSAPI')).toBeNull())
