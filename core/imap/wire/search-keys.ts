// SEARCH (RFC 9051 §6.4.4): return options, charset and keys, sequence sets still unresolved.
import { type CharsetDecoder, isKnownCharset, textDecoder } from '../../message/encoded-word.ts'
import { parseDay } from './dates.ts'
import { type Decoder, SyntaxFault } from './decoder.ts'
import { parseSequenceSet, type SequenceSet } from './sequence-set.ts'

export type WireSearchKey =
  | { readonly kind: 'all' }
  /** This session is the first to hear of it: IMAP4rev1 alone. */
  | { readonly kind: 'recent' }
  | { readonly kind: 'and' | 'or'; readonly keys: readonly WireSearchKey[] }
  | { readonly kind: 'not'; readonly key: WireSearchKey }
  | { readonly kind: 'sequence' | 'uid'; readonly set: SequenceSet }
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'header'; readonly name: string; readonly value: string }
  | { readonly kind: 'body' | 'text'; readonly value: string }
  | { readonly kind: 'larger' | 'smaller'; readonly size: number }
  | { readonly kind: 'before' | 'on' | 'since'; readonly of: 'internal' | 'sent' | 'saved'; readonly day: string }
  /** RFC 5032: seconds before now. */
  | { readonly kind: 'younger' | 'older'; readonly seconds: number }
  | { readonly kind: 'modseq'; readonly from: number }
  | { readonly kind: 'emailid' | 'threadid'; readonly id: string }

export type ReturnOption = 'MIN' | 'MAX' | 'ALL' | 'COUNT' | 'SAVE'

export interface SearchRequest {
  /** null: the old untagged SEARCH was asked for. */
  readonly returns: readonly ReturnOption[] | null
  readonly key: WireSearchKey
  /** A key asks for mod-sequences (RFC 7162 §3.1.5). */
  readonly modSeq: boolean
}

/** The charset is not known: NO [BADCHARSET] (RFC 9051 §6.4.4). */
export class BadCharset extends Error {
  override readonly name = 'BadCharset'
  /** SAVE was among the return options. */
  readonly saving: boolean

  constructor(charset: string, saving: boolean) {
    super(charset)
    this.saving = saving
  }
}

const MAX_DEPTH = 50
const MAX_KEYS = 5000
const RETURN_OPTIONS = new Set(['MIN', 'MAX', 'ALL', 'COUNT', 'SAVE'])

export function parseSearch(d: Decoder): SearchRequest {
  let returns: ReturnOption[] | null = null
  d.space()
  let word = peekWord(d)
  if (word === 'RETURN') {
    d.space()
    returns = d.list(() => returnOption(d.keyword('return option')), 10)
    if (returns.length === 0) returns = ['ALL'] // RFC 9051 §6.4.4
    d.space()
    word = peekWord(d)
  }
  let charset = 'utf-8'
  if (word === 'CHARSET') {
    d.space()
    charset = d.astring('charset')
    if (!isKnownCharset(charset)) throw new BadCharset(charset, returns?.includes('SAVE') ?? false)
    d.space()
    word = null
  }
  const reader = new KeyReader(d, charset)
  const keys = [reader.key(0, word)]
  while (!d.atEnd) {
    d.space()
    keys.push(reader.key(0, null))
  }
  return { returns, key: both(keys), modSeq: reader.modSeq }
}

/** The word that starts here when it is an atom; it is then taken. */
function peekWord(d: Decoder): string | null {
  return /[A-Za-z]/.test(d.peek()) ? d.keyword('search key') : null
}

function returnOption(name: string): ReturnOption {
  if (!RETURN_OPTIONS.has(name)) throw new SyntaxFault(`Unknown return option ${name}`)
  return name as ReturnOption
}

const both = (keys: readonly WireSearchKey[]): WireSearchKey => (keys.length === 1 ? keys[0]! : { kind: 'and', keys })
const not = (key: WireSearchKey): WireSearchKey => ({ kind: 'not', key })
const flag = (name: string): WireSearchKey => ({ kind: 'flag', flag: name })

