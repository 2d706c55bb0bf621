// Mailbox names as clients write them, in Unicode.
import { no, Refusal } from './command.ts'
import { utf8Text } from './wire/encoder.ts'
import { decodeMutf7 } from './wire/mutf7.ts'

/** Octets as text: modified UTF-7, or UTF-8 after ENABLE IMAP4rev2 and for what is no ASCII; null when it is neither. */
export function decodeName(octets: string, rev2: boolean): string | null {
  const text = utf8Text(octets)
  return text !== null && !rev2 && text === octets ? decodeMutf7(text) : text
}

/** Throws a Refusal for what is no name. */
export function readMailboxName(octets: string, rev2: boolean): string {
  const text = decodeName(octets, rev2)
  if (text === null) throw new Refusal(no('CANNOT', 'Mailbox name is not well-formed'))
  if (text === '') throw new Refusal(no('CANNOT', 'Mailbox name is empty'))
  return text.normalize('NFC').replace(/^inbox(?=$|\/)/i, 'INBOX') // RFC 9051 §5.1
}
