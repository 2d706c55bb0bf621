// The reply catalogue: every SMTP reply that Estafeta gives, by meaning (RFC 5321 §4.2, RFC 3463). No reply text stands elsewhere.
import type { Reply } from '../base/failure.ts'

const reply = (code: number, enhanced: string | null, text: string | readonly string[]): Reply => ({
  code,
  enhanced,
  text,
})

export const replies = {
  // success
  greeting: (hostname: string, protocol: 'ESMTP' | 'LMTP') => reply(220, null, `${hostname} ${protocol} Estafeta`),
  readyForTls: () => reply(220, '2.0.0', 'Ready to start TLS'),
  closing: (hostname: string) => reply(221, '2.0.0', `${hostname} closing connection`),
  ok: () => reply(250, '2.0.0', 'OK'),
  senderOk: () => reply(250, '2.1.0', 'Sender OK'),
  recipientOk: () => reply(250, '2.1.5', 'Recipient OK'),
  queued: (id: string) => reply(250, '2.0.0', `OK queued as ${id}`),
  delivered: (text: string) => reply(250, '2.0.0', text),
  discarded: () => reply(250, '2.0.0', 'Discarded'),
  hello: (lines: readonly string[]) => reply(250, null, lines),
  chunkReceived: (octets: number) => reply(250, '2.0.0', `${octets} octets received`),
  challenge: (base64: string) => reply(334, null, base64),
  authenticated: () => reply(235, '2.7.0', 'Authentication successful'),
  cannotVerify: () => reply(252, '2.0.0', 'Cannot VRFY the user; try to send and see'),
  help: (lines: readonly string[]) => reply(214, '2.0.0', lines),
  startData: () => reply(354, null, 'End data with <CR><LF>.<CR><LF>'),
  // temporary
  shuttingDown: (hostname: string) => reply(421, '4.3.2', `${hostname} shutting down, try again later`),
  checkUnavailable: () => reply(421, '4.3.0', 'A required check is not available now, try again later'),
  overloaded: () => reply(421, '4.3.2', 'Too busy, try again later'),
  tooManyConnections: () => reply(421, '4.7.0', 'Too many connections from your address'),
  idleTimeout: () => reply(421, '4.4.2', 'Idle for too long, closing connection'),
  tooManyErrors: () => reply(421, '4.7.0', 'Too many errors, closing connection'),
  tooFast: () => reply(421, '4.7.0', 'Too many connections in a short time from your address'),
  banned: () => reply(421, '4.7.0', 'Too many failed logins from your address'),
  brokenSession: () => reply(421, '4.3.0', 'Local error, closing connection'),
  notMail: () => reply(421, '4.7.0', 'This is a mail server, closing connection'),
  internalError: () => reply(451, '4.3.0', 'Local error in processing, try again later'),
  filterFailed: () => reply(451, '4.7.1', 'A required check is not available now, try again later'),
  lookupFailed: () => reply(451, '4.4.3', 'A lookup failed for now, try again later'),
  tryLater: (text: string) => reply(451, '4.7.1', text),
  noRoom: () => reply(452, '4.3.1', 'Insufficient system storage'),
  tooManyRecipients: () => reply(452, '4.5.3', 'Too many recipients'),
  mailboxFull: () => reply(452, '4.2.2', 'Mailbox is full'),
  mailboxBusy: () => reply(450, '4.2.0', 'Mailbox is busy'),
  authUnavailable: () => reply(454, '4.7.0', 'Authentication is not available now'),
  tlsUnavailable: () => reply(454, '4.7.0', 'TLS is not available now'),
  // permanent: syntax and sequence
  unknownCommand: () => reply(500, '5.5.2', 'Unknown command'),
  badLine: (what: string) => reply(500, '5.5.2', what),
  lineTooLong: () => reply(500, '5.5.2', 'Line too long'),
  syntaxError: (what: string) => reply(501, '5.5.4', what),
  badAddress: (what: string) => reply(501, '5.1.3', what),
  badSenderAddress: (what: string) => reply(501, '5.1.7', what),
  notImplemented: () => reply(502, '5.5.1', 'Command not implemented'),
  badSequence: (what: string) => reply(503, '5.5.1', what),
  unknownMechanism: () => reply(504, '5.5.4', 'Unrecognized authentication mechanism'),
  unknownParameter: (name: string) => reply(555, '5.5.4', `Parameter ${name} not recognized`),
  authCancelled: () => reply(501, '5.7.0', 'Authentication cancelled'),
  authMalformed: () => reply(501, '5.5.2', 'Malformed authentication response'),
  /** RFC 4954 §6 */
  authLineTooLong: () => reply(500, '5.5.6', 'Authentication exchange line is too long'),
  authFailed: () => reply(535, '5.7.8', 'Authentication failed'),
  authRequired: () => reply(530, '5.7.0', 'Authentication required'),
  tlsRequired: () => reply(530, '5.7.0', 'Must issue a STARTTLS command first'),
  encryptionNeeded: () => reply(538, '5.7.11', 'Encryption required for this authentication mechanism'),
  noTransaction: () => reply(503, '5.5.1', 'Need MAIL before this command'),
  /** RFC 5321 §3.3; RFC 2033 §4.2 */
  noValidRecipients: (protocol: 'ESMTP' | 'LMTP') =>
    reply(protocol === 'LMTP' ? 503 : 554, '5.5.1', 'No valid recipients'),
  nulInMessage: () => reply(550, '5.6.0', 'NUL octets are not allowed in a message'),
  bareLineFeed: () => reply(550, '5.6.0', 'Bare CR or LF is not allowed'),
  // permanent: addresses, size, policy
  userUnknown: (address: string) => reply(550, '5.1.1', `<${address}>: no such user here`),
  mailboxDisabled: (address: string) => reply(550, '5.2.1', `<${address}>: mailbox is disabled`),
  relayDenied: () => reply(550, '5.7.1', 'Relaying denied'),
  accessDenied: (text: string) => reply(550, '5.7.1', text),
  connectionRefused: (text: string) => reply(554, '5.7.1', text),
  senderNotOwned: () => reply(550, '5.7.1', 'Sender address is not yours'),
  blocked: (text: string) => reply(550, '5.7.1', text),
  checkFailed: () => reply(554, '5.3.0', 'A required check failed'),
  authenticationPolicy: (text: string) => reply(550, '5.7.26', text),
  spfFailed: (text: string) => reply(550, '5.7.23', text),
  virusFound: (name: string) => reply(554, '5.7.0', `Message contains malware (${name})`),
  messageTooBig: (limit: number) => reply(552, '5.3.4', `Message exceeds the limit of ${limit} octets`),
  overQuota: () => reply(552, '5.2.2', 'Mailbox is full'),
  headerTooBig: (limit: number) => reply(552, '5.3.4', `Header exceeds the limit of ${limit} octets`),
  tooManyHops: () => reply(554, '5.4.6', 'Too many hops, mail loop?'),
  utf8Needed: () => reply(553, '5.6.7', 'Address needs SMTPUTF8'),
  transactionFailed: (text: string) => reply(554, '5.0.0', text),
  // dispatch: outcomes that we decide ourselves
  noSuchDomain: (domain: string) => reply(550, '5.1.2', `${domain}: no such domain`),
  nullMx: (domain: string) => reply(556, '5.1.10', `${domain} accepts no mail (null MX)`),
  hostUnreachable: (text: string) => reply(450, '4.4.1', text),
  routingFailed: (text: string) => reply(451, '4.4.3', text),
  mailLoop: (text: string) => reply(554, '5.4.6', text),
  noRoute: (address: string) => reply(550, '5.4.4', `<${address}>: nothing here knows how to route it`),
  mailFileUnusable: (why: string) => reply(451, '4.2.0', `The mail file ${why}`),
  commandDeferred: (text: string) => reply(451, '4.3.0', text),
  commandFailed: (text: string) => reply(554, '5.3.0', text),
  /**
   * The end of a mail that was put off again and again. RFC 3463 §2 gives class 4 to what a lasting temporary condition made one
   * give up: sent anew it may arrive; and RFC 3464's own example of a `failed` report has a status of class 4. The 554 says that this
   * is the last word. No SMTP client hears it: it stands in the report, in log and trace.
   */
  expired: (text: string) => reply(554, '4.4.7', `Could not be delivered in time: ${text}`),
  tlsFailed: (text: string) => reply(450, '4.7.5', text),
  connectionLost: (text: string) => reply(450, '4.4.2', text),
  remoteProtocol: (text: string) => reply(450, '4.5.0', text),
  remoteAuthFailed: (text: string) => reply(454, '4.7.8', text),
  requireTlsUnsupported: () => reply(550, '5.7.30', 'REQUIRETLS cannot be kept on the way to the next hop'),
  noMailHost: (domain: string) => reply(550, '5.4.4', `${domain}: its mail hosts have no address`),
  remoteLacks: (extension: string) => reply(554, '5.6.3', `Next hop does not offer ${extension}`),
  tooManyExpansions: (limit: number) => reply(554, '5.4.6', `Alias expands to more than ${limit} recipients`),
  noCourier: (name: string) => reply(451, '4.3.5', `Courier ${name} is not enabled here`),
  aliasLoop: () => reply(554, '5.4.6', 'Alias expansion loops or is too deep'),
} as const

