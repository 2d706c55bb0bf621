// One mail over one connection: which command each reply answers, and what every recipient has heard so far.
import type { Reply } from '../base/failure.ts'
import { type Address, needsUtf8 } from '../message/address.ts'
import { replies } from '../message/reply.ts'
import type { SmtpSend } from '../plugin/services.ts'
import type { Capabilities } from './wire/capabilities.ts'
import { breaksLine, formatMail, formatRcpt } from './wire/commands.ts'

export type SendRecipient = SmtpSend['recipients'][number]

/** What came of it. `answers[i]` belongs to `recipients[i]`; null: the connection ended before there was one. */
export interface Delivery {
  readonly answers: readonly (Reply | null)[]
  /** Why the connection ended early; null when it did not. */
  readonly lost: string | null
  /** It ended after the final dot: recipients without an answer may have got the message. */
  readonly maybeSent: boolean
}

export class Transaction {
  readonly #recipients: readonly SendRecipient[]
  readonly #answers: (Reply | null)[]
  /** Indices of recipients that are asked for on the wire, in that order. */
  readonly #asked: number[] = []
  readonly #commands: string[] = []
  readonly #pipelining: boolean
  readonly #perRecipient: boolean
  /** Indices of recipients that the server took. */
  #accepted: number[] = []
  #mailRefused = false
  #sent = 0
  #answered = 0
  #contentAnswers = 0

  /** `fits`: the content is one that the server can take, of 7 bits or 8. */
  constructor(
    mail: SmtpSend,
    recipients: readonly SendRecipient[],
    offered: Capabilities,
    protocol: 'smtp' | 'lmtp',
    fits: boolean,
  ) {
    this.#recipients = recipients
    const common = fits ? messageHindrance(mail, offered) : replies.remoteLacks('8BITMIME')
    this.#answers = recipients.map(({ address }) => common ?? recipientHindrance(address, offered))
    const { reversePath, parameters, content } = mail
    const smtputf8 = offered.smtputf8 && (parameters.smtputf8 || anyUtf8(mail))
    this.#commands.push(formatMail({ reversePath, parameters, size: content.size, smtputf8 }, offered))
    for (let i = 0; i < recipients.length; i++) {
      if (this.#answers[i] !== null) continue
      this.#asked.push(i)
      this.#commands.push(formatRcpt(recipients[i]!, offered))
    }
    this.#commands.push('DATA')
    this.#pipelining = offered.pipelining
    this.#perRecipient = protocol === 'lmtp'
  }

  /** Nothing to ask the server: every recipient has an answer of ours. */
  get isSettled(): boolean {
    return this.#asked.length === 0
  }

  /** False after DATA was taken without any recipient: the message ends before it starts (RFC 2920 §3.1). */
  get hasContent(): boolean {
    return this.#accepted.length > 0
  }

  /** Commands that may be written now: all of them with PIPELINING, else one at a time (RFC 2920 §3.1). */
  nextCommands(): string {
    const end = this.#pipelining ? this.#commands.length : Math.min(this.#answered + 1, this.#commands.length)
    let text = ''
    while (this.#sent < end) text += `${this.#commands[this.#sent++]}\r\n`
    return text
  }

  /** The name of the command whose reply is awaited, for log lines. */
  get awaited(): string {
    const command = this.#commands[this.#answered]
    return command === undefined ? 'the final dot' : command.slice(0, command.indexOf(':') + 1 || undefined)
  }

  /** Takes a reply to one of the commands; what it leads to, or null when more replies follow. */
  take(reply: Reply): 'data.accepted' | 'mail.refused' | 'mail.over' | null {
    const index = this.#answered++
    const last = this.#commands.length - 1
    const accepted = isPositive(reply)
    if (index === 0) {
      this.#mailRefused = !accepted
      if (accepted) return null
      for (const i of this.#asked) this.#answers[i] = refusal(reply)
      return this.#pipelining ? null : 'mail.over'
    }
    if (index < last) {
      const recipient = this.#asked[index - 1]!
      if (accepted && !this.#mailRefused) this.#accepted.push(recipient)
      else this.#answers[recipient] ??= tooMany(refusal(reply))
      const nobody = index === last - 1 && this.#accepted.length === 0
      return nobody && !this.#pipelining ? 'mail.refused' : null
    }
    if (reply.code === 354) return 'data.accepted'
    for (const i of this.#accepted) this.#answers[i] = refusal(reply)
    this.#accepted = []
    return this.#mailRefused ? 'mail.over' : 'mail.refused'
  }

  /**
   * A reply after the final dot: for all recipients in SMTP, for the next one in LMTP (RFC 2033 §4.2). True when it was
   * the last.
   */
  takeAnswer(reply: Reply): boolean {
    const verdict = isPositive(reply) ? reply : refusal(reply)
    const heard = this.#perRecipient ? this.#accepted.slice(this.#contentAnswers++).slice(0, 1) : this.#accepted
    for (const i of heard) this.#answers[i] = verdict
    if (reply.code === 421) for (const i of this.#accepted) this.#answers[i] ??= verdict
    return !this.#perRecipient || this.#contentAnswers >= this.#accepted.length
  }

  /** A goodbye during the envelope, or a reply while the message was still being sent: nobody got it. */
  takeEarly(reply: Reply): void {
    for (const i of this.#recipients.keys()) this.#answers[i] ??= refusal(reply)
  }

  outcome(lost: string | null, maybeSent: boolean): Delivery {
    return { answers: this.#answers, lost, maybeSent }
  }
}

export const isPositive = (reply: Reply): boolean => reply.code >= 200 && reply.code < 300

/** A reply that makes no sense where it came counts as a temporary refusal. */
function refusal(reply: Reply): Reply {
  return reply.code >= 400 ? reply : replies.remoteProtocol(`unexpected reply ${reply.code}`)
}

/** RFC 5321 §4.5.3.1.10: 552 to RCPT was once "too many recipients". */
function tooMany(reply: Reply): Reply {
  const old = reply.code === 552 && (reply.enhanced === null || reply.enhanced === '5.5.3')
  return old ? { code: 452, enhanced: '4.5.3', text: reply.text } : reply
}

/** Why this message cannot go to this server at all; null when it can. */
function messageHindrance(mail: SmtpSend, offered: Capabilities): Reply | null {
  if (breaksLine(mail.reversePath)) return replies.badSenderAddress('Sender address holds control characters')
  // RFC 1870 §6.1: a known limit is not tried
  if (offered.size && mail.content.size > offered.size) return replies.messageTooBig(offered.size)
  if (mail.parameters.body === 'binarymime') return replies.remoteLacks('BINARYMIME') // RFC 3030 §3
  if (!offered.smtputf8 && isInternational(mail)) return replies.utf8Needed() // RFC 6531 §3.2
  return null
}

function recipientHindrance(address: Address, offered: Capabilities): Reply | null {
  if (breaksLine(address)) return replies.badAddress('Recipient address holds control characters')
  return needsUtf8(address) && !offered.smtputf8 ? replies.utf8Needed() : null
}

/** Sender or header need SMTPUTF8. A message that only came with it, and is ASCII, travels without. */
const isInternational = (mail: SmtpSend): boolean =>
  needsUtf8(mail.reversePath) ||
  (mail.parameters.smtputf8 && /[\x80-\xff]/.test(mail.content.header.toString('latin1')))

const anyUtf8 = (mail: SmtpSend): boolean =>
  needsUtf8(mail.reversePath) || mail.recipients.some((recipient) => needsUtf8(recipient.address))
