// CAPABILITY (RFC 9051 §6.1.1)
import { ANY_STATE, defineCommand, ok } from '../command.ts'

export const capability = defineCommand({
  name: 'CAPABILITY',
  states: ANY_STATE,
  parse: () => null,
  run(session) {
    session.text(`* CAPABILITY ${session.capabilities}\r\n`)
    return ok('Done')
  },
})
