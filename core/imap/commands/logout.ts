// LOGOUT (RFC 9051 §6.1.3)
import { ANY_STATE, defineCommand, ok } from '../command.ts'

export const logout = defineCommand({
  name: 'LOGOUT',
  states: ANY_STATE,
  parse: () => null,
  run(session) {
    session.text('* BYE Logging out\r\n')
    return ok('Done', { event: 'imap.loggedOut' })
  },
})
