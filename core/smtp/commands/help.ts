// HELP (RFC 5321 §4.1.1.8): the commands this session may use.
import { replies } from '../../message/reply.ts'
import { defineCommand, stay } from './command.ts'
import { commandsFor } from './index.ts'

export const help = defineCommand({
  verb: 'help',
  rfc: 'RFC 5321 §4.1.1.8',
  syntax: 'HELP [command]',
  run(session, args) {
    const known = commandsFor(session.role.protocol).filter(({ offered }) => offered?.(session) ?? true)
    const asked = known.find((command) => command.verb === args.toLowerCase())
    return stay(
      replies.help(
        asked ? [`${asked.syntax} (${asked.rfc.replace('§', 'section ')})`] : known.map(({ syntax }) => syntax),
      ),
    )
  },
})
