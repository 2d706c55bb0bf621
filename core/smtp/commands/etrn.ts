// ETRN (RFC 1985): known, not offered: nobody starts queue runs from outside.
import { replies } from '../../message/reply.ts'
import { defineCommand, stay } from './command.ts'

export const etrn = defineCommand({
  verb: 'etrn',
  rfc: 'RFC 1985 §5',
  syntax: 'ETRN <domain>',
  only: 'ESMTP',
  offered: () => false,
  run: (_session) => stay(replies.notImplemented()),
})
