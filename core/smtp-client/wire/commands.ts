// The commands of a mail transaction as a client writes them, with the parameters that the server takes.
import { type Address, formatAddress } from '../../message/address.ts'
import type { MailParameters, Notify } from '../../message/envelope.ts'
import type { Capabilities } from './capabilities.ts'

export interface MailCommand {
  readonly reversePath: Address | null
  readonly parameters: MailParameters
  /** Octets of the message as it will be sent. */
  readonly size: number
  readonly smtputf8: boolean
}

export interface RcptCommand {
  readonly address: Address
  readonly notify: readonly Notify[]
  readonly orcpt: string | null
}

export function formatMail({ reversePath, parameters, size, smtputf8 }: MailCommand, offered: Capabilities): string {
  const { body, ret, envid } = parameters
  let command = `MAIL FROM:<${formatAddress(reversePath)}>`
  if (offered.size !== null) command += ` SIZE=${size}` // RFC 1870 §6
  if (body === '8bitmime' && offered.eightBitMime) command += ' BODY=8BITMIME' // RFC 6152 §2
  if (smtputf8 && offered.smtputf8) command += ' SMTPUTF8' // RFC 6531 §3.4
  if (ret !== null && offered.dsn) command += ` RET=${ret.toUpperCase()}` // RFC 3461 §4.3
  if (envid !== null && offered.dsn) command += ` ENVID=${encodeXtext(envid)}` // RFC 3461 §4.4
  return command
}

export function formatRcpt({ address, notify, orcpt }: RcptCommand, offered: Capabilities): string {
  const command = `RCPT TO:<${formatAddress(address)}>`
  if (!offered.dsn) return command
  const wanted = notify.length > 0 ? ` NOTIFY=${notify.join(',').toUpperCase()}` : '' // RFC 3461 §4.1
  const ascii = orcpt !== null && /^[\x00-\x7f]*$/.test(orcpt)
  return `${command}${wanted}${ascii ? ` ORCPT=${encodeOrcpt(orcpt)}` : ''}` // RFC 3461 §4.2
}

/** RFC 3461 §4. */
export function encodeXtext(text: string): string {
  const octets = Buffer.from(text).toString('latin1')
  return octets.replace(/[^!-*,-<>-~]/g, (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** The address type stands as it is, only the address is xtext. */
function encodeOrcpt(orcpt: string): string {
  const semicolon = orcpt.indexOf(';')
  return `${orcpt.slice(0, semicolon + 1)}${encodeXtext(orcpt.slice(semicolon + 1))}`
}

/** An address that would break the command line: made by a faulty plugin, never by our parser. */
export const breaksLine = (address: Address | null): boolean =>
  address !== null && (/[\x00-\x1f\x7f]/.test(address.local) || /[\x00-\x20\x7f<>]/.test(address.domain))
