// Logins of one session: passwords asked of the plugins, failures counted, slowed and at last the end of the session.
import type { Admission } from '../net/admission.ts'
import type { Identity } from '../plugin/contract.ts'
import type { Authenticator } from '../sasl/mechanism.ts'
import { type Completion, no, type Session } from './command.ts'

/** Failed logins after which a session ends. */
const MAX_FAILED = 5

const REFUSED = no('AUTHENTICATIONFAILED', 'Authentication failed')

export class LoginGuard implements Authenticator<Identity> {
  readonly #session: Session
  readonly #admission: Admission
  #failed = 0

  constructor(session: Session, admission: Admission) {
    this.#session = session
    this.#admission = admission
  }

  async verify(user: string, password: string) {
    const { facts, generation } = this.#session
    if (this.#admission.isBanned(facts.remoteIp)) return { kind: 'denied' } as const
    return generation.hooks.authVerify(user, password, facts)
  }

  /** `unavailable`: nobody could say; neither counted nor slowed. */
  async failed(kind: 'denied' | 'unavailable', user: string): Promise<Completion> {
    const { facts, log, clock } = this.#session
    log.warn(kind === 'denied' ? 'login failed' : 'login unavailable', { user: user.slice(0, 100) })
    if (kind === 'unavailable') return no('UNAVAILABLE', 'Authentication is not available now, try again later')
    const ms = this.#admission.loginFailed(facts.remoteIp)
    if (ms > 0) await new Promise<void>((resolve) => clock.after(ms, resolve))
    return ++this.#failed < MAX_FAILED ? REFUSED : { ...REFUSED, event: 'imap.loggedOut' }
  }

  succeeded(): void {
    this.#admission.loginSucceeded(this.#session.facts.remoteIp)
  }
}
