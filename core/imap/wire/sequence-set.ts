// Sequence sets (RFC 9051 §9): parsed to ranges, resolved against a session's view, formatted back.
import { SyntaxFault } from './decoder.ts'

/** `*`, the largest number in use. */
export const LARGEST = 0

export type SequenceSet = '$' | readonly (readonly [from: number, to: number])[]

const MAX_RANGES = 20_000
const ITEM = /^(?:([1-9]\d{0,9})|\*)(?::(?:([1-9]\d{0,9})|\*))?$/

export function parseSequenceSet(text: string): SequenceSet {
  if (text === '$') return '$' // RFC 5182
  const items = text.split(',')
  if (items.length > MAX_RANGES) throw new SyntaxFault('Message set is too long')
  return items.map((item) => {
    const m = ITEM.exec(item)
    if (!m) throw new SyntaxFault('Invalid message set')
    const from = number(m[1])
    const to = item.includes(':') ? number(m[2]) : from
    return [from, to] as const
  })
}

function number(digits: string | undefined): number {
  if (digits === undefined) return LARGEST
  const value = Number(digits)
  if (value > 0xffff_ffff) throw new SyntaxFault('Invalid message set')
  return value
}

/** Ascending, merged [from, to] pairs with `*` filled in. */
export function normalizeSet(set: Exclude<SequenceSet, '$'>, largest: number): [number, number][] {
  const ranges = set.map(([a, b]): [number, number] => {
    const from = a === LARGEST ? largest : a
    const to = b === LARGEST ? largest : b
    return from <= to ? [from, to] : [to, from]
  })
  ranges.sort((a, b) => a[0] - b[0])
  const merged: [number, number][] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last && range[0] <= last[1] + 1) last[1] = Math.max(last[1], range[1])
    else merged.push(range)
  }
  return merged
}

/** `1:3,7,9:10` for numbers in any order; consecutive ones are joined as they come. */
export function formatSet(numbers: Iterable<number>): string {
  const parts: string[] = []
  let from = -1
  let to = -1
  const close = () => {
    if (from >= 0) parts.push(from === to ? String(from) : `${from}:${to}`)
  }
  for (const n of numbers) {
    if (n === to + 1 && from >= 0) to = n
    else {
      close()
      from = to = n
    }
  }
  close()
  return parts.join(',')
}
