// HELO (RFC 5321 §4.1.1.1), for clients without extensions.
import { defineCommand } from './command.ts'
import { greetClient } from './hello.ts'

export const helo = defineCommand({
  verb: 'helo',
  rfc: 'RFC 5321 §4.1.1.1',
  syntax: 'HELO <domain>',
  only: 'ESMTP',
  run: (session, args) => greetClient(session, args, false),
})
