// From a password that was judged to an open maildrop: slowed refusals, the login gate, the lock.
import { asFailure } from '../base/failure.ts'
import type { Identity } from '../plugin/contract.ts'
import type { AuthDecision } from '../plugin/generation.ts'
import { askGate } from './gate.ts'
import { openMaildrop } from './maildrop.ts'
import type { Pop3Session } from './session.ts'
import { LOGIN_FAILURES_MAX } from './wire/limits.ts'
import { responses } from './wire/response.ts'

/** Ends the state `loggingIn`. */
export async function decideLogin(session: Pop3Session, user: string, decision: AuthDecision): Promise<void> {
  const { log } = session.deps
  if (decision.kind === 'identity') return enter(session, decision.identity)
  if (decision.kind === 'denied') return deny(session, user)
  log.warn('login not possible now', { ...session.about(), user })
  session.refuse(responses.loginUnavailable(), false)
}

async function deny(session: Pop3Session, user: string): Promise<void> {
  const { admission, clock, log } = session.deps
  log.info('login failed', { ...session.about(), user })
  session.loginFailures += 1
  const wait = admission.loginFailed(session.facts.remoteIp)
  if (wait > 0) await new Promise<void>((resolve) => clock.after(wait, resolve))
  if (session.loginFailures < LOGIN_FAILURES_MAX) return session.refuse(responses.loginFailed())
  session.answer(responses.loginFailed())
  session.goodbye(responses.tooManyErrors())
}

async function enter(session: Pop3Session, identity: Identity): Promise<void> {
  const { admission, locks, log } = session.deps
  const { account } = identity
  admission.loginSucceeded(session.facts.remoteIp)
  session.facts.identity = identity
  const refusal = (await refused(session, account)) ?? (locks.take(account) ? null : responses.inUse())
  if (refusal !== null) return turnBack(session, refusal)
  try {
    session.enter(await openMaildrop(session.deps.store, account), account)
  } catch (error) {
    locks.free(account)
    log.error(`mailbox of ${account} cannot be opened: ${asFailure(error).detail}`, session.about())
    return turnBack(session, responses.mailboxUnavailable())
  }
  log.info('logged in', { ...session.about(), user: account, tls: session.facts.tls !== null })
}

/** The password was right, but there is no way in. */
function turnBack(session: Pop3Session, response: string): void {
  session.facts.identity = null
  session.refuse(response, false)
}

/** What a plugin has against this login; null: nothing. */
async function refused(session: Pop3Session, account: string): Promise<string | null> {
  const objection = await askGate(session, { action: 'login', account, mailbox: null })
  if (objection === null) return null
  return objection === 'defer' ? responses.loginUnavailable() : responses.loginRefused()
}
