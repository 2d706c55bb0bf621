// QUIT (RFC 1939 §5, §6): the end; after a login the marked messages are removed first.
import { responses } from '../wire/response.ts'
import { defineCommand } from './command.ts'

export const quit = defineCommand({
  verb: 'quit',
  rfc: 'RFC 1939 §6',
  run(session) {
    if (session.maildrop === null) session.goodbye(responses.goodbye())
    else session.update()
  },
})
