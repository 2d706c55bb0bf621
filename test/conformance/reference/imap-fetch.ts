// The reference IMAP server's FETCH: items as RFC 9051 §6.4.5 and §9 have them, and what each gives.
import { envelope } from './imap-envelope.ts'
import { bodyStructure, decodeBody, fieldValue, type Part, parseMessage, partAt } from './imap-mime.ts'
import type { Session } from './imap-session.ts'
import type { Message } from './imap-store.ts'
import { asString, Bad, MONTHS, No, type Syntax } from './imap-syntax.ts'

export interface Item {
  /** As the answer names it: `BODY[1.MIME]`. */
  readonly label: string
  /** Reading it sets \Seen. */
  readonly marks: boolean
  value(message: Message, part: Part): string
}

type Give = Item['value']

const plain = (label: string, value: Give): Item => ({ label, marks: false, value })

export function parseItems(syntax: Syntax, session: Session): Item[] {
  if (syntax.peek() === '(') return syntax.list(() => parseItem(syntax, session), false)
  const macro = /^(ALL|FULL|FAST)(?= |$)/i.exec(syntax.text.slice(syntax.at))?.[1]?.toUpperCase()
  if (!macro) return [parseItem(syntax, session)]
  syntax.at += macro.length
  const names = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE']
  if (macro !== 'FAST') names.push('ENVELOPE')
  if (macro === 'FULL') names.push('BODY')
  return names.map((name) => simpleItem(name, session)!)
}

function simpleItem(name: string, session: Session): Item | null {
  const quirks = (quirk: string): boolean => session.faulty(quirk)
  switch (name) {
    case 'FLAGS':
      return plain(name, (message) => session.flagsOf(message))
    case 'INTERNALDATE':
      return plain(name, ({ date }, part) => {
        const fromHeader = session.faulty('internaldate-from-header')
          ? new Date(fieldValue(part.fields, 'date') ?? 0)
          : date
        return `"${formatDate(fromHeader)}"`
      })
    case 'RFC822.SIZE':
      return plain(name, ({ raw }) => String(raw.length))
    case 'UID':
      return plain(name, ({ uid }) => String(uid))
    case 'ENVELOPE':
      return { label: name, marks: session.faulty('envelope-marks'), value: (_, part) => envelope(part, quirks) }
    case 'BODYSTRUCTURE':
      return plain(name, (_, part) => bodyStructure(part, true, quirks))
    case 'BODY':
      return plain(name, (_, part) => bodyStructure(part, false, quirks))
    case 'SAVEDATE':
      return plain(name, ({ saved }) => `"${formatDate(saved)}"`)
    case 'RFC822':
      return { label: name, marks: true, value: ({ raw }) => asLiteral(raw) }
    case 'RFC822.HEADER':
      return {
        label: name,
        marks: session.faulty('rfc822-header-marks'),
        value: (_, part) => asLiteral(part.header),
      }
    case 'RFC822.TEXT':
      return { label: name, marks: true, value: (_, part) => asLiteral(part.body) }
    default:
      return null
  }
}

function parseItem(syntax: Syntax, session: Session): Item {
  const name = /^[A-Z0-9.]+/i.exec(syntax.text.slice(syntax.at))?.[0].toUpperCase() ?? ''
  syntax.at += name.length
  if (syntax.peek() === '[') {
    if (name === 'BODY' || name === 'BODY.PEEK') return bodySection(syntax, name === 'BODY', session)
    if (['BINARY', 'BINARY.PEEK', 'BINARY.SIZE'].includes(name)) return binarySection(syntax, name, session)
  }
  const item = simpleItem(name, session)
  if (!item) throw new Bad(`no item ${name}`)
  return item
}

