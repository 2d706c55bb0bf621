// QUIT (RFC 5321 §4.1.1.10).
import { replies } from '../../message/reply.ts'
import { defineCommand, goodbye, stay } from './command.ts'

export const quit = defineCommand({
  verb: 'quit',
  rfc: 'RFC 5321 §4.1.1.10',
  syntax: 'QUIT',
  run: (session, args) =>
    args === ''
      ? goodbye(replies.closing(session.generation.site.hostname))
      : stay(replies.syntaxError('No parameters allowed')),
})
