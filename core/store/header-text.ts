// Header fields as text for search, dates and threads.
import { decodeHeaderText } from '../message/encoded-word.ts'
import type { HeaderView } from '../message/header.ts'
import { parseFieldDate } from '../message/parse-date.ts'
import { fold } from './fold.ts'

export interface FoldedField {
  /** Lower case. */
  readonly name: string
  /** Decoded and folded. */
  readonly value: string
}

export function foldedFields(header: HeaderView): FoldedField[] {
  return header.fields.map((field) => ({ name: field.name.toLowerCase(), value: fold(decodeHeaderText(field.value)) }))
}

/** The header block as SEARCH TEXT sees it: a line a field. */
export const foldedHeader = (fields: readonly FoldedField[]): string =>
  fields.map((field) => `${field.name}: ${field.value}\n`).join('')

/** Day of the Date field as `YYYY-MM-DD`, its time and zone disregarded (RFC 9051 §6.4.4 SENTON); '' without one. */
export const sentDay = (header: HeaderView): string => parseFieldDate(header.get('date') ?? '')?.day ?? ''

export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** 64 bits of a name: quick, and good enough where a collision does no harm. */
export function nameHash(text: string): bigint {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

/** 32 bits of a name: for sets that tell quickly what is not there. */
export function shortHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}

const MESSAGE_ID = /<[^<>\s]+>/

/**
 * What a message's thread is known by: the first message it refers to, else its own Message-ID. It depends on the message
 * alone, so that a lost index or another order of arrival gives the same THREADID (RFC 8474 §5.2). null: by itself.
 */
export function threadOf(header: HeaderView): bigint | null {
  for (const name of ['references', 'in-reply-to', 'message-id']) {
    const id = MESSAGE_ID.exec(header.get(name) ?? '')
    if (id) return nameHash(id[0])
  }
  return null
}

/** Takes from header blocks (octets, one a char) only these fields, in their order, each as it stands; with the empty line. */
export function fieldSelector(fields: readonly string[]): (block: string) => string {
  const names = fields.map((name) => name.replace(/[^A-Za-z0-9-]/g, '\\$&')).join('|')
  const pattern = new RegExp(`^(?:${names})[ \\t]*:[^\\n]*\\n(?:[ \\t][^\\n]*\\n)*`, 'gim')
  return (block) => `${block.match(pattern)?.join('') ?? ''}\r\n`
}
