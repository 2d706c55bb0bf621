// EHLO (RFC 5321 §4.1.1.1).
import { defineCommand } from './command.ts'
import { greetClient } from './hello.ts'

export const ehlo = defineCommand({
  verb: 'ehlo',
  rfc: 'RFC 5321 §4.1.1.1',
  syntax: 'EHLO <domain>',
  only: 'ESMTP',
  run: (session, args) => greetClient(session, args, true),
})
