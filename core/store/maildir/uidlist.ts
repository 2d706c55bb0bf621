// dovecot-uidlist, version 3, in Dovecot's own format: UIDVALIDITY, next UID, the mailbox's GUID, and a line a message.

export const UIDLIST = 'dovecot-uidlist'

export interface UidListHeader {
  readonly uidValidity: number
  readonly uidNext: number
  /** 32 lower-case hex digits. */
  readonly guid: string
}

export interface UidList extends UidListHeader {
  /** Ascending. Of two lines with the same base the later one counts: what was before was expunged. */
  readonly uids: number[]
  /** Name of the file without its flags. */
  readonly bases: string[]
  /** GUIDs of messages whose base does not tell it. */
  readonly guids: Map<number, string>
  /** False when the last line was cut off, or a line could not be read: the file must be written anew. */
  readonly clean: boolean
}

const HEADER = /^3(?: [A-Z][^ ]*)*$/
const GUID = /^[0-9a-f]{32}$/

/** null when it is no version 3 list with a UIDVALIDITY: then all messages get new UIDs. */
export function parseUidList(octets: Buffer): UidList | null {
  const text = octets.toString('latin1')
  const end = text.indexOf('\n')
  const header = text.slice(0, Math.max(end, 0))
  if (!HEADER.test(header)) return null
  const field = (key: string) => new RegExp(` ${key}([^ ]+)`).exec(header)?.[1] ?? ''
  const uidValidity = Number(field('V'))
  if (!(uidValidity > 0 && uidValidity < 2 ** 32)) return null
  const lines = parseLines(text, end + 1)
  const uidNext = Math.max(Number(field('N')) || 1, (lines.uids.at(-1) ?? 0) + 1)
  return { uidValidity, uidNext, guid: GUID.test(field('G')) ? field('G') : '', ...lines }
}

type Lines = Pick<UidList, 'uids' | 'bases' | 'guids' | 'clean'>

function parseLines(text: string, from: number): Lines {
  const uids: number[] = []
  const bases: string[] = []
  const guids = new Map<number, string>()
  let clean = true
  let last = 0
  for (let at = from; at < text.length; ) {
    const end = text.indexOf('\n', at)
    const colon = text.indexOf(':', at)
    const uid = Number.parseInt(text.slice(at, at + 11), 10)
    if (end < 0 || colon < 0 || colon > end || !(uid > last)) clean = false
    else {
      const base = text.slice(colon + 1, end)
      const guid = colon - at > 8 ? / G([^ ]+)/.exec(text.slice(at, colon))?.[1] : undefined
      uids.push(uid)
      bases.push(base)
      if (guid) guids.set(uid, guid)
      last = uid
    }
    if (end < 0) break
    at = end + 1
  }
  return { uids, bases, guids, clean }
}

export const formatHeader = ({ uidValidity, uidNext, guid }: UidListHeader): string =>
  `3 V${uidValidity} N${uidNext} G${guid}\n`

export const formatLine = (uid: number, base: string, guid: string | undefined): string =>
  guid === undefined ? `${uid} :${base}\n` : `${uid} G${guid} :${base}\n`
