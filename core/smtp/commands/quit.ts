// QUIT (RFC 5321 §4.1.1.10).
import { replies } from '../../message/reply.ts'
import { answersOf } from '../site-answers.ts'
import { defineCommand, stay } from './command.ts'

export const quit = defineCommand({
  verb: 'quit',
  rfc: 'RFC 5321 §4.1.1.10',
  syntax: 'QUIT',
  run: (session, args) =>
    args === '' ? answersOf(session.generation.site).closing : stay(replies.syntaxError('No parameters allowed')),
})
