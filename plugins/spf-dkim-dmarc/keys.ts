// Public keys of signatures (RFC 6376 §3.6.1): their records are asked for each time, and made into keys the first time only.
import { createPublicKey } from 'node:crypto'
import type { KeyLookup, KeyOptions } from 'mailauth/lib/dkim/dkim-verifier.js'
import { getPublicKey, type PublicKey, toALabel } from 'mailauth/lib/tools.js'
import type { NodeResolver } from './resolver.ts'

const MAX_KEYS = 1000
/** Octets; several times what a key of 4096 bits takes. A longer record is read anew each time. */
const MAX_RECORD = 4096

/** By hash algorithm and record; the oldest go first. */
const made = new Map<string, PublicKey>()

export const keyLookup = (resolver: NodeResolver): KeyLookup => ({
  resolver,
  get(type, name, minBitLength, options) {
    const key = find(resolver, type, name, minBitLength, options)
    // those of an ARC chain are asked for before anybody waits for them
    key.catch(() => {})
    return key
  },
})

async function find(
  resolver: NodeResolver,
  type: string,
  name: string,
  minBitLength: number | undefined,
  options: KeyOptions,
): Promise<PublicKey> {
  const records = await resolver(toALabel(name), 'TXT')
  const id = `${options.hashAlgo} ${records[0]}`
  const known = made.get(id)
  if (known) return known
  const found = await getPublicKey(type, name, minBitLength, async () => records, options)
  const key = { ...found, publicKey: createPublicKey(found.publicKey) }
  if (id.length <= MAX_RECORD) keep(id, key)
  return key
}

function keep(id: string, key: PublicKey): void {
  for (const oldest of made.keys()) {
    if (made.size < MAX_KEYS) break
    made.delete(oldest)
  }
  made.set(id, key)
}
