// Every response that the POP3 server gives, by meaning (RFC 1939 §3, response codes of RFC 2449 §8 and RFC 3206).

/** Response codes: what a client program may act on. */
type Code = 'AUTH' | 'IN-USE' | 'SYS/TEMP' | 'SYS/PERM'

const ok = (text: string): string => `+OK ${text}\r\n`
const bad = (text: string, code?: Code): string => (code ? `-ERR [${code}] ${text}\r\n` : `-ERR ${text}\r\n`)

export const responses = {
  greeting: (hostname: string, timestamp: string | null) =>
    ok(`${hostname} POP3 server ready${timestamp === null ? '' : ` ${timestamp}`}`),
  ok: () => ok('OK'),
  sendPassword: () => ok('Send PASS'),
  loggedIn: (messages: number) => ok(`Logged in, ${messages} messages`),
  beginTls: () => ok('Begin TLS negotiation'),
  utf8: () => ok('UTF8 enabled'),
  language: (tag: string) => ok(`${tag} Language in use`),
  status: (messages: number, octets: number) => ok(`${messages} ${octets}`),
  item: (number: number, value: number | string) => ok(`${number} ${value}`),
  listing: (what: string) => ok(what),
  message: (octets: number) => ok(`${octets} octets`),
  top: () => ok('Top of message follows'),
  deleted: (number: number) => ok(`Message ${number} marked for deletion`),
  reset: (messages: number) => ok(`${messages} messages`),
  goodbye: () => ok('Goodbye'),
  continuation: (challenge: string) => `+ ${challenge}\r\n`, // RFC 5034 §4

  syntax: (what: string) => bad(what),
  badSequence: (text: string) => bad(text),
  lineTooLong: () => bad('Line too long'),
  noSuchMessage: () => bad('No such message'),
  messageDeleted: (number: number) => bad(`Message ${number} is deleted`),
  noTls: () => bad('TLS is not available'),
  tlsActive: () => bad('TLS is active already'),
  tlsNeeded: () => bad('Plain-text logins need TLS: use STLS first'),
  unknownMechanism: () => bad('Unknown authentication mechanism'),
  noApop: () => bad('APOP is not offered here'),
  cancelled: () => bad('Authentication cancelled'),
  malformed: () => bad('Malformed authentication response'),
  loginFailed: () => bad('Authentication failed', 'AUTH'), // RFC 3206 §4
  loginRefused: () => bad('Login is not allowed', 'AUTH'),
  loginUnavailable: () => bad('Authentication is not available now, try again later', 'SYS/TEMP'),
  inUse: () => bad('Mailbox is in use by another POP3 session', 'IN-USE'),
  mailboxUnavailable: () => bad('Mailbox is not available now, try again later', 'SYS/TEMP'),
  messageUnavailable: () => bad('Message cannot be read now, try again later', 'SYS/TEMP'),
  notRemoved: () => bad('Messages could not be removed, try again later', 'SYS/TEMP'),
  removalRefused: () => bad('Messages may not be removed', 'SYS/PERM'),
  unknownLanguage: () => bad('Only English is spoken here'),
  tooManyErrors: () => bad('Too many errors, goodbye'),
  tooManyConnections: () => bad('Too many connections, try again later', 'SYS/TEMP'),
  banned: () => bad('Too many failed logins from your address', 'AUTH'),
  shuttingDown: () => bad('Server is shutting down, try again later', 'SYS/TEMP'),
  internalError: () => bad('Internal error, try again later', 'SYS/TEMP'),
} as const

/** Lines of a multi-line response, its end included; none may start with a dot. */
export const listingEnd = '.\r\n'
