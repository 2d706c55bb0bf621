// Dates of header fields: whether one is well formed, possible, and of now.
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
/** What RFC 5322 §4.3 knows by name, in hours; of other names nobody knows what they stand for. */
const ZONES: { readonly [name: string]: number } = {
  UT: 0,
  GMT: 0,
  EDT: -4,
  EST: -5,
  CDT: -5,
  CST: -6,
  MDT: -6,
  MST: -7,
  PDT: -7,
  PST: -8,
}
const FORM =
  /^(?:([a-z]{3}),\s+)?(\d{1,2})\s+([a-z]{3})\s+(\d{4,})\s+(\d\d):(\d\d)(?::(\d\d))?\s+([+-]\d{4}|[a-z]{1,5})$/i
/** How far the clocks of two machines may be apart. */
const SKEW_MS = 10 * 60_000

/** RFC 5322 §3.3, comments taken off before; the zone as it stands. Null where it has not that form. */
export function zoneOf(date: string): string | null {
  return FORM.exec(date)?.[8] ?? null
}

/** What is wrong with the date of something that was made just now: null when nothing is. */
export function faultOf(date: string): string | null {
  const [, day, dayOfMonth, month = '', year, hour, minute, second = '0', zone = ''] = FORM.exec(date) ?? []
  const at = MONTHS.indexOf(month.toLowerCase())
  if (at < 0) return 'no date and time'
  const midnight = new Date(Date.UTC(Number(year), at, Number(dayOfMonth)))
  if (midnight.getUTCDate() !== Number(dayOfMonth)) return 'a day that its month does not have'
  if (day !== undefined && day.toLowerCase() !== DAYS[midnight.getUTCDay()]) return 'another day of the week'
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return 'a time that no day has'
  const offset = offsetOf(zone)
  if (Number.isNaN(offset)) return null
  const [, , zoneMinutes = '0'] = /^[+-](\d\d)(\d\d)$/.exec(zone) ?? []
  if (Number(zoneMinutes) > 59) return 'a zone that does not exist'
  const ms = midnight.getTime() + ((Number(hour) * 60 + Number(minute) - offset) * 60 + Number(second)) * 1000
  return Math.abs(ms - Date.now()) > SKEW_MS ? 'another time than now' : null
}

/** In minutes; NaN where the name says nothing. */
function offsetOf(zone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d\d)(\d\d)$/.exec(zone) ?? []
  if (hours === undefined) return (ZONES[zone.toUpperCase()] ?? Number.NaN) * 60
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}
