// Logins of one session: passwords asked of the plugins, failures counted, slowed and at last the end of the session.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Admission } from '../net/admission.ts'
import type { Identity, SessionFacts } from '../plugin/contract.ts'
import type { Generation } from '../plugin/generation.ts'
import type { Authenticator } from '../sasl/mechanism.ts'
import { type Completion, no } from './command.ts'

/** Failed logins after which a session ends. */
const MAX_FAILED = 5

const REFUSED = no('AUTHENTICATIONFAILED', 'Authentication failed')

export class LoginGuard implements Authenticator<Identity> {
  readonly #admission: Admission
  readonly #clock: Clock
  readonly #log: Logger
  readonly #generation: Generation
  readonly #facts: SessionFacts
  #failed = 0

  constructor(
    deps: { readonly admission: Admission; readonly clock: Clock },
    log: Logger,
    generation: Generation,
    facts: SessionFacts,
  ) {
    this.#admission = deps.admission
    this.#clock = deps.clock
    this.#log = log
    this.#generation = generation
    this.#facts = facts
  }

  async verify(user: string, password: string) {
    if (this.#admission.isBanned(this.#facts.remoteIp)) return { kind: 'denied' } as const
    return this.#generation.hooks.authVerify(user, password, this.#facts)
  }

  /** `unavailable`: nobody could say; neither counted nor slowed. */
  async failed(kind: 'denied' | 'unavailable', user: string): Promise<Completion> {
    this.#log.warn(kind === 'denied' ? 'login failed' : 'login unavailable', { user: user.slice(0, 100) })
    if (kind === 'unavailable') return no('UNAVAILABLE', 'Authentication is not available now, try again later')
    const ms = this.#admission.loginFailed(this.#facts.remoteIp)
    if (ms > 0) await new Promise<void>((resolve) => this.#clock.after(ms, resolve))
    return ++this.#failed < MAX_FAILED ? REFUSED : { ...REFUSED, event: 'imap.loggedOut' }
  }

  succeeded(): void {
    this.#admission.loginSucceeded(this.#facts.remoteIp)
  }
}
