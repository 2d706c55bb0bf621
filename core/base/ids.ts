// Ids that people read aloud and grep for: base32 in lower-case digits and letters without i, l, o, u; they sort by time.
import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Every ten bits as two characters. */
const PAIRS = Array.from({ length: 1024 }, (_, bits) => ALPHABET[bits >> 5]! + ALPHABET[bits & 31]!)

/** 40 bits as eight characters. */
function base32(value: number): string {
  const high = Math.floor(value / 2 ** 20)
  const low = value % 2 ** 20
  return PAIRS[high >> 10]! + PAIRS[high & 1023]! + PAIRS[low >> 10]! + PAIRS[low & 1023]!
}

const node = randomBytes(2).readUInt16BE()
let counter = randomBytes(2).readUInt16BE()

/**
 * A queue id: 48 bits of milliseconds, 16 of node, 16 of counter; 16 characters. Joined, not added: a string in one piece,
 * as it goes into JSON and into maps many times.
 */
export function createQueueId(now: number): string {
  counter = (counter + 1) & 0xffff
  return [base32(Math.floor(now / 2 ** 8)), base32((now % 2 ** 8) * 2 ** 32 + node * 2 ** 16 + counter)].join('')
}

let sessions = randomBytes(4).readUInt32BE()

/** A session id, 8 characters, unique within some days; its transactions are `<session>.<n>`. */
export function createSessionId(): string {
  sessions = (sessions + 1) >>> 0
  return base32(sessions)
}

export const isQueueId = (text: string): boolean => /^[0-9a-hjkmnp-tv-z]{16}$/.test(text)
