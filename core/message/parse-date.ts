// Reads the Date field (RFC 5322 §3.3, obsolete forms of §4.3 too).
import { skipComments } from './mime-header.ts'

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DATE =
  /^(?:[a-z]{2,9}\.?,?\s+)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s-]+(\d{2,4})\s+(\d{1,2})\s*[:.]\s*(\d{2})(?:\s*[:.]\s*(\d{2}))?(?:\.\d+)?(?:\s*([+-]\d{4})|\s+([a-z]{1,5}))?/i
/** Obsolete zones, hours from UTC (RFC 5322 §4.3); others count as UTC. */
const ZONES: { readonly [name: string]: number } = {
  edt: -4,
  est: -5,
  cdt: -5,
  cst: -6,
  mdt: -6,
  mst: -7,
  pdt: -7,
  pst: -8,
}

export interface FieldDate {
  /** ms since 1970 */
  readonly time: number
  /** `YYYY-MM-DD` as written, time and zone disregarded (SENTBEFORE and kin, RFC 9051 §6.4.4). */
  readonly day: string
}

/** null when it is no date. */
export function parseFieldDate(value: string): FieldDate | null {
  const m = DATE.exec(withoutComments(value).trim())
  if (!m) return null
  const month = MONTHS.indexOf(m[2]!.toLowerCase())
  const day = Number(m[1])
  const year = fullYear(m[3]!)
  if (month < 0 || day < 1 || day > 31) return null
  const offset = m[7] ? zoneMinutes(m[7]) : (ZONES[(m[8] ?? '').toLowerCase()] ?? 0) * 60
  const time = Date.UTC(year, month, day, Number(m[4]), Number(m[5]), Number(m[6] ?? 0)) - offset * 60_000
  const two = (n: number) => String(n).padStart(2, '0')
  return { time, day: `${String(year).padStart(4, '0')}-${two(month + 1)}-${two(day)}` }
}

function withoutComments(value: string): string {
  let text = ''
  for (let at = 0; at < value.length; ) {
    const open = value.indexOf('(', at)
    if (open < 0) return text + value.slice(at)
    text += `${value.slice(at, open)} `
    at = skipComments(value, open)
  }
  return text
}

function fullYear(text: string): number {
  const year = Number(text)
  if (text.length === 2) return year < 50 ? 2000 + year : 1900 + year // RFC 5322 §4.3
  return text.length === 3 ? 1900 + year : year
}

function zoneMinutes(zone: string): number {
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3, 5))
  return zone[0] === '-' ? -minutes : minutes
}
