// The reference IMAP server's SEARCH: keys, charsets and result options of RFC 9051 §6.4.4.
import { decodeBody, type Field, fieldValue, type Part, parseMessage } from './imap-mime.ts'
import { asSet, type Session } from './imap-session.ts'
import type { Message } from './imap-store.ts'
import { Bad, fromOctets, No, Syntax } from './imap-syntax.ts'

type Key = (message: Message, place: number) => boolean

export function search(session: Session, syntax: Syntax, byUid: boolean, tag: string): void {
  const { options, range } = parseReturn(syntax, session)
  let charset = ''
  if (syntax.take('CHARSET ')) {
    charset = syntax.astring().toUpperCase()
    syntax.sp()
    // RFC 6855 §3
    if (session.utf8 && !session.faulty('utf8-charset-taken')) throw new Bad('no CHARSET after ENABLE UTF8=ACCEPT')
    const isKnown = ['US-ASCII', 'UTF-8'].includes(charset)
    // RFC 9051 §6.4.4.1: NO to a SEARCH that saves empties $
    if (
      !isKnown &&
      (options?.has('SAVE') || session.faulty('searchres-cleared-by-any-no')) &&
      !session.faulty('searchres-kept-by-no')
    )
      session.saved = []
    if (!isKnown) throw new No('no such charset', 'BADCHARSET (US-ASCII UTF-8)')
  }
  if (charset === '' && session.faulty('search-default-ascii') && /[\x80-\xff]/.test(syntax.text))
    throw new Bad('8-bit')
  const keys = [parseKey(syntax, session)]
  while (syntax.take(' ')) keys.push(parseKey(syntax, session))
  syntax.end()
  if (session.faulty('search-first-key')) keys.splice(1)
  if (session.faulty('search-marks'))
    for (const { message } of session.view) session.mailbox!.setFlags(message, [...message.flags, '\\Seen'])
  const places = session.view.flatMap(({ message }, at) => (keys.every((key) => key(message, at)) ? [at] : []))
  const found = places.map((at) => (byUid ? session.view[at]!.message.uid : at + 1))
  const part = range === null ? null : sliceOf(found, range)
  if (options?.has('SAVE') || session.faulty('searchres-always-saves'))
    save(session, range === null ? places : sliceOf(places, range), options ?? new Set())
  if (options === null && !session.rev2) session.untagged(`SEARCH${found.map((number) => ` ${number}`).join('')}`)
  else if (!(options?.size === 1 && options.has('SAVE')) || session.faulty('save-tells'))
    extended(
      session,
      found,
      options ?? new Set(['ALL']),
      byUid,
      tag,
      part === null ? null : `(${range} ${part.length === 0 ? 'NIL' : asSet(part)})`,
    )
}

function parseReturn(syntax: Syntax, session: Session): { options: Set<string> | null; range: string | null } {
  if (!syntax.take('RETURN ')) return { options: null, range: null }
  let range: string | null = null
  const options = new Set(
    syntax.list(() => {
      const name = syntax.atom().toUpperCase()
      if (name === 'PARTIAL' && session.server.extended) range = readRange(syntax)
      return name
    }),
  )
  // RFC 9394 §3.1
  if (options.has('PARTIAL') && options.has('ALL') && !session.faulty('partial-with-all'))
    throw new Bad('PARTIAL or ALL')
  if (range !== null) options.delete('PARTIAL')
  if (range !== null) options.add('.')
  syntax.sp()
  for (const option of options)
    if (!['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE', '.'].includes(option)) throw new Bad(`no result option ${option}`)
  if (options.size === 0) options.add('ALL')
  return { options, range }
}

/** `1:500`, or from the end `-1:-500` (RFC 9394 §4). */
export function readRange(syntax: Syntax): string {
  syntax.sp()
  const found = /^(-?)([1-9]\d*):(-?)([1-9]\d*)(?=[ )])/.exec(syntax.text.slice(syntax.at))
  if (!found || found[1] !== found[3]) throw new Bad('expected a range')
  syntax.at += found[0].length
  return found[0]
}

