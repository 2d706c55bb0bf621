// CAPA (RFC 2449): what this server can do, in the state the session is in.
import { mechanismsFor } from '../../sasl/sasl.ts'
import type { Pop3Session } from '../session.ts'
import { listingEnd, responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

/** Mail stays until the user deletes it. */
const ALWAYS = ['TOP', 'UIDL', 'PIPELINING', 'RESP-CODES', 'AUTH-RESP-CODE', 'EXPIRE NEVER', 'UTF8 USER', 'LANG']

export const capa = defineCommand({
  verb: 'capa',
  rfc: 'RFC 2449 §5',
  run(session, args) {
    if (args !== '') return session.error(responses.syntax('Syntax: CAPA'))
    const lines = [...ALWAYS, ...logins(session), 'IMPLEMENTATION Estafeta']
    session.answer(responses.listing('Capabilities') + lines.map((line) => `${line}\r\n`).join('') + listingEnd)
  },
})

function logins(session: Pop3Session): string[] {
  const mechanisms = mechanismsFor(session.secure).map((mechanism) => mechanism.name)
  return [
    ...(session.canStartTls ? ['STLS'] : []),
    ...(session.secure ? ['USER'] : []),
    ...(mechanisms.length > 0 ? [`SASL ${mechanisms.join(' ')}`] : []),
  ]
}
