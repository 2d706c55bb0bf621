// Failures of store and plugins in IMAP's terms: status and response code (RFC 9051 §7.1).
import { asFailure, Failure } from '../base/failure.ts'
import { bad, type Completion, no, Refusal } from './command.ts'
import { NoSuchSequence } from './view.ts'
import { SyntaxFault } from './wire/decoder.ts'
import { BadCharset } from './wire/search-keys.ts'

/** The store's details, as core/store/errors.ts words them. */
const PERMANENT: readonly (readonly [detail: RegExp, code: string, text: string])[] = [
  [/^no such mailbox/, 'NONEXISTENT', 'Mailbox does not exist'],
  [/^mailbox exists/, 'ALREADYEXISTS', 'Mailbox already exists'],
  [/^bad mailbox name/, 'CANNOT', 'Mailbox name is not allowed'],
  [/^INBOX cannot/, 'CANNOT', 'INBOX cannot be deleted'],
  [/^no such message/, 'EXPUNGEISSUED', 'Some of the messages no longer exist'],
  [/^too many keywords/, 'LIMIT', 'Too many keywords in this mailbox'],
  [/^bad keyword/, 'CANNOT', 'Keyword is not allowed'],
]

/** What a thrown value means for the client; null: nobody expected it. */
export function expected(thrown: unknown): Completion | null {
  if (thrown instanceof Refusal) return thrown.completion
  if (thrown instanceof SyntaxFault) return bad(thrown.message)
  if (thrown instanceof NoSuchSequence) return bad('Message number out of range')
  if (thrown instanceof BadCharset) return no('BADCHARSET (US-ASCII UTF-8)', 'Unknown charset')
  const failure = asFailure(thrown)
  return failure.kind === 'bug' ? null : failed(failure)
}

/** What an operator can mend, and must hear of; a full mailbox is its owner's business. */
export const isTrouble = (thrown: unknown): thrown is Failure =>
  thrown instanceof Failure && thrown.kind === 'temporary' && thrown.reply?.enhanced !== '4.2.2'

/** RFC 9208 §5 */
export const overQuota = no('OVERQUOTA', 'Mailbox is full')
export const internalError = no('SERVERBUG', 'Internal error, see the server log')

function failed(failure: Failure): Completion {
  const known = PERMANENT.find(([detail]) => detail.test(failure.detail))
  if (known) return no(known[1], known[2])
  const enhanced = failure.reply?.enhanced
  if (enhanced === '4.2.2' || enhanced === '5.2.2') return overQuota
  if (enhanced === '4.3.1') return no('UNAVAILABLE', 'Insufficient storage, try again later')
  if (failure.kind === 'temporary') return no('UNAVAILABLE', 'Not available now, try again later')
  return no('CANNOT', 'Not possible')
}

/** COPY, MOVE and APPEND to what is not there: the client may create it (RFC 9051 §7.1 TRYCREATE). */
export function tryCreate(thrown: unknown): unknown {
  const missing = thrown instanceof Error && asFailure(thrown).detail.startsWith('no such mailbox')
  return missing ? new Refusal(no('TRYCREATE', 'Mailbox does not exist')) : thrown
}
