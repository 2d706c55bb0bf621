// The lines that part messages of an mbox file: `From sender date`; lines of a message that look like one get a `>` (mboxrd).

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const two = (n: number): string => String(n).padStart(2, '0')

/** `date` in ms, written in UTC as ctime does. An empty sender is MAILER-DAEMON. */
export function formatFromLine(sender: string, date: number): string {
  const d = new Date(date)
  const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
  const day = `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2, ' ')}`
  return `From ${sender.replace(/[^\x21-\x7e]+/g, '-') || 'MAILER-DAEMON'} ${day} ${time} ${d.getUTCFullYear()}\n`
}

/** `From x Thu Jan  1 00:00:00 2026`, with or without seconds, with a zone where some programs put one, and with what UUCP adds. */
const FROM_LINE =
  /^From (?:.* )?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? ([A-Z][a-z]{2}) +(\d{1,2}) (\d{1,2}):(\d{2})(?::(\d{2}))?(?: (?:[A-Z]{1,5}|[+-]\d{4}))? (\d{4})(?: [+-]\d{4})?(?: remote from \S+)?\s*$/

/** Milliseconds since 1970; null when it is no such line. */
export function parseFromLine(line: string): number | null {
  const m = FROM_LINE.exec(line)
  const month = m ? MONTHS.indexOf(m[1]!) : -1
  if (!m || month < 0) return null
  return Date.UTC(Number(m[6]), month, Number(m[2]), Number(m[3]), Number(m[4]), Number(m[5] ?? 0))
}

/** Octets with LF line ends that start at a line's start. */
export const quoteFrom = (octets: Buffer): Buffer =>
  octets.includes('From ') ? Buffer.from(octets.toString('latin1').replace(/^(>*From )/gm, '>$1'), 'latin1') : octets

/** Octets that start within a line. */
export function quoteAfterLine(octets: Buffer): Buffer {
  const lf = octets.indexOf(10) + 1
  return lf === 0 ? octets : Buffer.concat([octets.subarray(0, lf), quoteFrom(octets.subarray(lf))])
}

export const unquoteFrom = (octets: Buffer): Buffer =>
  octets.includes('>From ') ? Buffer.from(octets.toString('latin1').replace(/^>(>*From )/gm, '$1'), 'latin1') : octets
