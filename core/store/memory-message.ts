// A stored message that is in memory whole.
import type { StoredMessage } from './mailbox-store.ts'

const PIECE = 65_536

export function memoryMessage(octets: Buffer): StoredMessage {
  return {
    size: octets.length,
    bytes: octets,
    read: async (start = 0, end = octets.length) => octets.subarray(start, end),
    async *chunks(start = 0, end = octets.length) {
      for (let at = start; at < Math.min(end, octets.length); at += PIECE)
        yield octets.subarray(at, Math.min(at + PIECE, end))
    },
    close() {},
  }
}
