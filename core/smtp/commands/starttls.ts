// STARTTLS (RFC 3207): everything learnt or buffered before it is forgotten.
import { replies } from '../../message/reply.ts'
import { offersStarttls } from '../capabilities.ts'
import { defineCommand, proceed, refuse } from './command.ts'

export const starttls = defineCommand({
  verb: 'starttls',
  rfc: 'RFC 3207 §4',
  syntax: 'STARTTLS',
  offered: offersStarttls,
  run(session, args) {
    if (args !== '') return refuse(replies.syntaxError('No parameters allowed'))
    if (session.facts.tls !== null) return refuse(replies.badSequence('TLS is active already'))
    if (!session.role.starttls) return refuse(replies.notImplemented())
    if (!offersStarttls(session)) return refuse(replies.tlsUnavailable())
    return proceed('starttls.accepted', replies.readyForTls())
  },
})
