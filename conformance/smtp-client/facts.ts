// Shorthand for the cases of this suite, and what several of them look at.
import { check, visible } from '../judgement.ts'
import type { Level, Needs } from '../types.ts'
import type { Act, Answer, Command, Session } from './session.ts'
import type { Exchange, SmtpClientCase } from './suite.ts'

/** A case, its id below `smtp-client/`. */
export const one = (
  id: string,
  rfc: string,
  level: Level,
  requirement: string,
  run: (x: Exchange) => Promise<void>,
  needs?: Needs,
): SmtpClientCase => ({
  id: `smtp-client/${id}`,
  rfc,
  level,
  requirement,
  state: 'ready',
  ...(needs ? { needs } : {}),
  run,
})

export const must = (
  id: string,
  rfc: string,
  requirement: string,
  run: (x: Exchange) => Promise<void>,
  needs?: Needs,
): SmtpClientCase => one(id, rfc, 'must', requirement, run, needs)

export const should = (
  id: string,
  rfc: string,
  requirement: string,
  run: (x: Exchange) => Promise<void>,
  needs?: Needs,
): SmtpClientCase => one(id, rfc, 'should', requirement, run, needs)

/** Looks whether the client goes on before it is answered; what it then said is kept in `session.early`. */
export const patiently =
  (ms: number, answer: Answer | null = null): Act =>
  async ({ verb }: Command, session: Session) => {
    await session.wire.speaks(ms)
    if (session.wire.waiting() !== '')
      session.early.push(`${visible(session.wire.waiting().slice(0, 80))} behind ${verb}`)
    return answer
  }

/** An answer that is given once; after that the usual one. */
export const once = (answer: Answer): Act => {
  let given = false
  return () => {
    if (given) return null
    given = true
    return answer
  }
}

export const mailCommand = (session: Session): string =>
  session.commands.find(({ verb }) => verb === 'MAIL')?.line ?? ''
export const rcptCommand = (session: Session): string =>
  session.commands.find(({ verb }) => verb === 'RCPT')?.line ?? ''

/** Header field lines, folded ones joined, in order; names in lower case. */
export function fieldsOf(text: string): { readonly name: string; readonly value: string; readonly raw: string }[] {
  const end = text.indexOf('\r\n\r\n')
  const header = end < 0 ? text : text.slice(0, end + 2)
  return (header.match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g) ?? []).map((raw) => {
    const colon = raw.indexOf(':')
    return {
      name: raw.slice(0, colon).trim().toLowerCase(),
      value: raw
        .slice(colon + 1)
        .replace(/\r\n(?=[ \t])/g, '')
        .trim(),
      raw,
    }
  })
}

export const fieldOf = (text: string, name: string): string | undefined =>
  fieldsOf(text).find((field) => field.name === name)?.value

/** Behind the empty line. */
export const bodyOf = (text: string): string => {
  const at = text.indexOf('\r\n\r\n')
  return at < 0 ? '' : text.slice(at + 4)
}

/** No text of a message came to any server of the case. */
export function checkNoText(x: Exchange): void {
  const found = x.sessions.flatMap(({ mails }) => mails).filter((mail) => !x.isReport(mail) && mail.text !== '')
  check(found.length === 0, 'no message text', 'one')
}

export const isLdhDomain = (text: string): boolean =>
  text.length <= 255 && text.split('.').every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))

export const isAddressLiteral = (text: string): boolean =>
  /^\[(\d{1,3}(\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]+)\]$/.test(text)
