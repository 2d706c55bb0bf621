// EXPN (RFC 5321 §4.1.1.7): lists are not shown (§7.3).
import { replies } from '../../message/reply.ts'
import { defineCommand, stay } from './command.ts'

export const expn = defineCommand({
  verb: 'expn',
  rfc: 'RFC 5321 §4.1.1.7',
  syntax: 'EXPN <list>',
  offered: () => false,
  run: (_session) => stay(replies.notImplemented()),
})
