// VRFY (RFC 5321 §4.1.1.6): tells nobody who has a mailbox here (§7.3).
import { replies } from '../../message/reply.ts'
import { defineCommand, stay } from './command.ts'

export const vrfy = defineCommand({
  verb: 'vrfy',
  rfc: 'RFC 5321 §4.1.1.6',
  syntax: 'VRFY <address>',
  run: (_session, args) => stay(args === '' ? replies.syntaxError('Address expected') : replies.cannotVerify()),
})
