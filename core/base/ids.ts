// Ids that people read aloud and grep for: base32 in lower-case digits and letters without i, l, o, u; they sort by time.
import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

function base32(value: bigint, length: number): string {
  let out = ''
  for (let i = 0; i < length; i++) {
    out = ALPHABET[Number(value & 31n)] + out
    value >>= 5n
  }
  return out
}

const node = BigInt(randomBytes(2).readUInt16BE())
let counter = randomBytes(2).readUInt16BE()

/** A queue id: 48 bits of milliseconds, 16 of node, 16 of counter; 16 characters. */
export function createQueueId(now: number): string {
  counter = (counter + 1) & 0xffff
  return base32((BigInt(now) << 32n) | (node << 16n) | BigInt(counter), 16)
}

let sessions = randomBytes(4).readUInt32BE()

/** A session id, 8 characters, unique within some days; its transactions are `<session>.<n>`. */
export function createSessionId(): string {
  sessions = (sessions + 1) >>> 0
  return base32(BigInt(sessions), 8)
}

export const isQueueId = (text: string): boolean => /^[0-9a-hjkmnp-tv-z]{16}$/.test(text)
