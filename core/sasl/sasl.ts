// Which mechanisms a session may use, and one authentication dialogue over base64 lines.
import { login } from './login.ts'
import { type Authenticator, decodeBase64, type Exchange, type Mechanism, type SaslIdentity } from './mechanism.ts'
import { plain } from './plain.ts'

const MECHANISMS: readonly Mechanism[] = [plain, login]

/**
 * The mechanisms to offer. `secure`: within TLS, or on loopback; without it no mechanism that shows the password
 * is offered (RFC 4954 §4, RFC 9051 §11.3).
 */
export const mechanismsFor = (secure: boolean): readonly Mechanism[] =>
  MECHANISMS.filter((mechanism) => secure || !mechanism.plaintext)

/** A known mechanism by its name in any letter case, whether it may be used now or not. */
export const findMechanism = (name: string): Mechanism | null =>
  MECHANISMS.find((mechanism) => mechanism.name === name.toUpperCase()) ?? null

/** Names for log lines and bans: `user` is what the client claimed, null when it came not so far. */
export type SaslTurn<I extends SaslIdentity> =
  | { readonly kind: 'challenge'; readonly text: string }
  | { readonly kind: 'identity'; readonly identity: I }
  | { readonly kind: 'denied'; readonly user: string }
  | { readonly kind: 'unavailable'; readonly user: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'malformed' }

/**
 * One run of a mechanism. Give the initial response to `begin` and each further line to `answer`; a `challenge` goes
 * to the client (base64, after `334 ` or `+ `) and asks for another line, any other turn ends the dialogue.
 */
export class SaslDialogue<I extends SaslIdentity> {
  readonly mechanism: Mechanism
  readonly #exchange: Exchange
  readonly #authenticator: Authenticator<I>

  constructor(mechanism: Mechanism, authenticator: Authenticator<I>) {
    this.mechanism = mechanism
    this.#exchange = mechanism.start()
    this.#authenticator = authenticator
  }

  /** `initial` as on the command line, `=` meaning an empty one (RFC 4954 §4); null without. */
  begin(initial: string | null): SaslTurn<I> | Promise<SaslTurn<I>> {
    if (initial === null) return this.#step(null)
    return initial === '=' ? this.#step(Buffer.alloc(0)) : this.answer(initial)
  }

  answer(line: string): SaslTurn<I> | Promise<SaslTurn<I>> {
    if (line === '*') return { kind: 'cancelled' } // RFC 4954 §4
    const response = decodeBase64(line)
    return response === null ? { kind: 'malformed' } : this.#step(response)
  }

  #step(response: Buffer | null): SaslTurn<I> | Promise<SaslTurn<I>> {
    const step = this.#exchange.respond(response)
    if (step.kind === 'challenge') return { kind: 'challenge', text: step.data.toString('base64') }
    if (step.kind === 'malformed') return step
    return this.#verify(step.authzid, step.authcid, step.password)
  }

  async #verify(authzid: string, user: string, password: string): Promise<SaslTurn<I>> {
    const decision = await this.#authenticator.verify(user, password)
    if (decision.kind !== 'identity') return { kind: decision.kind, user }
    const { identity } = decision
    // RFC 4616 §2: nobody acts here for anybody else
    const own = [user, identity.account, identity.authcid, identity.authzid]
    return authzid === '' || own.includes(authzid) ? decision : { kind: 'denied', user }
  }
}
