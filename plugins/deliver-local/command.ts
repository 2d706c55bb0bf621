// The courier of command targets (`|command` in aliases and .forward): the message on standard input, the exit code by sysexits.
import {
  type Attempt,
  type AttemptRecipient,
  type Courier,
  contentChunks,
  formatAddress,
  formatFromLine,
  type MessageContent,
  type Outcome,
  type Ran,
  replies,
  runCommand,
  splitDetail,
} from 'estafeta/plugin'
import { failedOutcome, forwarder, loopOutcome, originalRecipient, withDeliveryFields } from './fields.ts'
import type { TargetOptions } from './file.ts'

const EX_TEMPFAIL = 75

export interface CommandOptions extends TargetOptions {
  readonly limit: number
  /** What parts the detail from a local part. */
  readonly delimiter: string
}

export function createCommandCourier(options: CommandOptions): Courier {
  const { asUser, allowed, clock, log, limit, delimiter } = options

  async function deliver(attempt: Attempt, recipient: AttemptRecipient, signal: AbortSignal): Promise<Outcome> {
    const command = recipient.address.local.slice(1)
    const deliveredTo = forwarder(recipient)
    const loop = loopOutcome(attempt.content, recipient.n, deliveredTo)
    if (loop) return loop
    const content = withFromLine(withDeliveryFields(attempt.content, recipient, deliveredTo), recipient, clock.now())
    const environment = environmentOf(attempt, recipient, delimiter)
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

/** The line that an mbox file would have before the message, without its quoting: procmail and its like look for it. */
function withFromLine(content: MessageContent, { reversePath }: AttemptRecipient, now: number): MessageContent {
  const line = Buffer.from(formatFromLine(formatAddress(reversePath), now).replace('\n', '\r\n'))
  return { ...content, header: Buffer.concat([line, content.header]), size: content.size + line.length }
}

/** The names that Postfix's local(8) gives, and the values that it gives them. */
function environmentOf(
  { message }: Attempt,
  recipient: AttemptRecipient,
  delimiter: string,
): { [name: string]: string } {
  const original = originalRecipient(recipient) ?? ''
  const { local = '', domain = '' } = recipient.expandedFrom ?? {}
  return {
    SENDER: formatAddress(recipient.reversePath),
    RECIPIENT: forwarder(recipient) ?? original,
    ORIGINAL_RECIPIENT: original,
    LOCAL: local,
    DOMAIN: domain,
    EXTENSION: splitDetail(local, delimiter)?.detail ?? '',
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
