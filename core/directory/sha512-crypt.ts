// The `$6$` password hash of Unix systems (SHA-512 crypt), rounds done in slices so that the event loop runs on.
import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const DEFAULT_ROUNDS = 5000
const MIN_ROUNDS = 1000
const MAX_ROUNDS = 5_000_000
const SLICE = 500

const sha512 = (...parts: Buffer[]): Buffer => {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** `digest` repeated to `length` octets. */
const repeat = (digest: Buffer, length: number): Buffer => Buffer.alloc(length, digest)

/** The whole `$6$…` string of this password with the salt and rounds of `setting` (a stored hash will do). */
export async function sha512Crypt(password: string, setting: string): Promise<string | null> {
  const match = /^\$6\$(?:rounds=(\d{1,9})\$)?([^$:\n]*)/.exec(setting)
  if (!match) return null
  const rounds = match[1] === undefined ? DEFAULT_ROUNDS : Math.min(MAX_ROUNDS, Math.max(MIN_ROUNDS, Number(match[1])))
  const salt = Buffer.from(match[2]!.slice(0, 16))
  const key = Buffer.from(password)

  const inner = sha512(key, salt, key)
  const start: Buffer[] = [key, salt, repeat(inner, key.length)]
  for (let bits = key.length; bits > 0; bits >>= 1) start.push(bits & 1 ? inner : key)
  let digest = sha512(...start)
  const p = repeat(sha512(...Array<Buffer>(key.length).fill(key)), key.length)
  const s = repeat(sha512(...Array<Buffer>(16 + digest[0]!).fill(salt)), salt.length)

  for (let round = 0; round < rounds; round++) {
    if (round % SLICE === SLICE - 1) await setImmediate()
    const odd = round % 2 === 1
    const parts = [odd ? p : digest]
    if (round % 3) parts.push(s)
    if (round % 7) parts.push(p)
    parts.push(odd ? digest : p)
    digest = sha512(...parts)
  }
  const prefix = match[1] === undefined ? '$6$' : `$6$rounds=${rounds}$`
  return `${prefix}${salt.toString()}$${encode(digest)}`
}

/** 86 characters: octets i, i+21, i+42 by threes, the first of them turning round (the format's own base64). */
function encode(digest: Buffer): string {
  let out = ''
  const put = (value: number, length: number): void => {
    for (let i = 0; i < length; i++, value >>= 6) out += DIGITS[value & 63]
  }
  for (let i = 0; i < 21; i++) {
    const three = [digest[i]!, digest[i + 21]!, digest[i + 42]!]
    const [a, b, c] =
      i % 3 === 0 ? three : i % 3 === 1 ? [three[1], three[2], three[0]] : [three[2], three[0], three[1]]
    put((a! << 16) | (b! << 8) | c!, 4)
  }
  put(digest[63]!, 2)
  return out
}
