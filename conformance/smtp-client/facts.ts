// Shorthand for the cases of this suite, and what several of them look at.
import { isIPv4, isIPv6 } from 'node:net'
import { check, Skipped, visible } from '../judgement.ts'
import type { Level, Needs } from '../types.ts'
import type { Act, Answer, Command, Mail, Session } from './session.ts'
import type { Exchange, Letter, SmtpClientCase } from './suite.ts'

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
  return (headerOf(text).match(/[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*/g) ?? []).map((raw) => {
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

/** Up to the empty line. */
export const headerOf = (text: string): string => {
  const at = text.indexOf('\r\n\r\n')
  return at < 0 ? text : text.slice(0, at + 2)
}

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

/** RFC 5321 §4.1.2; a bare IP address is none: it has to stand in brackets. */
export const isDomain = (text: string): boolean =>
  text.length <= 255 &&
  !isIPv4(text) &&
  text.split('.').every((label) => /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))

/** RFC 5321 §4.1.3 */
export const isAddressLiteral = (text: string): boolean => {
  const inside = /^\[([^%]+)\]$/.exec(text)?.[1] ?? ''
  return isIPv4(inside) || (/^IPv6:/i.test(inside) && isIPv6(inside.slice(5)))
}

export const isHostName = (text: string): boolean => isDomain(text) || isAddressLiteral(text)

/** The MTA goes by this name, in its greeting or in EHLO, or it is of a host beside those. */
export function isOwnName(x: Exchange, name: string): boolean {
  const known = [x.greeted, ...x.sessions.map(({ hello }) => hello)].filter(isDomain).map((one) => one.toLowerCase())
  const parentOf = (one: string): string => one.slice(one.indexOf('.') + 1)
  const parent = parentOf(name.toLowerCase())
  return (
    known.length === 0 ||
    known.includes(name.toLowerCase()) ||
    (parent.includes('.') && known.some((one) => parentOf(one) === parent))
  )
}

/** The mailbox that a path names: quoting taken off the local part, the domain in lower case. Null for what is no mailbox. */
export function mailboxOf(path: string): string | null {
  const at = path.lastIndexOf('@')
  const local = path.slice(0, at)
  const isQuoted = /^"(?:[^"\\]|\\.)*"$/.test(local)
  if (at < 1 || !(isQuoted || /^[^\s"(),:;<>@[\\\].]+(\.[^\s"(),:;<>@[\\\].]+)*$/.test(local))) return null
  const plain = isQuoted ? local.slice(1, -1).replace(/\\(.)/g, '$1') : local
  return `${plain}@${path.slice(at + 1).toLowerCase()}`
}

/** A structured value without its comments. */
export function withoutComments(value: string): string {
  let text = value
  for (;;) {
    const less = text.replace(/\([^()]*\)/g, ' ')
    if (less === text) return text.replace(/\s+/g, ' ').trim()
    text = less
  }
}

/** All parameters that the MTA takes, on a message that needs none of them. */
export const demanding = (x: Exchange): { readonly fromParameters: string; readonly toParameters: string } => ({
  fromParameters: [
    ...(x.takes('8BITMIME') ? ['BODY=8BITMIME'] : []),
    ...(x.takes('DSN') ? ['RET=HDRS', 'ENVID=QQ314'] : []),
  ].join(' '),
  toParameters: x.takes('DSN') ? `NOTIFY=FAILURE,DELAY ORCPT=rfc822;${x.recipient}` : '',
})

/** Hands in the first of these letters that the MTA takes, and gives it. */
export async function handFirst(x: Exchange, ...letters: readonly Letter[]): Promise<Letter> {
  let refusal = ''
  for (const letter of letters) {
    const { code, raw } = await x.offer(letter)
    if (code < 300) return letter
    refusal ||= raw
  }
  throw new Skipped(`the MTA does not take the address: "${visible(refusal)}"`)
}

/** The message came to these local parts, and as it was handed in. */
export function checkWhole(x: Exchange, mail: Mail, ...to: readonly string[]): void {
  const found = mail.recipients.map(({ path }) => path).sort()
  const wanted = to.map((local) => `${local}@${x.domain}`).sort()
  check(String(found) === String(wanted), wanted.join(', '), found.join(', '))
  check(bodyOf(mail.text) === bodyOf(x.handed), visible(bodyOf(x.handed)), visible(bodyOf(mail.text)))
}
