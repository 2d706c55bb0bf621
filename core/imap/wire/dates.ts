// Dates of IMAP (RFC 9051 §9): date-time of APPEND and INTERNALDATE, date of SEARCH.
import { SyntaxFault } from './decoder.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DATE_TIME = /^( \d|\d\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/
const DATE = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/

const two = (n: number) => (n < 10 ? `0${n}` : String(n))

let lastDay = -1
let lastDayText = ''

/** `"17-Jul-1996 02:44:25 +0000"`, quotes included. */
export function formatDateTime(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const day = Math.floor(seconds / 86_400)
  if (day !== lastDay) {
    const d = new Date(day * 86_400_000)
    lastDay = day
    const date = String(d.getUTCDate()).padStart(2, ' ')
    lastDayText = `"${date}-${MONTHS[d.getUTCMonth()]}-${String(d.getUTCFullYear()).padStart(4, '0')}`
  }
  const time = seconds - day * 86_400
  return `${lastDayText} ${two(Math.floor(time / 3600))}:${two(Math.floor(time / 60) % 60)}:${two(time % 60)} +0000"`
}

const monthOf = (name: string): number => MONTHS.findIndex((m) => m.toLowerCase() === name.toLowerCase())

/** Of a day that the calendar has, ms since 1970; else null. */
function midnight(year: number, month: number, day: number): number | null {
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  return month >= 0 && date.getUTCMonth() === month && date.getUTCDate() === day ? date.getTime() : null
}

/** What four digits of a year can say in UTC, in ms since 1970. */
const EARLIEST = midnight(0, 0, 1)!
const LATEST = midnight(10_000, 0, 1)! - 1

/** ms since 1970. */
export function parseDateTime(text: string): number {
  const m = DATE_TIME.exec(text)
  const date = m ? midnight(Number(m[3]), monthOf(m[2]!), Number(m[1])) : null
  if (!m || date === null) throw new SyntaxFault('Invalid date-time')
  const [hour, minute, second] = [Number(m[4]), Number(m[5]), Number(m[6])]
  if (hour > 23 || minute > 59 || second > 60) throw new SyntaxFault('Invalid date-time')
  const zone = (Number(m[8]) * 60 + Number(m[9])) * (m[7] === '-' ? -1 : 1)
  const time = date + ((hour * 60 + minute - zone) * 60 + second) * 1000
  if (time < EARLIEST || time > LATEST) throw new SyntaxFault('Invalid date-time')
  return time
}

/** `1-Feb-1994` as `YYYY-MM-DD`. */
export function parseDay(text: string): string {
  const m = DATE.exec(text)
  const month = m ? monthOf(m[2]!) : -1
  const day = m ? Number(m[1]) : 0
  if (!m || month < 0 || day < 1 || day > 31) throw new SyntaxFault('Invalid date')
  return `${m[3]}-${two(month + 1)}-${two(day)}`
}
