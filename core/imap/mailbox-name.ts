// Mailbox names as clients write them, in Unicode.
import { no, Refusal } from './command.ts'
import { utf8Text } from './wire/encoder.ts'
import { decodeMutf7 } from './wire/mutf7.ts'

/** Octets as text: UTF-8 after ENABLE IMAP4rev2, modified UTF-7 before (RFC 3501 §5.1: names are 7-bit); null when it is not. */
export const decodeName = (octets: string, rev2: boolean): string | null =>
  rev2 ? utf8Text(octets) : decodeMutf7(octets)

/** Throws a Refusal for what is no name. */
export function readMailboxName(octets: string, rev2: boolean): string {
  const text = decodeName(octets, rev2)
  if (text === null) throw new Refusal(no('CANNOT', 'Mailbox name is not well-formed'))
  if (text === '') throw new Refusal(no('CANNOT', 'Mailbox name is empty'))
  return text.normalize('NFC').replace(/^inbox(?=$|\/)/i, 'INBOX') // RFC 9051 §5.1
}
