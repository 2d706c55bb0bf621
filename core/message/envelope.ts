// What SMTP says about a message outside of it: reverse-path, forward-paths, and their parameters (RFC 5321 §2.3.1).
import type { Address } from './address.ts'

export type Notify = 'never' | 'success' | 'failure' | 'delay'

/** One forward-path with its DSN parameters (RFC 3461 §4.1, §4.2). */
export interface Recipient {
  readonly address: Address
  /** Empty: the default of RFC 3461 (failure, and delay at the server's choice). */
  readonly notify: readonly Notify[]
  /** `addr-type;address` as received, xtext decoded; null when not given. */
  readonly orcpt: string | null
}

/** Parameters of MAIL that travel with the message. */
export interface MailParameters {
  /** SIZE as declared by the client, octets; null when not given (RFC 1870). */
  readonly size: number | null
  readonly body: '7bit' | '8bitmime' | 'binarymime'
  readonly smtputf8: boolean
  /** RET of RFC 3461 §4.3: what a failure DSN returns. */
  readonly ret: 'full' | 'hdrs' | null
  /** ENVID of RFC 3461 §4.4, xtext decoded. */
  readonly envid: string | null
  readonly requiretls: boolean
  /** AUTH= of RFC 4954 §5, xtext decoded; `<>` is ''. */
  readonly auth: string | null
}

export interface Envelope extends MailParameters {
  /** null is `<>`. */
  readonly reversePath: Address | null
  readonly recipients: readonly Recipient[]
}

export const defaultMailParameters: MailParameters = {
  size: null,
  body: '7bit',
  smtputf8: false,
  ret: null,
  envid: null,
  requiretls: false,
  auth: null,
}

export const plainRecipient = (address: Address): Recipient => ({ address, notify: [], orcpt: null })