/** The range counts in what was found, ascending. */
export function sliceOf<T>(all: readonly T[], range: string): T[] {
  const ends = range.split(':').map((end) => Math.abs(Number(end)))
  const [low, high] = [Math.min(...ends), Math.max(...ends)]
  const ordered = range.startsWith('-') ? all.toReversed() : all
  const part = ordered.slice(low - 1, high)
  return range.startsWith('-') ? part.reverse() : part
}

/** RFC 5182 §2.1: with MIN or MAX and neither ALL nor COUNT, only those are saved. */
function save(session: Session, places: readonly number[], options: ReadonlySet<string>): void {
  const uids = places.map((at) => session.view[at]!.message.uid)
  const ends = [...(options.has('MIN') ? uids.slice(0, 1) : []), ...(options.has('MAX') ? uids.slice(-1) : [])]
  const partly = (options.has('MIN') || options.has('MAX')) && !options.has('ALL') && !options.has('COUNT')
  if (uids.length === 0 && session.faulty('save-none-keeps')) return
  if (session.faulty('save-numbers')) session.saved = places.map((at) => at + 1)
  else if (session.faulty('save-first-always')) session.saved = uids.slice(0, 1)
  else session.saved = partly && !session.faulty('save-all-always') ? ends : uids
}

function extended(
  session: Session,
  found: readonly number[],
  options: ReadonlySet<string>,
  byUid: boolean,
  tag: string,
  partial: string | null = null,
): void {
  const parts = [`ESEARCH (TAG "${tag}")`]
  if (byUid) parts.push('UID')
  if (options.has('MIN') && found.length > 0) parts.push(`MIN ${found[0]}`)
  if (options.has('MAX') && found.length > 0) parts.push(`MAX ${found.at(-1)}`)
  if (options.has('ALL') && found.length > 0) parts.push(`ALL ${asSet(found)}`)
  if (partial !== null) parts.push(`PARTIAL ${partial}`)
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
    if (session.faulty('search-parentheses-or')) return (message, place) => keys.some((key) => key(message, place))
    return (message, place) => keys.every((key) => key(message, place))
  }
  if (/[\d*$]/.test(syntax.peek())) return inSet(session, syntax.sequenceSet(), false)
  const name = syntax.atom().toUpperCase()
  const flagKey = flagKeys(session)[name]
  if (flagKey) return flagKey
  syntax.sp()
  switch (name) {
    case 'NOT': {
      if (syntax.peek() === '(' && session.faulty('search-not-first-in-parentheses')) {
        const [first, ...others] = syntax.list(() => parseKey(syntax, session), false)
        return (message, place) => !first!(message, place) && others.every((one) => one(message, place))
      }
      const key = parseKey(syntax, session)
      return (message, place) => !key(message, place)
    }
    case 'OR': {
      const left = parseKey(syntax, session)
      syntax.sp()
      const right = parseKey(syntax, session)
      return (message, place) => left(message, place) || right(message, place)
    }
    case 'FILTER': {
      const filter = syntax.astring()
      const criteria = session.account!.filters.get(filter)
      if (criteria === undefined && !session.faulty('filter-any'))
        throw new No('no such filter', `UNDEFINED-FILTER ${filter}`)
      return parseKey(new Syntax(`(${criteria ?? 'ALL'})`, true), session)
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
      return younger(interval(syntax), true)
    case 'OLDER':
      return younger(interval(syntax), false)
    default:
      return dateKey(name, syntax, session) ?? textKey(name, syntax, session)
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

/** RFC 5032 §3: not zero. */
function interval(syntax: Syntax): number {
  const seconds = syntax.number()
  if (seconds === 0) throw new Bad('an interval is not 0')
  return seconds
}

function inSet(session: Session, set: string, byUid: boolean): Key {
  const asked = session.faulty('search-set-first-range') ? set.split(',')[0]! : set
  const places = new Set(session.resolve(asked, byUid && !session.faulty('search-uid-is-number')))
  if (byUid && places.size === 0 && session.faulty('search-uid-missing-no')) throw new No('no such UID')
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
  SAVEDATESUPPORTED: () => true,
})

function dateKey(name: string, syntax: Syntax, session: Session): Key | null {
  const found = /^(SENT|SAVED)?(BEFORE|ON|SINCE)$/.exec(name)
  if (!found) return null
  const day = syntax.date()
  const compare = (one: number): boolean => {
    if (found[2] === 'ON') return one === day
    return found[2] === 'BEFORE' ? one < day : one >= day
  }
  return (message) => {
    if (found[1] !== 'SENT' && session.faulty('search-on-forenoon') && message.date.getUTCHours() >= 12) return false
    const shifted = new Date(message.date.getTime() + (session.faulty('search-date-other-zone') ? -10 * 3_600_000 : 0))
    const sent = (): number | null => {
      const part = parseMessage(message.raw)
      return session.faulty('search-sent-in-utc')
        ? dayOf(new Date(fieldValue(part.fields, 'date') ?? 0))
        : sentDay(part)
    }
    const isSaved = found[1] === 'SAVED' && !session.faulty('savedate-internal')
    if (isSaved) return compare(dayOf(message.saved))
    const one = found[1] === 'SENT' ? sent() : dayOf(shifted)
    return one !== null && compare(one)
  }
}

function textKey(name: string, syntax: Syntax, session: Session): Key {
  if (!['SUBJECT', 'FROM', 'TO', 'CC', 'BCC', 'BODY', 'TEXT', 'HEADER'].includes(name))
    throw new Bad(`no search key ${name}`)
  let field = name
  if (name === 'HEADER') {
    field = syntax.astring()
    syntax.sp()
  }
  const wanted = fromOctets(syntax.astring())
  if (wanted === null) throw new Bad('the text is not UTF-8')
  const isNamed = (one: string): boolean =>
    session.faulty('search-field-minds-case') && name === 'HEADER'
      ? one === field
      : one.toLowerCase() === field.toLowerCase()
  const has = (text: string): boolean => contains(session, text, wanted)
  return (message) => {
    const part = parseMessage(message.raw)
    if (name === 'BODY') return has(bodyText(part, session))
    if (name === 'TEXT') return has(`${words(part.header, session)}\n${bodyText(part, session)}`)
    if (name === 'HEADER' && wanted === '' && session.faulty('search-header-empty-none')) return false
    if (name === 'HEADER' && /^x-/i.test(field) && session.faulty('search-header-known-only')) return false
    return part.fields.some((one) => isNamed(one.name) && has(words(fieldText(one, session), session)))
  }
}

function fieldText({ raw, value }: Field, session: Session): string {
  if (session.faulty('search-header-first-line')) return raw.slice(raw.indexOf(':') + 1, raw.indexOf('\r\n'))
  return session.faulty('search-address-only') ? (/<[^>]*>/.exec(value)?.[0] ?? value) : value
}

function contains(session: Session, text: string, wanted: string): boolean {
  if (session.faulty('search-minds-case')) return text.includes(wanted)
  if (session.faulty('search-whole-words'))
    return ` ${text} `
      .toLowerCase()
      .split(/[^a-z0-9\x80-\uffff]+/)
      .includes(wanted.toLowerCase())
  return text.toLowerCase().includes(wanted.toLowerCase())
}

/** All text of the parts, decoded. */
function bodyText(part: Part, session: Session): string {
  const inside = (one: Part): string => `${words(one.header, session)}\n${bodyText(one, session)}`
  if (part.parts.length > 0) return part.parts.map(inside).join('\n')
  if (part.message) return session.faulty('search-skips-messages') ? '' : inside(part.message)
  const encoded = session.faulty('search-encoded-body')
  const octets = encoded ? part.body : (decodeBody(part) ?? part.body)
  const charset = part.params.find(([name]) => name.toLowerCase() === 'charset')?.[1] ?? 'utf-8'
  return toText(
    octets,
    session.faulty('search-body-latin') ? 'latin1' : session.faulty('search-body-utf8') ? 'utf-8' : charset,
  )
}

/** RFC 2047; the space between two encoded words goes. */
const words = (text: string, session: Session): string => {
  const unicode = fromOctets(text) ?? text
  if (session.faulty('search-encoded-words')) return unicode
  return unicode
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
}

function toText(octets: string, charset: string): string {
  try {
    return new TextDecoder(charset).decode(Buffer.from(octets, 'latin1'))
  } catch {
    return octets
  }
}
