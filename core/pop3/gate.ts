// What plugins have against what a session is about to do with its mailbox.
import type { MailboxEvent } from '../plugin/contract.ts'
import type { Pop3Session } from './session.ts'

export type Objection = 'reject' | 'defer'

/** null: nothing. */
export async function askGate(
  { facts, generation: { hooks } }: Pop3Session,
  { action, account, mailbox }: Pick<MailboxEvent, 'action' | 'account' | 'mailbox'>,
): Promise<Objection | null> {
  if (!hooks.has('mailbox')) return null
  const { kind } = await hooks.mailbox({ action, account, mailbox, session: facts, change: null })
  return kind === 'pass' ? null : kind
}
