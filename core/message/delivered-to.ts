// Delivered-To: for whom a message was delivered or forwarded already. Mail that comes there again goes in a circle.
import { mayHaveField, parseHeader } from './header.ts'

/** `header` is a message's header block. Addresses are compared without letter case. */
export function wasDeliveredTo(header: Buffer, address: string): boolean {
  if (!mayHaveField(header, 'delivered-to')) return false
  const wanted = address.toLowerCase()
  return parseHeader(header)
    .all('delivered-to')
    .some((value) => value.trim().toLowerCase() === wanted)
}

/** The field without its line end: an address may hold anything in quotes, but a field is one line. */
export const formatDeliveredTo = (address: string): string =>
  `Delivered-To: ${address.replace(/[\x00-\x1f\x7f]+/g, ' ')}`
