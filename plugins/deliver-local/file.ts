// The courier of file targets (`/path` in aliases and .forward): an mbox file, or a Maildir where the path ends with a slash.
import {
  type AsUser,
  type Attempt,
  type AttemptRecipient,
  appendToMbox,
  type Clock,
  type Courier,
  contentChunks,
  type Logger,
  type Outcome,
  replies,
} from 'estafeta/plugin'
import { failedOutcome, forwarder, loopOutcome, withDeliveryFields } from './fields.ts'

export interface TargetOptions {
  readonly asUser: AsUser
  readonly clock: Clock
  readonly log: Logger
  /** Without a user's id: under the server's own. */
  readonly allowed: boolean
}

export function createFileCourier({ asUser, clock, log, allowed }: TargetOptions): Courier {
  async function deliver(attempt: Attempt, recipient: AttemptRecipient, signal: AbortSignal): Promise<Outcome> {
    const path = recipient.address.local
    const deliveredTo = forwarder(recipient)
    const loop = loopOutcome(attempt.content, recipient.n, deliveredTo)
    if (loop) return loop
    const content = withDeliveryFields(attempt.content, recipient, deliveredTo)
    const key = `${attempt.message.queueId}.${recipient.n}`
    if (recipient.asUser !== undefined && asUser.available) {
      const format = path.endsWith('/') ? 'maildir' : 'mbox'
      await asUser.deliver(recipient.asUser, { path, format, key }, content, signal)
    } else if (recipient.asUser !== undefined || !allowed || path.endsWith('/')) {
      return failedOutcome(recipient.n, 'failed', replies.accessDenied('Mail to this file is not allowed'))
    } else await appendToMbox(path, contentChunks(content), { clock })
    return { n: recipient.n, kind: 'delivered', reply: replies.delivered(`delivered to file ${path}`), relay: 'local' }
  }
  return {
    // two writers of one file would only wait for its lock
    concurrency: 1,
    deliver: (attempt, signal) =>
      Promise.all(
        attempt.recipients.map((recipient) =>
          deliver(attempt, recipient, signal).catch((error) => {
            log.warn('local delivery failed', { target: recipient.address.local, error: String(error) })
            return failedOutcome(recipient.n, 'deferred', error.reply ?? replies.internalError(), String(error))
          }),
        ),
      ),
  }
}
