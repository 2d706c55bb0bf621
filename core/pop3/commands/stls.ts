// STLS (RFC 2595 §4): everything after it is within TLS, and nothing learned before it counts.
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const stls = defineCommand({
  verb: 'stls',
  rfc: 'RFC 2595 §4',
  run(session, args) {
    if (args !== '') return session.refuse(responses.syntax('Syntax: STLS'))
    if (session.facts.tls !== null) return session.refuse(responses.tlsActive())
    if (!session.canStartTls) return session.refuse(responses.noTls())
    session.proceed('stls.accepted', responses.beginTls())
    session.startTls()
  },
})