function bodySection(syntax: Syntax, marks: boolean, session: Session): Item {
  const start = syntax.at
  syntax.expect('[')
  const numbers = parseNumbers(syntax)
  const give = numbers.length > 0 && syntax.peek() === ']' ? wholePart(numbers) : parseText(syntax, numbers, session)
  syntax.expect(']')
  const section = syntax.text
    .slice(start, syntax.at)
    .replace(/HEADER|TEXT|MIME|FIELDS|NOT/gi, (word) => word.toUpperCase())
  const partial = parsePartial(syntax)
  const origin = partial === null || session.faulty('partial-without-origin') ? '' : `<${partial.from}>`
  return {
    label: `BODY${section}${origin}`,
    marks,
    value: (message, part) => {
      const octets = give(message, part)
      if (octets === null) return 'NIL'
      if (partial === null) return asLiteral(octets)
      const isCut = partial.from + partial.count > octets.length
      return asLiteral(
        isCut && session.faulty('partial-all-or-nothing')
          ? ''
          : octets.slice(partial.from, partial.from + partial.count),
      )
    },
  }
}

function parseNumbers(syntax: Syntax): number[] {
  const numbers: number[] = []
  while (/\d/.test(syntax.peek())) {
    const number = syntax.number()
    if (number === 0) throw new Bad('parts are numbered from 1')
    numbers.push(number)
    if (!/^\.\d/.test(syntax.peek(2))) break
    syntax.expect('.')
  }
  return numbers
}

const wholePart =
  (numbers: readonly number[]) =>
  (_: Message, part: Part): string | null =>
    partAt(part, numbers)?.body ?? null

/** What stands behind the part numbers; with none, of the message itself. */
function parseText(
  syntax: Syntax,
  numbers: readonly number[],
  session: Session,
): (message: Message, part: Part) => string | null {
  if (numbers.length === 0 && syntax.peek() === ']') return ({ raw }) => raw
  if (numbers.length > 0) syntax.expect('.')
  const ofMessage = (root: Part): Part | null =>
    numbers.length === 0 ? root : (partAt(root, numbers)?.message ?? null)
  if (syntax.take('HEADER.FIELDS')) {
    const not = syntax.take('.NOT')
    syntax.sp()
    const names = syntax.list(() => syntax.astring(), false)
    return (_, root) => {
      const message = ofMessage(root)
      return message === null ? null : chooseFields(session, message, names, not)
    }
  }
  if (syntax.take('HEADER')) return (_, root) => ofMessage(root)?.header ?? null
  if (syntax.take('TEXT')) return (_, root) => ofMessage(root)?.body ?? null
  if (numbers.length > 0 && syntax.take('MIME')) return (_, root) => partAt(root, numbers)?.header ?? null
  throw new Bad('no such section')
}

function chooseFields(session: Session, { fields }: Part, names: readonly string[], not: boolean): string {
  const lower = (text: string): string => (session.faulty('fields-minding-case') ? text : text.toLowerCase())
  const isNamed = (field: string): boolean =>
    names.some((name) =>
      session.faulty('fields-by-prefix') ? lower(field).startsWith(lower(name)) : lower(field) === lower(name),
    )
  const wanted = not && !session.faulty('fields-not-ignored')
  const kept = fields.flatMap(({ name, raw }) => {
    const isKept = isNamed(name) !== wanted
    if (isKept) return [session.faulty('fields-cut-at-fold') ? `${raw.split('\r\n')[0]}\r\n` : raw]
    return session.faulty('fields-not-keeps-folds') ? [raw.slice(raw.indexOf('\r\n') + 2)] : []
  })
  const all = session.faulty('fields-all') ? fields.map(({ raw }) => raw) : kept
  return `${all.join('')}${session.faulty('fields-without-end') ? '' : '\r\n'}`
}

function parsePartial(syntax: Syntax): { from: number; count: number } | null {
  if (!syntax.take('<')) return null
  const from = syntax.number()
  syntax.expect('.')
  const count = syntax.number()
  if (count === 0) throw new Bad('a partial has at least one octet')
  syntax.expect('>')
  return { from, count }
}

