// The courier of command targets (`|command` in aliases and .forward): the message on standard input, the exit code by sysexits.
import {
  type Attempt,
  type Courier,
  contentChunks,
  formatAddress,
  type Outcome,
  type QueuedRecipient,
  type Ran,
  replies,
  runCommand,
} from 'estafeta/plugin'
import { failedOutcome, originalRecipient, withDeliveryFields } from './fields.ts'
import type { TargetOptions } from './file.ts'

const EX_TEMPFAIL = 75

export function createCommandCourier(options: TargetOptions & { readonly limit: number }): Courier {
  const { asUser, allowed, clock, log, limit } = options

  async function deliver(attempt: Attempt, recipient: QueuedRecipient, signal: AbortSignal): Promise<Outcome> {
    const command = recipient.address.local.slice(1)
    const content = withDeliveryFields(attempt.content, recipient, null)
    const environment = environmentOf(attempt, recipient)
    const ran = { command, environment, limit }
    if (recipient.asUser !== undefined && asUser.available) {
      return outcomeOf(recipient.n, await asUser.pipe(recipient.asUser, ran, content, signal))
    }
    if (recipient.asUser !== undefined || !allowed) {
      return failedOutcome(recipient.n, 'failed', replies.accessDenied('Mail to this command is not allowed'))
    }
    return outcomeOf(recipient.n, await runCommand({ ...ran, cwd: '/' }, contentChunks(content), { clock, signal }))
  }
  return {
    concurrency: 4,
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

function environmentOf({ message }: Attempt, recipient: QueuedRecipient): { [name: string]: string } {
  const original = originalRecipient(recipient) ?? ''
  return {
    SENDER: formatAddress(recipient.reversePath),
    RECIPIENT: original,
    ORIGINAL_RECIPIENT: original,
    QUEUE_ID: message.queueId,
    CLIENT_ADDRESS: message.origin.ip ?? '',
    CLIENT_HELO: message.origin.helo ?? '',
    SASL_USERNAME: message.origin.account ?? '',
  }
}

/** sysexits.h: 75 asks for another try; so does what no command says (127 not found, a signal). Other failures bounce. */
function outcomeOf(n: number, { code, output }: Ran): Outcome {
  const said = lastLine(output)
  if (code === 0) {
    return { n, kind: 'delivered', reply: replies.delivered('delivered to command'), relay: 'local', detail: said }
  }
  const text = `Command failed with code ${code}${said === '' ? '' : `: ${said}`}`
  const temporary = code === EX_TEMPFAIL || code === 126 || code === 127 || code > 128
  return temporary
    ? failedOutcome(n, 'deferred', replies.commandDeferred(text), output)
    : failedOutcome(n, 'failed', replies.commandFailed(text), output)
}

const lastLine = (output: string): string =>
  (output.trim().split('\n').at(-1) ?? '').replace(/[^\x20-\x7e]+/g, '?').slice(0, 200)
