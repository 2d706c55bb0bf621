// BDAT (RFC 3030): the content in chunks of a stated length. BINARYMIME is not offered: mailboxes hold lines.
import type { Reply } from '../../base/failure.ts'
import { replies } from '../../message/reply.ts'
import { noteRefusal } from '../journal.ts'
import { DRAIN_MAX } from '../wire/limits.ts'
import { type Answer, defineCommand, expectOctets, goodbye, whenAnswered } from './command.ts'

export const bdat = defineCommand({
  verb: 'bdat',
  rfc: 'RFC 3030 §2',
  syntax: 'BDAT <octets> [LAST]',
  run(session, args) {
    const parsed = /^(\d{1,15})( +LAST)?$/i.exec(args)
    // without a length nobody knows where the next command starts
    if (parsed === null) return goodbye(replies.syntaxError('Syntax: BDAT octets [LAST]'))
    /** The reply follows the octets (RFC 3030 §2): a refusal too, unless nobody would listen to so many. */
    const expect = (refusal: Reply | null): Answer => {
      if (refusal !== null && Number(parsed[1]) > DRAIN_MAX) return goodbye(refusal)
      session.reception.expectChunk(Number(parsed[1]), parsed[2] !== undefined, refusal)
      return expectOctets
    }
    const { transaction } = session
    if (transaction === null) return expect(replies.noTransaction())
    if (transaction.recipients.length === 0) return expect(replies.noValidRecipients(session.role.protocol))
    if (session.reception.active) return expect(null)
    return whenAnswered(session.generation.hooks.data(transaction), (verdict) => {
      if (verdict.kind === 'pass') {
        session.reception.open({ dots: false })
        return expect(null)
      }
      noteRefusal(session, verdict.reply, { where: 'BDAT', transaction, recipient: '' })
      return expect(verdict.reply)
    })
  },
})
