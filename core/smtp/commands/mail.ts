// MAIL (RFC 5321 §4.1.1.2): opens a transaction.
import type { Reply } from '../../base/failure.ts'
import { err, ok, type Result } from '../../base/result.ts'
import type { Address } from '../../message/address.ts'
import type { MailParameters } from '../../message/envelope.ts'
import { replies } from '../../message/reply.ts'
import { isSecure, offersStarttls, XREPORT } from '../capabilities.ts'
import { createTransaction } from '../facts.ts'
import { maySendAs } from '../ownership.ts'
import type { SmtpSession } from '../session.ts'
import { parseParameters, parsePath } from '../wire/command.ts'
import { parseMailParameters } from '../wire/parameters.ts'
import { afterKeyword, atSite, needsUtf8Parameter, originFor } from './arguments.ts'
import { type Answer, defineCommand, proceed, refuse, refuseByHook, refuseOnPolicy, whenAnswered } from './command.ts'

const accepted = proceed('mail.accepted', replies.senderOk())

export const mail = defineCommand({
  verb: 'mail',
  rfc: 'RFC 5321 §4.1.1.2',
  syntax: 'MAIL FROM:<address> [parameters]',
  run(session, args) {
    const { facts, role, generation, service } = session
    const { limits, recipientDelimiter } = generation.site
    if (role.authRequired && facts.identity === null) {
      const locked = !isSecure(facts) && offersStarttls(session)
      return refuse(locked ? replies.tlsRequired() : replies.authRequired()) // RFC 3207 §4, RFC 4954 §6
    }
    const parsed = parseMail(session, args)
    if (!parsed.ok) return refuse(parsed.error)
    const { reversePath, parameters, reports } = parsed.value
    const size = parameters.size ?? 0
    const transaction = createTransaction(session.nextTransactionId(), facts, reversePath, parameters)
    const deny = (reply: Reply): Answer => refuseOnPolicy('MAIL', reply, transaction)
    if (limits.messageSize > 0 && size > limits.messageSize) return deny(replies.messageTooBig(limits.messageSize)) // RFC 1870 §6.1
    if (!service.hasRoom(size)) return deny(replies.noRoom())
    if (facts.identity && role.ownSender && !maySendAs(facts.identity, reversePath, recipientDelimiter)) {
      return deny(replies.senderNotOwned())
    }
    return whenAnswered(generation.hooks.mail(transaction), (verdict) => {
      if (verdict.kind !== 'pass') return refuseByHook('MAIL', verdict, transaction)
      if (reports && reversePath !== null) transaction.refused = new Map()
      session.transaction = transaction
      return accepted
    })
  },
})

function parseMail(
  session: SmtpSession,
  args: string,
): Result<{ reversePath: Address | null; parameters: MailParameters; reports: boolean }, Reply> {
  const { role, facts, generation } = session
  const written = afterKeyword(args, 'FROM:')
  if (written === null) return err(replies.syntaxError('Syntax: MAIL FROM:<address>'))
  const path = parsePath(written, { origin: originFor(session) })
  if (!path.ok) return err(replies.badSenderAddress(`Sender: ${path.error}`))
  const words = parseParameters(path.value.rest)
  if (!words.ok) return err(replies.syntaxError(words.error))
  const reports = role.local && words.value.has(XREPORT)
  const known = reports ? new Map([...words.value].filter(([key]) => key !== XREPORT)) : words.value
  const parameters = parseMailParameters(known, { auth: role.auth })
  if (!parameters.ok) return parameters
  const reversePath = facts.trusted ? atSite(path.value.address, generation.site) : path.value.address
  if (!parameters.value.smtputf8 && needsUtf8Parameter(reversePath)) return err(replies.utf8Needed())
  return ok({ reversePath, parameters: parameters.value, reports })
}
