// Address lists of header fields (RFC 5322 §3.4) as IMAP's ENVELOPE wants them: names still encoded, groups marked, nothing refused.
import { readQuoted, skipComments } from './mime-header.ts'

/**
 * Octets, one a char. `mailbox` and `host` of an address are strings, '' when missing.
 * A group's start has `host` null, its end `mailbox` null too (RFC 9051 §7.5.2).
 */
export interface ListedAddress {
  readonly name: string | null
  /** Source route of RFC 822, without its colon. */
  readonly route: string | null
  readonly mailbox: string | null
  readonly host: string | null
}

const MAX_ADDRESSES = 5000
const SPECIAL = /[\s"(),:;<>@[\\]/g

/** One left-to-right pass over an unfolded value. */
export function parseAddressList(value: string, most = MAX_ADDRESSES): ListedAddress[] {
  const list: ListedAddress[] = []
  let at = 0
  let words: string[] = []
  /** Which of the words was quoted last. */
  let quotedAt = -1
  let comment: string | null = null
  let host: string | null = null
  let angle: { route: string | null; mailbox: string; host: string } | null = null
  let inGroup = false

  const finish = () => {
    const text = words.join('').trim()
    if (angle) list.push({ name: (host === null ? text : `${text}@${host.trim()}`) || comment, ...angle })
    else if (host === null && text.includes(' ')) list.push({ name: text, route: null, mailbox: '', host: '' })
    else if (text !== '' || host !== null) {
      const gap = host === null ? -1 : lastGap(words)
      const local = words
        .slice(gap + 1)
        .join('')
        .trim()
      const mailbox = quotedAt > gap ? local : compact(local)
      const name = gap < 0 ? comment : words.slice(0, gap).join('').trim()
      list.push({ name, route: null, mailbox, host: compact(host ?? '') })
    }
    words = []
    quotedAt = -1
    comment = null
    host = null
    angle = null
  }

  while (at < value.length && list.length < most) {
    const c = value[at]!
    if (c === '(') {
      const end = skipOneComment(value, at)
      comment =
        value
          .slice(at + 1, end - 1)
          .replace(/\\(.)/g, '$1')
          .trim() || comment
      at = end
    } else if (c === '"') {
      const string = readQuoted(value, at)
      quotedAt = words.push(string.value) - 1
      at = string.next
    } else if (c === '<') {
      const end = closing(value, at)
      angle = parseAngle(value.slice(at + 1, end))
      at = end + 1
    } else if (c === '@') {
      const end = hostEnd(value, at + 1)
      host = value.slice(at + 1, end)
      at = end
    } else if (c === ',') {
      finish()
      at++
    } else if (c === ':' && !inGroup && angle === null && host === null) {
      list.push({ name: null, route: null, mailbox: words.join('').trim() || (comment ?? ''), host: null })
      words = []
      comment = null
      inGroup = true
      at++
    } else if (c === ';') {
      finish()
      if (inGroup) list.push({ name: null, route: null, mailbox: null, host: null })
      inGroup = false
      at++
    } else if (c === '>') at++
    else if (c === ' ') {
      if (host === null && words.at(-1) !== ' ') words.push(' ')
      at = skipSpaces(value, at)
    } else {
      const end = atomEnd(value, at + 1)
      words.push(value.slice(at, end))
      at = end
    }
  }
  finish()
  if (inGroup) list.push({ name: null, route: null, mailbox: null, host: null })
  return list
}

/** Of `A Name user` before an `@`: where the local part's words begin, those that a dot joins being one; -1: at the first. */
function lastGap(words: readonly string[]): number {
  for (let i = words.length - 2; i > 0; i--)
    if (words[i] === ' ' && !words[i - 1]!.endsWith('.') && !words[i + 1]!.startsWith('.')) return i
  return -1
}

function parseAngle(inside: string): { route: string | null; mailbox: string; host: string } {
  let text = inside.trim()
  let route: string | null = null
  if (text.startsWith('@')) {
    const colon = text.indexOf(':')
    if (colon > 0) {
      route = compact(text.slice(0, colon))
      text = text.slice(colon + 1)
    }
  }
  const at = text.lastIndexOf('@')
  const local = (at < 0 ? text : text.slice(0, at)).trim()
  return {
    route,
    mailbox: local.startsWith('"') ? readQuoted(local, 0).value : compact(local),
    host: at < 0 ? '' : compact(text.slice(at + 1)),
  }
}

function closing(value: string, from: number): number {
  for (let i = from + 1; i < value.length; i++) {
    if (value[i] === '"') i = readQuoted(value, i).next - 1
    else if (value[i] === '>') return i
  }
  return value.length
}

/** A host runs to what can end an address; a literal in brackets stays whole. */
function hostEnd(value: string, from: number): number {
  let at = skipComments(value, from)
  if (value[at] === '[') {
    const end = value.indexOf(']', at)
    return end < 0 ? value.length : end + 1
  }
  while (at < value.length && !/[,;<>("]/.test(value[at]!)) at++
  return at
}

function skipOneComment(value: string, from: number): number {
  let depth = 0
  for (let i = from; i < value.length; i++) {
    const c = value[i]
    if (c === '\\') i++
    else if (c === '(') depth++
    else if (c === ')' && --depth === 0) return i + 1
  }
  return value.length + 1
}

function skipSpaces(value: string, from: number): number {
  let at = from
  while (value[at] === ' ') at++
  return at
}

function atomEnd(value: string, from: number): number {
  SPECIAL.lastIndex = from
  return SPECIAL.exec(value)?.index ?? value.length
}

const compact = (text: string): string => text.replace(/\([^()]*\)/g, '').replace(/\s+/g, '')
