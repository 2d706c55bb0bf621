// ENABLE (RFC 9051 §6.3.1)
import { defineCommand, LOGGED_IN, ok } from '../command.ts'

export const enable = defineCommand({
  name: 'ENABLE',
  states: LOGGED_IN,
  parse(args) {
    const names: string[] = []
    do {
      args.space()
      names.push(args.keyword('capability'))
    } while (!args.atEnd)
    return names
  },
  run(session, names) {
    const enabled: string[] = []
    if (names.includes('IMAP4REV2')) {
      session.rev2 = true
      enabled.push('IMAP4rev2')
    }
    if (names.includes('CONDSTORE')) {
      session.condstore = true
      enabled.push('CONDSTORE')
    }
    session.text(`* ENABLED${enabled.map((name) => ` ${name}`).join('')}\r\n`)
    return ok('Done')
  },
})