/** Keys without arguments. */
const SIMPLE: { readonly [name: string]: WireSearchKey } = {
  ALL: { kind: 'all' },
  ANSWERED: flag('\\Answered'),
  DELETED: flag('\\Deleted'),
  DRAFT: flag('\\Draft'),
  FLAGGED: flag('\\Flagged'),
  NEW: { kind: 'and', keys: [{ kind: 'recent' }, not(flag('\\Seen'))] },
  OLD: not({ kind: 'recent' }),
  RECENT: { kind: 'recent' },
  SEEN: flag('\\Seen'),
  UNANSWERED: not(flag('\\Answered')),
  UNDELETED: not(flag('\\Deleted')),
  UNDRAFT: not(flag('\\Draft')),
  UNFLAGGED: not(flag('\\Flagged')),
  UNSEEN: not(flag('\\Seen')),
  SAVEDATESUPPORTED: { kind: 'all' },
}
const HEADERS = new Set(['BCC', 'CC', 'FROM', 'SUBJECT', 'TO'])
const DAYS: { readonly [name: string]: readonly ['before' | 'on' | 'since', 'internal' | 'sent' | 'saved'] } = {
  BEFORE: ['before', 'internal'],
  ON: ['on', 'internal'],
  SINCE: ['since', 'internal'],
  SENTBEFORE: ['before', 'sent'],
  SENTON: ['on', 'sent'],
  SENTSINCE: ['since', 'sent'],
  SAVEDBEFORE: ['before', 'saved'],
  SAVEDON: ['on', 'saved'],
  SAVEDSINCE: ['since', 'saved'],
}

const WITH_ARGUMENTS = new Set(
  'NOT OR BODY TEXT HEADER KEYWORD UNKEYWORD LARGER SMALLER UID YOUNGER OLDER MODSEQ EMAILID THREADID'.split(' '),
)

class KeyReader {
  modSeq = false
  readonly #d: Decoder
  readonly #decoder: CharsetDecoder
  #keys = 0

  constructor(d: Decoder, charset: string) {
    this.#d = d
    this.#decoder = textDecoder(charset)
  }

  key(depth: number, word: string | null): WireSearchKey {
    const d = this.#d
    if (++this.#keys > MAX_KEYS) throw new SyntaxFault('Too many search keys')
    if (depth > MAX_DEPTH) throw new SyntaxFault('Search keys are nested too deeply')
    if (word === null) {
      const next = d.peek()
      if (next === '(') return both(d.list(() => this.key(depth + 1, null), MAX_KEYS, 1))
      if (/[0-9*$]/.test(next)) return { kind: 'sequence', set: parseSequenceSet(d.sequenceText()) }
    }
    return this.#named(word ?? d.keyword('search key'), depth)
  }

  #named(name: string, depth: number): WireSearchKey {
    const d = this.#d
    const simple = SIMPLE[name]
    if (simple) return simple
    if (HEADERS.has(name)) return { kind: 'header', name: name.toLowerCase(), value: this.#text() }
    const days = DAYS[name]
    if (!days && !WITH_ARGUMENTS.has(name)) throw new SyntaxFault(`Unknown search key ${name}`)
    d.space()
    if (days) return { kind: days[0], of: days[1], day: parseDay(d.astring('date')) }
    switch (name) {
      case 'NOT':
        return not(this.key(depth + 1, null))
      case 'OR': {
        const first = this.key(depth + 1, null)
        d.space()
        return { kind: 'or', keys: [first, this.key(depth + 1, null)] }
      }
      case 'BODY':
      case 'TEXT':
        return { kind: name === 'BODY' ? 'body' : 'text', value: this.#astring() }
      case 'HEADER': {
        const field = d.astring('field name').toLowerCase()
        return { kind: 'header', name: field, value: this.#text() }
      }
      case 'KEYWORD':
        return flag(d.flag())
      case 'UNKEYWORD':
        return not(flag(d.flag()))
      case 'LARGER':
      case 'SMALLER':
        return { kind: name === 'LARGER' ? 'larger' : 'smaller', size: d.number64('size') }
      case 'UID':
        return { kind: 'uid', set: parseSequenceSet(d.sequenceText()) }
      case 'YOUNGER':
      case 'OLDER':
        return { kind: name === 'YOUNGER' ? 'younger' : 'older', seconds: nonZero(d.number('seconds')) }
      case 'MODSEQ':
        return this.#modSeq()
      case 'EMAILID':
      case 'THREADID':
        return { kind: name === 'EMAILID' ? 'emailid' : 'threadid', id: d.astring('object id') }
    }
    throw new SyntaxFault(`Unknown search key ${name}`)
  }

  #text(): string {
    this.#d.space()
    return this.#astring()
  }

  #astring(): string {
    return this.#decoder.decode(Buffer.from(this.#d.astring(), 'latin1'))
  }

  /** RFC 7162 §3.1.5: an optional entry name and type come before the number. */
  #modSeq(): WireSearchKey {
    const d = this.#d
    if (d.peek() === '"') {
      d.string()
      d.space()
      d.keyword('entry type')
      d.space()
    }
    this.modSeq = true
    return { kind: 'modseq', from: d.number64('mod-sequence') }
  }
}

function nonZero(seconds: number): number {
  if (seconds === 0) throw new SyntaxFault('Seconds must not be 0')
  return seconds
}
