// EHLO, HELO and LHLO alike (RFC 5321 §4.1.1.1, RFC 2033 §4.1): who the client says it is, and what it may use.
import { replies } from '../../message/reply.ts'
import { offerOf } from '../capabilities.ts'
import { noteEarlyTalk } from '../journal.ts'
import type { SmtpSession } from '../session.ts'
import { answersOf } from '../site-answers.ts'
import { isHeloArgument } from '../wire/command.ts'
import { type Answer, refuse, refuseByHook, whenAnswered } from './command.ts'

export function greetClient(session: SmtpSession, args: string, extended: boolean): Answer | Promise<Answer> {
  if (args === '') return refuse(replies.syntaxError('Domain or address literal expected'))
  if (!isHeloArgument(args)) return refuse(replies.syntaxError('Invalid domain or address literal'))
  noteEarlyTalk(session, extended ? 'EHLO' : 'HELO')
  const { facts, generation } = session
  // RFC 5321 §4.1.4: the state is as after RSET
  session.reset()
  facts.helo = args
  facts.extended = extended
  return whenAnswered(generation.hooks.helo(facts), (verdict) => {
    if (verdict.kind !== 'pass') {
      const refused = refuseByHook('HELO', verdict, null)
      return refused.outcome === 'session.goodbye' ? refused : { ...refused, outcome: 'hello.refused' }
    }
    const answers = answersOf(generation.site)
    return extended ? answers.welcome(offerOf(session)) : answers.plainWelcome
  })
}
