// The header fields in which mbox programs keep UIDs and flags: Status, X-Status, X-Keywords, X-UID, X-IMAPbase. Clients never see
// them, nor Content-Length and Lines, which such programs add and change.
import { ANSWERED, DELETED, DRAFT, FLAGGED, type FlagTable, SEEN } from '../flags.ts'

export interface ImapBase {
  readonly uidValidity: number
  readonly lastUid: number
  readonly keywords: readonly string[]
}

export interface StatusFields {
  /** null without one that can be right. */
  readonly uid: number | null
  readonly flags: readonly string[]
  readonly base: ImapBase | null
  /** Of our own deliveries: names the message across attempts. */
  readonly key: string | null
  /** The header without these fields. */
  readonly header: Buffer
}

const KEY = 'X-Estafeta-Key'
const OURS =
  /^(Status|X-Status|X-Keywords|X-UID|X-IMAPbase|X-IMAP|X-Estafeta-Key|Content-Length|Lines)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n?/gim
const X_STATUS: readonly (readonly [string, string])[] = [
  ['A', '\\Answered'],
  ['F', '\\Flagged'],
  ['T', '\\Draft'],
  ['D', '\\Deleted'],
]

/** `header` has LF or CRLF line ends. */
export function parseStatusFields(header: Buffer): StatusFields {
  const text = header.toString('latin1')
  const values = new Map<string, string>()
  const rest = text.replace(OURS, (_, name: string, value: string) => {
    values.set(name.toLowerCase(), value.replace(/\s+/g, ' ').trim())
    return ''
  })
  const uid = Number(values.get('x-uid') ?? '')
  const flags: string[] = values.get('status')?.includes('R') ? ['\\Seen'] : []
  for (const [letter, flag] of X_STATUS) if (values.get('x-status')?.includes(letter)) flags.push(flag)
  flags.push(...(values.get('x-keywords') ?? '').split(' ').filter(Boolean))
  return {
    uid: uid > 0 && uid < 2 ** 32 ? uid : null,
    flags,
    base: parseImapBase(values.get('x-imapbase') ?? values.get('x-imap') ?? ''),
    key: values.get(KEY.toLowerCase()) ?? null,
    header: rest.length === text.length ? header : Buffer.from(rest, 'latin1'),
  }
}

function parseImapBase(value: string): ImapBase | null {
  const [validity, last, ...keywords] = value.split(' ')
  const uidValidity = Number(validity)
  return uidValidity > 0 && uidValidity < 2 ** 32 ? { uidValidity, lastUid: Number(last) || 0, keywords } : null
}

const number = (value: number): string => String(value).padStart(10, '0')

/** X-IMAPbase of a file's first message. */
export const formatImapBase = (uidValidity: number, lastUid: number, table: FlagTable): string =>
  `X-IMAPbase: ${uidValidity} ${number(lastUid)} ${table.keywords.filter(Boolean).join(' ')}\n`

/** Room that later flags find without moving the rest of the file. */
const KEYWORD_ROOM = 64

interface Values {
  readonly status: string
  readonly xStatus: string
  readonly keywords: string
}

function valuesOf(flags: number, table: FlagTable): Values {
  const bits = [ANSWERED, FLAGGED, DRAFT, DELETED]
  return {
    // O: not new any more
    status: (flags & SEEN ? 'RO' : 'O').padEnd(2),
    xStatus: X_STATUS.map(([letter], i) => (flags & bits[i]! ? letter : ''))
      .join('')
      .padEnd(4),
    keywords: table
      .names(flags)
      .filter((name) => !name.startsWith('\\'))
      .join(' '),
  }
}

/** The fields as we write them, with room to change in. */
export function formatStatusFields(uid: number, flags: number, table: FlagTable, key: string | null): string {
  const { status, xStatus, keywords } = valuesOf(flags, table)
  const room = Math.ceil((keywords.length + 1) / KEYWORD_ROOM) * KEYWORD_ROOM
  const own = key === null ? '' : `${KEY}: ${key}\n`
  return `${own}X-UID: ${number(uid)}\nStatus: ${status}\nX-Status: ${xStatus}\nX-Keywords: ${keywords.padEnd(room)}\n`
}

/** The header with other flags and the same length; null when there is no room, or a field is missing. */
export function replaceFlags(header: Buffer, flags: number, table: FlagTable): Buffer | null {
  const { status, xStatus, keywords } = valuesOf(flags, table)
  let text = header.toString('latin1')
  for (const [name, value] of [
    ['Status', status],
    ['X-Status', xStatus],
    ['X-Keywords', keywords],
  ] as const) {
    const m = new RegExp(`^${name}: ?([^\\r\\n]*)`, 'im').exec(text)
    if (!m || m[1]!.length < value.trimEnd().length) return null
    const at = m.index + m[0].length - m[1]!.length
    text = text.slice(0, at) + value.trimEnd().padEnd(m[1]!.length) + text.slice(at + m[1]!.length)
  }
  return Buffer.from(text, 'latin1')
}