/** RFC 5321 §4.5.3.1.5: a reply line, CRLF included. */
const REPLY_LINE_MAX = 512

/** Formats for the wire: `250-2.1.0 text` lines ended by CRLF (RFC 5321 §4.2.1). `enhanced` false leaves the status codes out. */
export function formatReply(reply: Reply, enhanced = true): string {
  const status = enhanced && reply.enhanced ? `${reply.enhanced} ` : ''
  if (typeof reply.text === 'string') return replyText(`${reply.code} ${status}${reply.text}`)
  const last = reply.text.length - 1
  return reply.text.map((line, i) => replyText(`${reply.code}${i === last ? ' ' : '-'}${status}${line}`)).join('')
}

/** One line; what a reply cannot carry (line ends, octets beyond ASCII, more than 512 octets) is replaced or cut. */
function replyText(line: string): string {
  const ascii = /[^ -~]/.test(line) ? line.replace(/[^ -~]/gu, '?') : line
  return ascii.length > REPLY_LINE_MAX - 2 ? ascii.slice(0, REPLY_LINE_MAX - 2) + '\r\n' : ascii + '\r\n'
}

/** Did the next hop say this itself? What we say of one names it. */
export const isSaidBy = (relay: string | null, reply: string): relay is string =>
  relay !== null && !reply.includes(relay)

/** One line for log and trace. */
export const replyLine = (reply: Reply): string =>
  `${reply.code} ${reply.enhanced ? reply.enhanced + ' ' : ''}${typeof reply.text === 'string' ? reply.text : reply.text.join(' ')}`
