// LHLO (RFC 2033 §4.1), LMTP's only greeting.
import { defineCommand } from './command.ts'
import { greetClient } from './hello.ts'

export const lhlo = defineCommand({
  verb: 'lhlo',
  rfc: 'RFC 2033 §4.1',
  syntax: 'LHLO <domain>',
  only: 'LMTP',
  run: (session, args) => greetClient(session, args, true),
})
