// SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.7, §6.3.8)
import { type Command, defineCommand, LOGGED_IN, ok } from '../command.ts'

const subscription = (name: string, on: boolean): Command =>
  defineCommand({
    name,
    states: LOGGED_IN,
    parse(args) {
      args.space()
      return args.astring('mailbox')
    },
    async run(session, mailbox) {
      await session.account.subscribe(session.mailboxName(mailbox), on)
      return ok('Done')
    },
  })

export const subscribe = subscription('SUBSCRIBE', true)
export const unsubscribe = subscription('UNSUBSCRIBE', false)