function binarySection(syntax: Syntax, name: string, session: Session): Item {
  const start = syntax.at
  syntax.expect('[')
  const numbers = parseNumbers(syntax)
  syntax.expect(']')
  const section = syntax.text.slice(start, syntax.at)
  const decoded = (root: Part, message: Message): string | null => {
    if (numbers.length === 0) return message.raw
    const part = partAt(root, numbers)
    if (!part) return null
    const octets = part.parts.length > 0 ? part.body : decodeBody(part)
    if (octets === null && session.faulty('unknown-cte-raw')) return part.body
    if (octets === null) throw new No('the encoding of this part is not known', 'UNKNOWN-CTE')
    return octets
  }
  if (name === 'BINARY.SIZE') {
    const size = (message: Message, root: Part): string => {
      const octets = decoded(root, message)
      const encoded = session.faulty('binary-size-encoded') ? partAt(root, numbers)?.body : octets
      return String(encoded?.length ?? 0)
    }
    return { label: `BINARY.SIZE${section}`, marks: session.faulty('binary-size-marks'), value: size }
  }
  const partial = parsePartial(syntax)
  return {
    label: `BINARY${section}${partial === null ? '' : `<${partial.from}>`}`,
    marks: name === 'BINARY',
    value: (message, root) => {
      const octets = decoded(root, message)
      if (octets === null) return 'NIL'
      const wanted = partial === null ? octets : octets.slice(partial.from, partial.from + partial.count)
      // RFC 9051 §9: literal8 where the data has NUL
      return wanted.includes('\0') ? `~{${wanted.length}}\r\n${wanted}` : asLiteral(wanted)
    },
  }
}

const asLiteral = (octets: string): string => (octets === '' ? '""' : `{${octets.length}}\r\n${octets}`)

export function formatDate(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const month = MONTHS[date.getUTCMonth()]!
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':')
  return `${two(date.getUTCDate())}-${month[0]!.toUpperCase()}${month.slice(1)}-${date.getUTCFullYear()} ${time} +0000`
}

export function fetch(session: Session, places: readonly number[], items: readonly Item[], byUid: boolean): void {
  const withUid = byUid && !items.some(({ label }) => label === 'UID') && !session.faulty('uid-fetch-without-uid')
  const all = withUid ? [simpleItem('UID', session)!, ...items] : items
  const mayWrite = !session.readOnly || session.faulty('seen-in-examine')
  const marks = items.some((item) => item.marks) && mayWrite && !session.faulty('fetch-sets-no-seen')
  let changed = false
  if (byUid && places.length === 0 && session.faulty('uid-fetch-missing-no')) throw new No('no such UID')
  for (const place of places) {
    const { message } = session.view[place]!
    const part = parseMessage(message.raw, (quirk) => session.faulty(quirk))
    const becomesSeen = marks && !message.flags.has('\\Seen')
    if (becomesSeen && !session.faulty('seen-not-kept'))
      changed = session.mailbox!.setFlags(message, [...message.flags, '\\Seen'])
    const values = all.map((item) => `${item.label} ${item.value(message, part)}`)
    if (becomesSeen && !all.some(({ label }) => label === 'FLAGS') && !session.faulty('seen-untold'))
      values.push(`FLAGS ${session.faulty('seen-not-kept') ? '(\\Seen)' : session.flagsOf(message)}`)
    if (values.some((value) => value.startsWith('FLAGS')) || session.faulty('seen-untold')) session.told(message)
    if (session.uidOnly && !session.faulty('uidonly-fetch'))
      session.untagged(`${message.uid} UIDFETCH (${values.filter((value) => !value.startsWith('UID ')).join(' ')})`)
    else session.untagged(`${place + 1} FETCH (${values.join(' ')})`)
  }
  if (changed) session.mailbox!.changed()
}

export const asMailbox = (session: Session, name: string): string => {
  const encoded = session.encode(name)
  return /^[A-Za-z0-9_./&+,-]+$/.test(encoded) ? encoded : asString(encoded, session.unicode)
}
