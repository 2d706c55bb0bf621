import { describe, expect, test } from 'vitest'
import { FakeClock } from '../base/clock.ts'
import { hashPassword, schemeProblem, schemes } from './password-schemes.ts'
import { Passwords } from './passwords.ts'
import { sha512Crypt } from './sha512-crypt.ts'

describe('schemes', () => {
  for (const name of schemes.keys())
    test(`${name}: a made hash is well formed, holds its password and no other`, async () => {
      const passwords = new Passwords(new FakeClock())
      const secret = await hashPassword('contraseña', name)
      expect(schemeProblem(secret)).toBeNull()
      expect(await passwords.verify(secret, 'contraseña')).toBe(true)
      expect(await passwords.verify(secret, 'contrasena')).toBe(false)
      expect(await passwords.verify(secret, '')).toBe(false)
    })

  for (const name of schemes.keys())
    test(`${name}: letters may be composed or not, and spaces of any kind (RFC 8265 §4.2)`, async () => {
      const passwords = new Passwords(new FakeClock())
      const composed = 'contrase\u00f1a segura'
      const apart = 'contrasen\u0303a\u00a0segura'
      expect(await passwords.verify(await hashPassword(composed, name), apart)).toBe(true)
      expect(await passwords.verify(await hashPassword(apart, name), composed)).toBe(true)
      expect(await passwords.verify(await hashPassword('contrasena segura', name), apart)).toBe(false)
    })

  test('a hash that another program made of letters that were not composed', async () => {
    const passwords = new Passwords(new FakeClock())
    const secret = `{SHA512-CRYPT}${await sha512Crypt('n\u0303', '$6$saltstring')}`
    expect(await passwords.verify(secret, 'n\u0303')).toBe(true)
    expect(await passwords.verify(secret, 'n')).toBe(false)
    expect(await passwords.verify('{PLAIN}n\u0303', '\u00f1')).toBe(true)
  })

  // made by the reference argon2, `openssl passwd -6`, and Python's hashlib in passlib's format
  const known: [string, string][] = [
    ['{ARGON2ID}$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc', 'password'],
    [
      '{SHA512-CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
      'Hello world!',
    ],
    [
      '{PBKDF2-SHA256}$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$lEjTD4tvq5SOB5ctjdSxvnbzU5PQEfMComvCIxNEqq8',
      'password',
    ],
  ]
  for (const [secret, password] of known)
    test(`${secret.slice(0, 20)}… as other programs write it`, async () => {
      expect(await new Passwords(new FakeClock()).verify(secret, password)).toBe(true)
    })

  const bad: [string, RegExp][] = [
    ['secret', /expected a password with its scheme/],
    ['{ARGON2I}x', /did you mean 'ARGON2ID'/],
    ['{BCRYPT}$2y$05$x', /unknown password scheme \{BCRYPT\}/],
    ['{ARGON2ID}$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$AAAA', /not a \{ARGON2ID\} password/],
    ['{SCRYPT}$scrypt$ln=30,r=8,p=1$c29tZXNhbHQ$AAAA', /not a \{SCRYPT\}/],
    ['{PLAIN}', /not a \{PLAIN\}/],
  ]
  for (const [secret, message] of bad)
    test(`refuses ${secret.slice(0, 30)}`, () => expect(schemeProblem(secret)).toMatch(message))
})

test('SHA-512 crypt cuts salts at 16 and keeps the rounds', async () => {
  expect(await sha512Crypt('Hello world!', '$6$rounds=10000$saltstringsaltstring')).toBe(
    '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
  )
})

test('a login that passed is remembered until its time is over or the stored password changes', async () => {
  const clock = new FakeClock()
  const passwords = new Passwords(clock)
  const secret = await hashPassword('pw')
  // hashes are made on another thread: their answer comes in a later turn of the event loop
  const isHashed = async (stored: string): Promise<boolean> => {
    let later = false
    setImmediate(() => {
      later = true
    })
    expect(await passwords.verify(stored, 'pw')).toBe(true)
    return later
  }
  expect(await isHashed(secret)).toBe(true)
  expect(await isHashed(secret)).toBe(false)
  expect(await isHashed(await hashPassword('pw'))).toBe(true)
  clock.advance(10 * 60_000)
  expect(await isHashed(secret)).toBe(true)
})

test('too many hashes at once are a temporary failure, and all that wait get their turn', async () => {
  const passwords = new Passwords(new FakeClock())
  const secret = await hashPassword('pw', 'SHA512-CRYPT')
  const all = await Promise.allSettled(Array.from({ length: 230 }, (_, i) => passwords.verify(secret, `wrong ${i}`)))
  const refused = all.filter((one) => one.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]).toMatchObject({ reason: { kind: 'temporary', reply: { code: 454 } } })
  expect(all.filter((one) => one.status === 'fulfilled' && one.value === false).length).toBeGreaterThan(200)
  expect(await passwords.verify(secret, 'pw')).toBe(true)
}, 30_000)

test('equal logins at the same time share one hash', async () => {
  const passwords = new Passwords(new FakeClock())
  const secret = await hashPassword('pw')
  const all = await Promise.all(Array.from({ length: 300 }, () => passwords.verify(secret, 'pw')))
  expect(all.every((one) => one)).toBe(true)
})

test('nobody costs what a wrong password costs', async () => {
  const passwords = new Passwords(new FakeClock())
  const secret = await hashPassword('pw')
  const cost = async (stored: string | null, i: number): Promise<number> => {
    const start = process.hrtime.bigint()
    expect(await passwords.verify(stored, `wrong ${i}`, secret)).toBe(false)
    return Number(process.hrtime.bigint() - start) / 1e6
  }
  const times: { nobody: number[]; wrong: number[] } = { nobody: [], wrong: [] }
  for (let i = 0; i < 5; i++) {
    times.wrong.push(await cost(secret, i))
    times.nobody.push(await cost(null, 100 + i))
  }
  const median = (list: number[]): number => list.sort((a, b) => a - b)[2]!
  expect(median(times.nobody) / median(times.wrong)).toBeGreaterThan(0.4)
  expect(median(times.nobody) / median(times.wrong)).toBeLessThan(2.5)
})
