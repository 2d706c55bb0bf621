// NAMESPACE (RFC 9051 §6.3.10): one personal namespace without a prefix.
import { defineCommand, LOGGED_IN, ok } from '../command.ts'

export const namespace = defineCommand({
  name: 'NAMESPACE',
  states: LOGGED_IN,
  parse: () => null,
  run(session) {
    session.text('* NAMESPACE (("" "/")) NIL NIL\r\n')
    return ok('Done')
  },
})
