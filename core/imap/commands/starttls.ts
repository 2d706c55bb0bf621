// STARTTLS (RFC 9051 §6.2.1)

import { bad, defineCommand, ok } from '../command.ts'
import { ConnectionLost } from '../output.ts'

export const starttls = defineCommand({
  name: 'STARTTLS',
  states: ['notAuthenticated'],
  parse: (_args, { tag }) => tag,
  async run(session, tag) {
    if (!session.canStartTls) return bad('TLS is not available')
    session.enter('imap.tlsStarted')
    session.text(`${tag} OK Begin TLS negotiation now\r\n`)
    try {
      await session.startTls()
    } catch (error) {
      session.log.info(`TLS handshake failed: ${(error as Error).message}`)
      throw new ConnectionLost()
    }
    return ok('', { silent: true })
  },
})
