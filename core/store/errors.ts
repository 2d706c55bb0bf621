// What a mailbox operation may be refused with; protocols map these to their own codes by `detail`.
import { type Failure, permanent, temporary } from '../base/failure.ts'
import { replies } from '../message/reply.ts'

export const noSuchMailbox = (): Failure => permanent('no such mailbox')
export const mailboxExists = (): Failure => permanent('mailbox exists')
export const badMailboxName = (why: string): Failure => permanent(`bad mailbox name: ${why}`)
export const inboxStays = (): Failure => permanent('INBOX cannot be deleted')
export const noSuchMessage = (): Failure => permanent('no such message')
export const tooManyKeywords = (): Failure => permanent('too many keywords in this mailbox')
export const badKeyword = (keyword: string): Failure => permanent(`bad keyword '${keyword}'`)
export const storeClosed = (): Failure => temporary('the mailbox store is closed', { reply: replies.internalError() })

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** A failed file operation: always temporary, since an operator can mend it; no room has its own reply. */
export function fileFailure(thrown: unknown, what: string): Failure {
  const code = (thrown as NodeJS.ErrnoException | null)?.code ?? ''
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return temporary(`${what}: ${text}`, {
    reply: NO_ROOM.has(code) ? replies.noRoom() : replies.internalError(),
    cause: thrown,
  })
}
