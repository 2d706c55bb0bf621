import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { chooseMechanism, type Mechanism } from './auth.ts'

const credentials = { username: 'user', password: 'pencil' }
function mechanism(name: string, who = credentials): Mechanism {
  const found = chooseMechanism(new Set([name]), who)
  if (!found) throw new Error(`no ${name}`)
  return found
}
const answer = async (to: Mechanism, challenge: string): Promise<string | null> =>
  (await to.answer(Buffer.from(challenge)))?.toString() ?? null

test('the strongest that is offered', () => {
  const offered = (...names: string[]) => chooseMechanism(new Set(names), credentials)?.name ?? null
  expect(offered('LOGIN', 'PLAIN', 'CRAM-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'GSSAPI')).toBe('SCRAM-SHA-256')
  expect(offered('LOGIN', 'PLAIN')).toBe('PLAIN')
  expect(offered('GSSAPI')).toBeNull()
})

test('PLAIN (RFC 4616)', () => expect(mechanism('PLAIN').initial?.toString()).toBe('\0user\0pencil'))

test('CRAM-MD5 (example of RFC 2195)', async () => {
  const tim = mechanism('CRAM-MD5', { username: 'tim', password: 'tanstaaftanstaaf' })
  expect(tim.initial).toBeNull()
  expect(await answer(tim, '<1896.697170952@postoffice.reston.mci.net>')).toBe('tim b913a602c7eda7a495b4e6e7334d3890')
})

test('LOGIN', async () => {
  const login = mechanism('LOGIN')
  expect(await answer(login, 'Username:')).toBe('user')
  expect(await answer(login, 'Password:')).toBe('pencil')
  expect(await answer(login, 'More?')).toBeNull()
})

describe.each(['sha1', 'sha256'] as const)('SCRAM with %s', (hash) => {
  const name = hash === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256'
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()

  /** The server's side (RFC 5802 §3): checks the proof, and gives its own signature. */
  function verify(password: string, first: string, serverFirst: string, final: string): string {
    const salted = pbkdf2Sync(password, salt, 4096, hash === 'sha1' ? 20 : 32, hash)
    const clientKey = hmac(salted, 'Client Key')
    const stored = createHash(hash).update(clientKey).digest()
    const [, withoutProof = '', proof = ''] = /^(.*),p=(.*)$/.exec(final) ?? []
    const message = `${first.slice('n,,'.length)},${serverFirst},${withoutProof}`
    const signature = hmac(stored, message)
    const key = Buffer.from(Buffer.from(proof, 'base64').map((octet, i) => octet ^ signature[i]!))
    expect(key.equals(clientKey)).toBe(true)
    return hmac(hmac(salted, 'Server Key'), message).toString('base64')
  }

  const open = () => {
    const scram = mechanism(name)
    const first = scram.initial!.toString()
    const nonce = /r=(.*)$/.exec(first)![1]!
    return { scram, first, nonce, serverFirst: `r=${nonce}server,s=${salt.toString('base64')},i=4096` }
  }

  test('proves the password, and believes a server that knows it too', async () => {
    const { scram, first, serverFirst } = open()
    const final = await answer(scram, serverFirst)
    const signature = verify('pencil', first, serverFirst, final!)
    expect(await answer(scram, `v=${signature}`)).toBe('')
  })

  test('does not believe another server', async () => {
    const { scram, serverFirst } = open()
    await answer(scram, serverFirst)
    expect(await answer(scram, `v=${Buffer.alloc(hash === 'sha1' ? 20 : 32).toString('base64')}`)).toBeNull()
    expect(await answer(scram, 'e=other-error')).toBeNull()
  })

  test('stops at a foreign nonce, nonsense, and hours of hashing', async () => {
    const { nonce } = open()
    for (const challenge of ['', 'r=foreign,s=AAAA,i=4096', `r=${nonce}x`]) {
      expect(await answer(mechanism(name), challenge)).toBeNull()
    }
    const { scram, serverFirst } = open()
    expect(await answer(scram, serverFirst.replace('i=4096', 'i=999999999'))).toBeNull()
  })

  test('escapes the name', () => {
    expect(mechanism(name, { username: 'a,b=c', password: 'x' }).initial?.toString()).toMatch(/^n,,n=a=2Cb=3Dc,r=/)
  })
})
