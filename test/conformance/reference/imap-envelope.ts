// The reference IMAP server's ENVELOPE: RFC 9051 §7.5.2, addresses by RFC 5322 §3.4.
import { fieldValue, type Part, type Quirks, stripComments } from './imap-mime.ts'
import { asNString, asString } from './imap-syntax.ts'

export function envelope({ fields }: Part, quirks: Quirks): string {
  const absent = quirks('env-absent-empty') ? '' : null
  const bare = (text: string | null): string | null =>
    quirks('env-ids-bare') ? (text?.replace(/[<>]/g, '') ?? null) : text
  const list = (name: string): string | null => addresses(fieldValue(fields, name), quirks)
  const from = list('from') ?? 'NIL'
  const none = quirks('env-absent-list') ? '()' : 'NIL'
  const orFrom = (name: string): string => {
    if (quirks('env-always-from')) return from
    if (quirks('env-no-default') && fieldValue(fields, name) === null) return 'NIL'
    if (quirks('env-no-default-when-empty') && fieldValue(fields, name) !== null) return list(name) ?? 'NIL'
    const first = quirks('env-default-first')
      ? (/^\((?:\([^()]*\))/.exec(from)?.[0] ?? from) + (from === 'NIL' ? '' : ')')
      : from
    // RFC 9051 §7.5.2: a server sets these from the From field when they are absent or empty
    return list(name) ?? first
  }
  const members = [
    dateOf(fieldValue(fields, 'date'), quirks),
    subjectOf(fields.find(({ name }) => name.toLowerCase() === 'subject')?.raw ?? null, quirks) ?? asNString(absent),
    from,
    orFrom('sender'),
    orFrom('reply-to'),
    list('to') ?? none,
    list('cc') ?? none,
    quirks('env-bcc-nil') ? 'NIL' : (list('bcc') ?? none),
    asNString(bare(fieldValue(fields, 'in-reply-to')) ?? absent),
    asNString(bare(fieldValue(fields, 'message-id')) ?? absent),
  ]
  if (quirks('env-without-bcc')) members.splice(7, 1)
  if (quirks('env-single-bare')) members.splice(5, 1, members[5]!.replace(/^\((\([^()]*\))\)$/, '$1'))
  return `(${members.join(' ')})`
}

function dateOf(value: string | null, quirks: Quirks): string {
  if (value === null && quirks('env-date-invented')) return asString(new Date().toUTCString())
  const isUtc = value !== null && quirks('env-date-normal')
  return asNString(isUtc ? new Date(value).toUTCString() : value)
}

function subjectOf(raw: string | null, quirks: Quirks): string | null {
  if (raw === null) return null
  const folded = raw.slice(raw.indexOf(':') + 1).trim()
  const value = quirks('env-subject-folded') ? folded : folded.replace(/\r\n/g, '')
  if (quirks('env-subject-word')) return asString(value.split(' ')[0]!)
  if (quirks('env-subject-decoded')) return asString(value.replace(/=\?[^?]*\?.\?([^?]*)\?=/g, '$1'))
  if (quirks('env-unescaped')) return `"${value.replace(/["\\]/g, '')}"`
  return asString(value)
}

/** As ENVELOPE has them; null when there are none. */
function addresses(value: string | null, quirks: Quirks): string | null {
  if (value === null) return null
  const found: string[] = []
  const hasGroups = !quirks('env-groups-flat')
  let members = 0
  for (const entry of splitOutside(value, ',;', ':')) {
    const text = entry.text.trim()
    if (entry.end === ':') {
      members = found.length + 1
      if (hasGroups) found.push(address(null, null, phrase(text), null))
      continue
    }
    if (stripComments(text).trim() !== '') found.push(mailboxAddress(text, quirks))
    if (entry.end !== ';' || !hasGroups) continue
    if (quirks('env-empty-group-gone') && found.length === members) found.pop()
    else found.push(address(null, null, null, null))
  }
  if (quirks('env-addresses-reversed')) found.reverse()
  if (quirks('env-first-only')) found.splice(1)
  if (found.length === 0) return quirks('env-empty-list') ? '()' : null
  return `(${found.join('')})`
}

function mailboxAddress(text: string, quirks: Quirks): string {
  const angle = /^(.*)<([^<>]*)>[^<>]*$/s.exec(text)
  const comment = /\(((?:[^()\\]|\\.)*)\)/.exec(text)?.[1] ?? null
  const spec = (angle ? angle[2]! : stripComments(text)).trim()
  const route = /^(@[^:]*):(.*)$/s.exec(spec)
  const bare = route ? route[2]! : spec
  const at = bare.lastIndexOf('@')
  const local = phrase(at < 0 ? bare : bare.slice(0, at))
  const written = angle && stripComments(angle[1]!).trim() !== '' ? stripComments(angle[1]!).trim() : null
  const name = written === null ? comment : quirks('env-names-quoted') ? written : phrase(written)
  const domain = at < 0 ? '' : bare.slice(at + 1).trim()
  const noName = quirks('env-name-empty') ? '' : null
  if (quirks('env-address-whole')) return address(name ?? noName, null, `${local}@${domain}`, domain)
  return address(name ?? noName, route && !quirks('env-route-gone') ? route[1]! : null, local, domain)
}

const address = (...parts: readonly (string | null)[]): string => `(${parts.map((part) => asNString(part)).join(' ')})`

/** Quoted words without their quotes. */
const phrase = (text: string): string =>
  text.replace(/"((?:[^"\\]|\\.)*)"/g, (_, inner: string) => inner.replace(/\\(.)/g, '$1'))

/** Pieces between separators that stand in no quotes, comments, angles; a group's name ends in `:`. */
function splitOutside(text: string, separators: string, opener: string): { text: string; end: string }[] {
  const pieces: { text: string; end: string }[] = []
  let piece = ''
  let closing = ''
  for (let at = 0; at < text.length; at++) {
    const octet = text[at]!
    if (octet === '\\') {
      piece += octet + (text[++at] ?? '')
      continue
    }
    if (closing !== '') {
      if (octet === closing.at(-1)) closing = closing.slice(0, -1)
      else if (octet === '(' && closing.endsWith(')')) closing += ')'
    } else if (octet in CLOSING) closing += CLOSING[octet]
    else if (separators.includes(octet) || octet === opener) {
      pieces.push({ text: piece, end: octet })
      piece = ''
      continue
    }
    piece += octet
  }
  pieces.push({ text: piece, end: '' })
  return pieces
}

const CLOSING: { readonly [opening: string]: string } = { '"': '"', '(': ')', '<': '>', '[': ']' }
