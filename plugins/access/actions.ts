// The right side of an access table: what Sendmail and Postfix both understand.
import { type Reply, replies } from 'estafeta/plugin'

export type Action =
  /** Later checks are spared; no right to relay. */
  | { readonly kind: 'ok' }
  /** A client or a recipient's domain that may be relayed for. */
  | { readonly kind: 'relay' }
  | { readonly kind: 'reply'; readonly reply: Reply }
  | { readonly kind: 'discard'; readonly text: string }
  | { readonly kind: 'quarantine'; readonly text: string }
  /** No more is said about it. */
  | { readonly kind: 'none' }

type Parsed = { readonly ok: true; readonly value: Action } | { readonly ok: false; readonly error: string }
const done = (value: Action): Parsed => ({ ok: true, value })

export function parseAction(value: string): Parsed {
  const text = value.trim()
  const coded =
    /^(?:ERROR:)?"?(?:(\d\.\d{1,3}\.\d{1,3}):)?([45]\d\d)(?:[ -]+(\d\.\d{1,3}\.\d{1,3}))?(?:\s+(.*?))?"?$/is.exec(text)
  if (coded) return codedReply(Number(coded[2]), coded[1] ?? coded[3] ?? null, coded[4] ?? '')
  // Postfix: a number alone means OK
  if (/^\d+$/.test(text)) return done({ kind: 'ok' })
  const [, word, rest] = /^([A-Za-z_]+)[:\s]*(.*)$/s.exec(text) ?? ['', '', '']
  switch (word!.toUpperCase()) {
    case 'OK':
    case 'PERMIT':
      return done({ kind: 'ok' })
    case 'RELAY':
      return done({ kind: 'relay' })
    case 'DUNNO':
    case 'SKIP':
      return done({ kind: 'none' })
    case 'REJECT':
      return own(rest!, 550, '5.7.1', 'Access denied')
    case 'DEFER':
    case 'DEFER_IF_PERMIT':
    case 'DEFER_IF_REJECT':
      return own(rest!, 450, '4.7.1', 'Access denied for now, try again later')
    case 'DISCARD':
      return done({ kind: 'discard', text: rest || 'discarded' })
    case 'HOLD':
    case 'QUARANTINE':
      return done({ kind: 'quarantine', text: rest || 'held by an access table' })
    default:
      return {
        ok: false,
        error: `'${text}' is no action: expected OK, RELAY, REJECT, DISCARD, DEFER, HOLD, DUNNO or a reply such as '550 5.7.1 text'`,
      }
  }
}

/** REJECT and DEFER with a text of their own, which may begin with an enhanced status code. */
function own(rest: string, code: number, enhanced: string, text: string): Parsed {
  const match = /^(?:(\d\.\d{1,3}\.\d{1,3})\s+)?(.*)$/s.exec(rest)!
  return codedReply(code, match[1] ?? enhanced, match[2] || text)
}

function codedReply(code: number, enhanced: string | null, text: string): Parsed {
  const wanted = code < 500 ? '4' : '5'
  if (enhanced !== null && !enhanced.startsWith(wanted))
    return { ok: false, error: `the codes ${code} and ${enhanced} do not belong together` }
  const fallback = code < 500 ? replies.tryLater('') : replies.accessDenied('')
  const plain = text
    .replace(/^"|"$/g, '')
    .replace(/[^\x20-\x7e]/g, '?')
    .trim()
  return done({
    kind: 'reply',
    reply: { code, enhanced: enhanced ?? fallback.enhanced, text: plain === '' ? 'Access denied' : plain },
  })
}
