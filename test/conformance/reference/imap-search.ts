// The reference IMAP server's SEARCH: keys, charsets and result options of RFC 9051 §6.4.4.
import { decodeBody, fieldValue, type Part, parseMessage } from './imap-mime.ts'
import { asSet, type Session } from './imap-session.ts'
import type { Message } from './imap-store.ts'
import { Bad, fromOctets, No, type Syntax } from './imap-syntax.ts'

type Key = (message: Message, place: number) => boolean

export function search(session: Session, syntax: Syntax, byUid: boolean, tag: string): void {
  const options = parseReturn(syntax)
  let charset = 'UTF-8'
  if (syntax.take('CHARSET ')) {
    charset = syntax.astring().toUpperCase()
    syntax.sp()
    if (!['US-ASCII', 'UTF-8'].includes(charset)) throw new No('no such charset', 'BADCHARSET (US-ASCII UTF-8)')
  }
  const keys = [parseKey(syntax, session)]
  while (syntax.take(' ')) keys.push(parseKey(syntax, session))
  syntax.end()
  const places = session.view.flatMap(({ message }, at) => (keys.every((key) => key(message, at)) ? [at] : []))
  const found = places.map((at) => (byUid ? session.view[at]!.message.uid : at + 1))
  if (options?.has('SAVE')) save(session, places, options)
  if (options === null && !session.rev2) session.untagged(`SEARCH${found.map((number) => ` ${number}`).join('')}`)
  else if (!(options?.size === 1 && options.has('SAVE')))
    extended(session, found, options ?? new Set(['ALL']), byUid, tag)
}

function parseReturn(syntax: Syntax): Set<string> | null {
  if (!syntax.take('RETURN ')) return null
  const options = new Set(syntax.list(() => syntax.atom().toUpperCase()))
  syntax.sp()
  for (const option of options)
    if (!['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'].includes(option)) throw new Bad(`no result option ${option}`)
  if (options.size === 0) options.add('ALL')
  return options
}

/** RFC 5182 §2.1: with MIN or MAX and neither ALL nor COUNT, only those are saved. */
function save(session: Session, places: readonly number[], options: ReadonlySet<string>): void {
  const uids = places.map((at) => session.view[at]!.message.uid)
  const ends = [...(options.has('MIN') ? uids.slice(0, 1) : []), ...(options.has('MAX') ? uids.slice(-1) : [])]
  const partly = (options.has('MIN') || options.has('MAX')) && !options.has('ALL') && !options.has('COUNT')
  session.saved = partly ? ends : uids
}

function extended(
  session: Session,
  found: readonly number[],
  options: ReadonlySet<string>,
  byUid: boolean,
  tag: string,
): void {
  const parts = [`ESEARCH (TAG "${tag}")`]
  if (byUid) parts.push('UID')
  if (options.has('MIN') && found.length > 0) parts.push(`MIN ${found[0]}`)
  if (options.has('MAX') && found.length > 0) parts.push(`MAX ${found.at(-1)}`)
  if (options.has('ALL') && found.length > 0) parts.push(`ALL ${asSet(found)}`)
  if (options.has('COUNT')) parts.push(`COUNT ${found.length}`)
  session.untagged(parts.join(' '))
}

const hasFlag =
  (flag: string, wanted = true): Key =>
  ({ flags }) =>
    [...flags].some((one) => one.toLowerCase() === flag.toLowerCase()) === wanted

const dayOf = (date: Date): number => date.getUTCFullYear() * 10000 + (date.getUTCMonth() + 1) * 100 + date.getUTCDate()

function sentDay(part: Part): number | null {
  const found = /(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})/.exec(fieldValue(part.fields, 'date') ?? '')
  if (!found) return null
  const month = 'janfebmaraprmayjunjulaugsepoctnovdec'.indexOf(found[2]!.toLowerCase()) / 3 + 1
  return Number(found[3]) * 10000 + month * 100 + Number(found[1])
}

function parseKey(syntax: Syntax, session: Session): Key {
  if (syntax.peek() === '(') {
    const keys = syntax.list(() => parseKey(syntax, session), false)
    return (message, place) => keys.every((key) => key(message, place))
  }
  if (/[\d*$]/.test(syntax.peek())) return inSet(session, syntax.sequenceSet(), false)
  const name = syntax.atom().toUpperCase()
  const flagKey = flagKeys(session)[name]
  if (flagKey) return flagKey
  syntax.sp()
  switch (name) {
    case 'NOT': {
      const key = parseKey(syntax, session)
      return (message, place) => !key(message, place)
    }
    case 'OR': {
      const left = parseKey(syntax, session)
      syntax.sp()
      const right = parseKey(syntax, session)
      return (message, place) => left(message, place) || right(message, place)
    }
    case 'KEYWORD':
      return hasFlag(syntax.flag())
    case 'UNKEYWORD':
      return hasFlag(syntax.flag(), false)
    case 'UID':
      return inSet(session, syntax.sequenceSet(), true)
    case 'LARGER':
      return larger(syntax.number())
    case 'SMALLER':
      return smaller(syntax.number())
    case 'YOUNGER':
      return younger(syntax.number(), true)
    case 'OLDER':
      return younger(syntax.number(), false)
    default:
      return dateKey(name, syntax) ?? textKey(name, syntax)
  }
}

