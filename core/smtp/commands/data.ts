// DATA (RFC 5321 §4.1.1.4): asks the hooks once more, then the content follows.
import { replies } from '../../message/reply.ts'
import { noteEarlyTalk } from '../journal.ts'
import { defineCommand, proceed, refuse, refuseByHook, whenAnswered } from './command.ts'

const goOn = proceed('data.accepted', replies.startData())

export const data = defineCommand({
  verb: 'data',
  rfc: 'RFC 5321 §4.1.1.4',
  syntax: 'DATA',
  run(session, args) {
    const transaction = session.transaction!
    if (args !== '') return refuse(replies.syntaxError('No parameters allowed'))
    if (transaction.recipients.length === 0) return refuse(replies.noValidRecipients(session.role.protocol))
    noteEarlyTalk(session, 'DATA')
    return whenAnswered(session.generation.hooks.data(transaction), (verdict) => {
      if (verdict.kind !== 'pass') return refuseByHook('DATA', verdict, transaction)
      session.reception.open({ dots: true })
      return goOn
    })
  },
})
