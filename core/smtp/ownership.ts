// Which sender addresses an authenticated user may use.
import { type Address, splitDetail } from '../message/address.ts'
import type { Identity } from '../plugin/contract.ts'

/**
 * True when the address, with or without its detail, is one of the identity's, or its whole domain is. The null
 * reverse-path is everybody's. Letter case does not count.
 */
export function maySendAs(identity: Identity, address: Address | null, delimiter: string): boolean {
  if (address === null) return true
  const local = address.local.toLowerCase()
  const plain = splitDetail(local, delimiter)?.user ?? local
  const owned = new Set([identity.account, ...identity.addresses].map((text) => text.toLowerCase()))
  return [`${local}@${address.domain}`, `${plain}@${address.domain}`, `@${address.domain}`].some((key) =>
    owned.has(key),
  )
}