const larger =
  (size: number): Key =>
  ({ raw }) =>
    raw.length > size
const smaller =
  (size: number): Key =>
  ({ raw }) =>
    raw.length < size
const younger =
  (seconds: number, wanted: boolean): Key =>
  ({ date }) =>
    Date.now() - date.getTime() <= seconds * 1000 === wanted

function inSet(session: Session, set: string, byUid: boolean): Key {
  const places = new Set(session.resolve(set, byUid))
  return (_, place) => places.has(place)
}

const flagKeys = (session: Session): { readonly [name: string]: Key } => ({
  ALL: () => true,
  ANSWERED: hasFlag('\\Answered'),
  DELETED: hasFlag('\\Deleted'),
  DRAFT: hasFlag('\\Draft'),
  FLAGGED: hasFlag('\\Flagged'),
  SEEN: hasFlag('\\Seen'),
  UNANSWERED: hasFlag('\\Answered', false),
  UNDELETED: hasFlag('\\Deleted', false),
  UNDRAFT: hasFlag('\\Draft', false),
  UNFLAGGED: hasFlag('\\Flagged', false),
  UNSEEN: hasFlag('\\Seen', false),
  NEW: (message) => session.isRecent(message) && !message.flags.has('\\Seen'),
  OLD: (message) => !session.isRecent(message),
  RECENT: (message) => session.isRecent(message),
})

function dateKey(name: string, syntax: Syntax): Key | null {
  const found = /^(SENT)?(BEFORE|ON|SINCE)$/.exec(name)
  if (!found) return null
  const day = syntax.date()
  const compare = (one: number): boolean => {
    if (found[2] === 'ON') return one === day
    return found[2] === 'BEFORE' ? one < day : one >= day
  }
  return (message) => {
    const one = found[1] ? sentDay(parseMessage(message.raw)) : dayOf(message.date)
    return one !== null && compare(one)
  }
}

function textKey(name: string, syntax: Syntax): Key {
  if (!['SUBJECT', 'FROM', 'TO', 'CC', 'BCC', 'BODY', 'TEXT', 'HEADER'].includes(name))
    throw new Bad(`no search key ${name}`)
  let field = name.toLowerCase()
  if (name === 'HEADER') {
    field = syntax.astring().toLowerCase()
    syntax.sp()
  }
  const text = fromOctets(syntax.astring())
  if (text === null) throw new Bad('the text is not UTF-8')
  const wanted = text.toLowerCase()
  return (message) => {
    const part = parseMessage(message.raw)
    if (name === 'BODY') return bodyText(part).toLowerCase().includes(wanted)
    if (name === 'TEXT') return `${decodeWords(part.header)}\n${bodyText(part)}`.toLowerCase().includes(wanted)
    return part.fields.some(
      (one) => one.name.toLowerCase() === field && decodeWords(one.value).toLowerCase().includes(wanted),
    )
  }
}

/** All text of the parts, decoded. */
function bodyText(part: Part): string {
  if (part.parts.length > 0) return part.parts.map((one) => `${decodeWords(one.header)}\n${bodyText(one)}`).join('\n')
  if (part.message) return `${decodeWords(part.message.header)}\n${bodyText(part.message)}`
  const octets = decodeBody(part) ?? part.body
  const charset = part.params.find(([name]) => name.toLowerCase() === 'charset')?.[1] ?? 'utf-8'
  return toText(octets, charset)
}

/** RFC 2047; the space between two encoded words goes. */
const decodeWords = (text: string): string =>
  (fromOctets(text) ?? text)
    .replace(/(\?=)\s+(?==\?)/g, '$1')
    .replace(/=\?([^?\s]+)\?([BQ])\?([^?\s]*)\?=/gi, (_, charset: string, kind: string, data: string) => {
      const octets =
        kind.toUpperCase() === 'B'
          ? Buffer.from(data, 'base64').toString('latin1')
          : data
              .replace(/_/g, ' ')
              .replace(/=([0-9A-F]{2})/gi, (_found, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      return toText(octets, charset)
    })

function toText(octets: string, charset: string): string {
  try {
    return new TextDecoder(charset).decode(Buffer.from(octets, 'latin1'))
  } catch {
    return octets
  }
}
