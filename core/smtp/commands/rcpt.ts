// RCPT (RFC 5321 §4.1.1.3): a recipient is refused unless a plugin admits it.
import type { Reply } from '../../base/failure.ts'
import { err, ok, type Result } from '../../base/result.ts'
import { formatAddress } from '../../message/address.ts'
import type { Recipient } from '../../message/envelope.ts'
import { replies } from '../../message/reply.ts'
import type { SmtpSession } from '../session.ts'
import { parseParameters, parsePath } from '../wire/command.ts'
import { parseRcptParameters } from '../wire/parameters.ts'
import { afterKeyword, atSite, needsUtf8Parameter, originFor } from './arguments.ts'
import { defineCommand, proceed, refuse, refuseByHook, refuseOnPolicy, whenAnswered } from './command.ts'

/** A local program hands its mail in once, for all: nobody would send it again for the rest. */
const LOCAL_RECIPIENTS = 50_000

const accepted = proceed('rcpt.accepted', replies.recipientOk())

export const rcpt = defineCommand({
  verb: 'rcpt',
  rfc: 'RFC 5321 §4.1.1.3',
  syntax: 'RCPT TO:<address> [parameters]',
  run(session, args) {
    const { site, hooks } = session.generation
    const transaction = session.transaction!
    const parsed = parseRcpt(session, args)
    if (!parsed.ok) return refuse(parsed.error)
    // RFC 5321 §4.5.3.1.10
    const most = session.role.local ? LOCAL_RECIPIENTS : site.limits.recipients
    const shown = (): string => formatAddress(parsed.value.address)
    if (transaction.recipients.length >= most)
      return refuseOnPolicy('RCPT', replies.tooManyRecipients(), transaction, shown())
    return whenAnswered(hooks.rcpt(transaction, parsed.value), (decision) => {
      if (decision.kind === 'reject' && transaction.refused !== null) {
        transaction.refused.set(parsed.value, decision.reply)
        transaction.recipients.push(parsed.value)
        return accepted
      }
      if (decision.kind !== 'accept') return refuseByHook('RCPT', decision, transaction, shown())
      if (decision.as === 'relay' && !session.role.relay) {
        return refuseOnPolicy('RCPT', replies.relayDenied(), transaction, shown())
      }
      transaction.recipients.push(decision.recipient)
      return accepted
    })
  },
})

function parseRcpt(session: SmtpSession, args: string): Result<Recipient, Reply> {
  const { facts, generation, transaction } = session
  const written = afterKeyword(args, 'TO:')
  if (written === null) return err(replies.syntaxError('Syntax: RCPT TO:<address>'))
  const path = parsePath(written, { origin: originFor(session), postmaster: true })
  if (!path.ok) return err(replies.badAddress(`Recipient: ${path.error}`))
  const { rest } = path.value
  const address = facts.trusted ? atSite(path.value.address, generation.site) : path.value.address
  if (address === null) return err(replies.badAddress('Recipient: must not be empty'))
  const words = parseParameters(rest)
  if (!words.ok) return err(replies.syntaxError(words.error))
  const parameters = parseRcptParameters(words.value)
  if (!parameters.ok) return parameters
  if (!transaction!.parameters.smtputf8 && needsUtf8Parameter(address)) return err(replies.utf8Needed())
  return ok({ address, notify: parameters.value.notify, orcpt: parameters.value.orcpt })
}
