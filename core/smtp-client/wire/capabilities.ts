// What a remote server said it can do: the answer to EHLO or LHLO (RFC 5321 §4.1.1.1).
import type { Reply } from '../../base/failure.ts'

export interface Capabilities {
  readonly pipelining: boolean
  /** Octets (RFC 1870); null: not offered; 0: no fixed limit. */
  readonly size: number | null
  readonly eightBitMime: boolean
  readonly binaryMime: boolean
  readonly smtputf8: boolean
  readonly dsn: boolean
  readonly startTls: boolean
  /** Mechanism names in upper case. */
  readonly auth: ReadonlySet<string>
}

/** After HELO nothing is offered. */
export const noCapabilities: Capabilities = {
  pipelining: false,
  size: null,
  eightBitMime: false,
  binaryMime: false,
  smtputf8: false,
  dsn: false,
  startTls: false,
  auth: new Set(),
}

export function readCapabilities(reply: Reply): Capabilities {
  const lines = typeof reply.text === 'string' ? [] : reply.text.slice(1)
  const offered = new Map<string, string>()
  const auth = new Set<string>()
  for (const line of lines) {
    const [keyword = '', ...parameters] = line.trim().toUpperCase().split(/ +/)
    // `AUTH=LOGIN` is how servers of old wrote it
    const [name, joined] = keyword.startsWith('AUTH=') ? ['AUTH', keyword.slice(5)] : [keyword, '']
    offered.set(name, parameters.join(' '))
    if (name === 'AUTH') for (const mechanism of [joined, ...parameters]) if (mechanism !== '') auth.add(mechanism)
  }
  const size = offered.get('SIZE')
  return {
    pipelining: offered.has('PIPELINING'),
    size: size === undefined ? null : /^\d{1,15}$/.test(size) ? Number(size) : 0,
    eightBitMime: offered.has('8BITMIME'),
    binaryMime: offered.has('BINARYMIME') && offered.has('CHUNKING'),
    smtputf8: offered.has('SMTPUTF8'),
    dsn: offered.has('DSN'),
    startTls: offered.has('STARTTLS'),
    auth,
  }
}
