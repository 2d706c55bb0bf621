// Stored passwords, scheme first: {ARGON2ID}, {SCRYPT}, {PBKDF2-SHA256}, {SHA512-CRYPT}, {SSHA}, {PLAIN}. Made and checked.
import { argon2, createHash, pbkdf2, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { didYouMean } from '../config/problems.ts'
import { opaqueString } from './opaque-string.ts'
import { sha512Crypt } from './sha512-crypt.ts'

export interface PasswordScheme {
  /** What stands after `{NAME}`; `password` is UTF-8 text. */
  hash(password: string): Promise<string>
  verify(password: string, stored: string): Promise<boolean>
  /** True when what stands after `{NAME}` can be read. */
  wellFormed(stored: string): boolean
  /** A check takes so little that it needs no queue. */
  readonly cheap?: true
}

const argon2Async = promisify(argon2)
const pbkdf2Async = promisify(pbkdf2)
const scryptAsync = (
  password: string,
  salt: Buffer,
  length: number,
  N: number,
  r: number,
  p: number,
): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, length, { N, r, p, maxmem: MAX_MEMORY }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })

const SALT = 16
const KEY = 32
/** Octets that checking one stored hash may take. */
const MAX_MEMORY = 512 * 2 ** 20

const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b)
const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

// RFC 9106 §4, at the sizes that OWASP recommends: 19 MiB, 2 passes, 1 lane.
const ARGON2 = /^\$argon2(id|i|d)\$v=19\$m=(\d{1,7}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
const ARGON2_DEFAULT = { memory: 19456, passes: 2, parallelism: 1 }

const argon2id: PasswordScheme = {
  async hash(password) {
    const nonce = randomBytes(SALT)
    const { memory, passes, parallelism } = ARGON2_DEFAULT
    const key = await argon2Async('argon2id', {
      message: Buffer.from(password),
      nonce,
      tagLength: KEY,
      ...ARGON2_DEFAULT,
    })
    return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(nonce)}$${unpadded(key)}`
  },
  async verify(password, stored) {
    const [, kind, memory, passes, parallelism, salt, tag] = ARGON2.exec(stored)!
    const expected = Buffer.from(tag!, 'base64')
    const key = await argon2Async(`argon2${kind as 'id' | 'i' | 'd'}`, {
      message: Buffer.from(password),
      nonce: Buffer.from(salt!, 'base64'),
      tagLength: expected.length,
      memory: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
    })
    return same(key, expected)
  },
  wellFormed(stored) {
    const parts = ARGON2.exec(stored)
    if (!parts) return false
    const [memory, passes, parallelism] = parts.slice(2, 5).map(Number) as [number, number, number]
    const sane = passes >= 1 && parallelism >= 1 && memory >= 8 * parallelism && memory * 1024 <= MAX_MEMORY
    return sane && Buffer.from(parts[5]!, 'base64').length >= 8 && Buffer.from(parts[6]!, 'base64').length >= 4
  },
}

const SCRYPT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

const scryptScheme: PasswordScheme = {
  async hash(password) {
    const salt = randomBytes(SALT)
    const key = await scryptAsync(password, salt, KEY, 2 ** 15, 8, 1)
    return `$scrypt$ln=15,r=8,p=1$${unpadded(salt)}$${unpadded(key)}`
  },
  async verify(password, stored) {
    const [, ln, r, p, salt, tag] = SCRYPT.exec(stored)!
    const expected = Buffer.from(tag!, 'base64')
    const saltBytes = Buffer.from(salt!, 'base64')
    return same(
      await scryptAsync(password, saltBytes, expected.length, 2 ** Number(ln), Number(r), Number(p)),
      expected,
    )
  },
  wellFormed(stored) {
    const parts = SCRYPT.exec(stored)
    if (!parts) return false
    const [ln, r, p] = parts.slice(1, 4).map(Number) as [number, number, number]
    // scrypt takes 128 · r · (N + p) octets (RFC 7914 §2)
    return ln >= 1 && r >= 1 && p >= 1 && ln < 32 && 128 * r * (2 ** ln + p) < MAX_MEMORY
  },
}

const PBKDF2 = /^\$pbkdf2-sha256\$(\d{1,8})\$([A-Za-z0-9+/.]+)\$([A-Za-z0-9+/.]+)$/
const PBKDF2_ROUNDS = 600_000
/** Base64 with `.` for `+`, as this format writes it. */
const dotted = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64')

const pbkdf2Sha256: PasswordScheme = {
  async hash(password) {
    const salt = randomBytes(SALT)
    const key = await pbkdf2Async(password, salt, PBKDF2_ROUNDS, KEY, 'sha256')
    const text = (bytes: Buffer): string => unpadded(bytes).replaceAll('+', '.')
    return `$pbkdf2-sha256$${PBKDF2_ROUNDS}$${text(salt)}$${text(key)}`
  },
  async verify(password, stored) {
    const [, rounds, salt, tag] = PBKDF2.exec(stored)!
    const expected = dotted(tag!)
    return same(await pbkdf2Async(password, dotted(salt!), Number(rounds), expected.length, 'sha256'), expected)
  },
  wellFormed(stored) {
    const parts = PBKDF2.exec(stored)
    return parts !== null && Number(parts[1]) >= 1 && dotted(parts[3]!).length >= 16
  },
}

const SHA512_CRYPT = /^\$6\$(rounds=\d{1,9}\$)?[^$:\n]{0,16}\$[./0-9A-Za-z]{86}$/

const sha512CryptScheme: PasswordScheme = {
  async hash(password) {
    return (await sha512Crypt(password, `$6$${randomBytes(12).toString('base64').replaceAll('+', '.')}`))!
  },
  async verify(password, stored) {
    const made = await sha512Crypt(password, stored)
    return made !== null && same(Buffer.from(made), Buffer.from(stored))
  },
  wellFormed: (stored) => SHA512_CRYPT.test(stored),
}

const SHA1_OCTETS = 20

/** SHA-1 of password and salt, then the salt, in base64: read for the sake of old LDAP stores. */
const ssha: PasswordScheme = {
  cheap: true,
  async hash(password) {
    const salt = randomBytes(SALT)
    return Buffer.concat([createHash('sha1').update(password).update(salt).digest(), salt]).toString('base64')
  },
  async verify(password, stored) {
    const bytes = Buffer.from(stored, 'base64')
    const made = createHash('sha1').update(password).update(bytes.subarray(SHA1_OCTETS)).digest()
    return same(made, bytes.subarray(0, SHA1_OCTETS))
  },
  wellFormed: (stored) => /^[A-Za-z0-9+/]+=*$/.test(stored) && Buffer.from(stored, 'base64').length > SHA1_OCTETS,
}

const plain: PasswordScheme = {
  cheap: true,
  hash: async (password) => password,
  async verify(password, stored) {
    // compared as digests, so that the time tells nothing of the length either
    const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
    return same(digest(password), digest(opaqueString(stored)))
  },
  wellFormed: (stored) => stored !== '',
}

export const DEFAULT_SCHEME = 'ARGON2ID'

export const schemes: ReadonlyMap<string, PasswordScheme> = new Map([
  [DEFAULT_SCHEME, argon2id],
  ['SCRYPT', scryptScheme],
  ['PBKDF2-SHA256', pbkdf2Sha256],
  ['SHA512-CRYPT', sha512CryptScheme],
  ['SSHA', ssha],
  ['PLAIN', plain],
])

/** Splits `{SCHEME}rest`; null without a scheme in braces. */
export function splitSecret(secret: string): { scheme: string; stored: string } | null {
  const match = /^\{([A-Za-z0-9-]+)\}(.*)$/s.exec(secret)
  return match ? { scheme: match[1]!.toUpperCase(), stored: match[2]! } : null
}

/** Why a stored password cannot be used; null when it can. Says nothing of its content. */
export function schemeProblem(secret: string): string | null {
  const parts = splitSecret(secret)
  const known = [...schemes.keys()]
  if (!parts)
    return `expected a password with its scheme, such as {${DEFAULT_SCHEME}}…: set it with \`estafeta user passwd\``
  const scheme = schemes.get(parts.scheme)
  if (!scheme)
    return `unknown password scheme {${parts.scheme}}${didYouMean(parts.scheme, known)}; known: ${known.join(', ')}`
  return scheme.wellFormed(parts.stored) ? null : `this is not a {${parts.scheme}} password`
}

/** `{SCHEME}…` of a new password. */
export async function hashPassword(password: string, scheme = DEFAULT_SCHEME): Promise<string> {
  const found = schemes.get(scheme)
  if (!found) throw new TypeError(`unknown password scheme ${scheme}`)
  return `{${scheme}}${await found.hash(opaqueString(password))}`
}
