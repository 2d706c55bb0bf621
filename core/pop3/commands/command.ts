// What the file of a verb exports.
import type { Pop3Session } from '../session.ts'
import type { Verb } from '../wire/command.ts'
import { parseNumber } from '../wire/command.ts'
import { responses } from '../wire/response.ts'

export interface Command {
  readonly verb: Verb
  /** The section that defines it. */
  readonly rfc: string
  /**
   * Checks `args` and answers. Where the chart waits for an outcome it must end by `session.proceed` or
   * `session.refuse`, at once or later; else by `session.answer`.
   */
  run(session: Pop3Session, args: string): void
}

export const defineCommand = (command: Command): Command => command

/** The number of a message that is there and not deleted; else null, and `refuse` has told why. */
export function messageNumber(session: Pop3Session, text: string, refuse: (response: string) => void): number | null {
  const number = parseNumber(text)
  const maildrop = session.maildrop!
  if (number === null) refuse(responses.syntax('Expected a message number'))
  else if (number < 1 || number > maildrop.length) refuse(responses.noSuchMessage())
  else if (maildrop.isDeleted(number)) refuse(responses.messageDeleted(number))
  else return number
  return null
}
