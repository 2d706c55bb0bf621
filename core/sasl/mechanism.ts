// SASL (RFC 4422) as SMTP, POP3 and IMAP all speak it: a mechanism is a list of challenges, a dialogue runs one over base64 lines.

/** What a proven identity must tell, whatever else it holds. */
export interface SaslIdentity {
  readonly account: string
  readonly authcid: string
  readonly authzid: string
}

export type SaslDecision<I extends SaslIdentity> =
  | { readonly kind: 'identity'; readonly identity: I }
  | { readonly kind: 'denied' }
  | { readonly kind: 'unavailable' }

/** Answers whether a password is right. Never rejects: trouble is `unavailable`. */
export interface Authenticator<I extends SaslIdentity> {
  verify(user: string, password: string): Promise<SaslDecision<I>>
}

/** What a mechanism wants after the client's response. */
export type SaslStep =
  | { readonly kind: 'challenge'; readonly data: Buffer }
  | { readonly kind: 'password'; readonly authzid: string; readonly authcid: string; readonly password: string }
  | { readonly kind: 'malformed' }

export interface Exchange {
  /** null: the client gave no initial response. */
  respond(response: Buffer | null): SaslStep
}

export interface Mechanism {
  readonly name: string
  /** The password crosses the wire as it is: only within TLS or on loopback. */
  readonly plaintext: boolean
  start(): Exchange
}

/** RFC 4616 §2 bounds each part at 255 octets; passwords may be longer in practice. */
export const MAX_AUTHCID = 255
export const MAX_PASSWORD = 1024

/** Strict UTF-8 without NUL, or null. */
export function saslText(octets: Buffer, max: number): string | null {
  if (octets.length > max || octets.includes(0)) return null
  const text = octets.toString('utf8')
  return text.includes('\ufffd') && !Buffer.from(text).equals(octets) ? null : text
}

/** Strict base64 (RFC 4648 §4, with padding), or null. */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null
  return Buffer.from(text, 'base64')
}
