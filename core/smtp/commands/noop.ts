// NOOP (RFC 5321 §4.1.1.9): its parameter is ignored.
import { replies } from '../../message/reply.ts'
import { defineCommand, stay } from './command.ts'

export const noop = defineCommand({
  verb: 'noop',
  rfc: 'RFC 5321 §4.1.1.9',
  syntax: 'NOOP [text]',
  run: (_session) => stay(replies.ok()),
})
