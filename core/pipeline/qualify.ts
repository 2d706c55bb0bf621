// Addresses without a domain in header fields get one (RFC 6409 §8.1); every other octet of a field stays as it is.
import { readQuoted, skipComments } from '../message/mime-header.ts'

/** Adds `@origin` to addresses without a domain; leaves display names, groups and comments alone. Linear. */
export function qualify(value: string, origin: string): string {
  const pieces = piecesOf(value)
  return pieces
    .map((piece, i) => {
      if (piece.startsWith('<')) return piece.replace(/^<([^@<>\s]+)>$/, `<$1@${origin}>`)
      return isBareAddress(piece) && standsAlone(pieces, i) ? piece.replace(/(\S+)/, `$1@${origin}`) : piece
    })
    .join('')
}

/** An address list in pieces: comments, quoted strings and angle addresses whole, so that nothing inside them is mistaken for an address. */
function piecesOf(value: string): string[] {
  const pieces: string[] = []
  for (let at = 0; at < value.length; ) {
    const end = pieceEnd(value, at)
    pieces.push(value.slice(at, end))
    at = end
  }
  return pieces
}

/** What is not closed goes on to the end. */
function pieceEnd(value: string, at: number): number {
  switch (value[at]) {
    case '(':
      return skipComments(value, at)
    case '"':
      return readQuoted(value, at).next
    case '<':
      return angleEnd(value, at)
    case ',':
    case ';':
    case ':':
      return at + 1
    default:
      return wordsEnd(value, at)
  }
}

function angleEnd(value: string, from: number): number {
  let at = from
  while (at < value.length && value[at] !== '>') at = value[at] === '"' ? readQuoted(value, at).next : at + 1
  return Math.min(at + 1, value.length)
}

/** An address literal (RFC 5322 §3.4.1) may hold colons; or any other character of words. */
const WORD_PART = /\[[^[\]]*\]|[^,;:<("]/y

function wordsEnd(value: string, from: number): number {
  WORD_PART.lastIndex = from
  let at = from
  while (WORD_PART.test(value)) at = WORD_PART.lastIndex
  return at
}

const isBareAddress = (piece: string): boolean => /^\s*[^\s@,;:<>()"]+\s*$/.test(piece)

/** A single word is an address only when no angle address or group colon follows in its list entry. */
function standsAlone(pieces: readonly string[], i: number): boolean {
  for (let j = i - 1; j >= 0 && !/^[,;:]$/.test(pieces[j]!); j--) if (!isBlank(pieces[j]!)) return false
  for (let j = i + 1; j < pieces.length && !/^[,;]$/.test(pieces[j]!); j++) {
    if (pieces[j] === ':' || !isBlank(pieces[j]!)) return false
  }
  return true
}

const isBlank = (piece: string): boolean =>
  piece.trim() === '' || (piece.startsWith('(') && piece.trimEnd().endsWith(')'))
