// The content phase of a transaction: from 354, or the first BDAT, to the answer of the intake.
import type { Reply } from '../base/failure.ts'
import { createQueueId } from '../base/ids.ts'
import type { SpooledBody } from '../message/content.ts'
import { replies } from '../message/reply.ts'
import { MessageReceiver } from './receiver.ts'
import type { SmtpSession } from './session.ts'

interface Chunk {
  readonly size: number
  readonly last: boolean
  readonly refusal: Reply | null
  left: number
}

/** false: nothing to read now; true: something was read; a promise: wait for it, then read on. */
export type Progress = boolean | Promise<void>

export class Reception {
  readonly #session: SmtpSession
  #receiver: MessageReceiver | null = null
  #chunk: Chunk | null = null
  #queueId = ''
  /** When the content began, on the monotonic clock. */
  started = 0

  constructor(session: SmtpSession) {
    this.#session = session
  }

  /** A message has begun and is not complete. */
  get active(): boolean {
    return this.#receiver !== null
  }

  /** Before 354 or the first BDAT: the message gets its queue id and a place to go. */
  open({ dots }: { readonly dots: boolean }): void {
    const { service, generation, normalises } = this.#session
    this.#queueId = createQueueId(service.clock.now())
    this.started = service.clock.mono()
    this.#receiver = new MessageReceiver(service.spool.writer(), {
      dots,
      normalise: normalises,
      maxSize: generation.site.limits.messageSize || Number.POSITIVE_INFINITY,
    })
  }

  /** The octets of one BDAT follow; with `refusal` they are dropped and answered with it. */
  expectChunk(octets: number, last: boolean, refusal: Reply | null): void {
    this.#chunk = { size: octets, last, refusal, left: octets }
  }

  abort(): void {
    this.#receiver?.abort()
    this.#receiver = null
    this.#chunk = null
  }

  readData(): Progress {
    const { channel } = this.#session
    const receiver = this.#receiver!
    const octets = channel.take()
    if (octets === null) return false
    const wait = receiver.write(octets)
    if (receiver.end >= 0) {
      channel.unreadRest(octets.subarray(receiver.end))
      return this.#after(wait, () => this.#complete(receiver))
    }
    if (receiver.endless) this.#session.goodbye(receiver.refusal!)
    return wait ?? true
  }

  readChunk(): Progress {
    const chunk = this.#chunk
    if (chunk === null) return false
    if (chunk.left === 0) {
      this.#chunk = null
      return this.#chunkComplete(chunk)
    }
    const octets = this.#session.channel.take(chunk.left)
    if (octets === null) return false
    chunk.left -= octets.length
    if (chunk.refusal !== null) return true
    const receiver = this.#receiver!
    const wait = receiver.write(octets)
    if (receiver.endless) this.#session.goodbye(receiver.refusal!)
    return wait ?? true
  }

  #chunkComplete(chunk: Chunk): Progress {
    const session = this.#session
    if (chunk.refusal !== null) {
      session.tell('command.refused', [chunk.refusal])
      return true
    }
    const receiver = this.#receiver!
    if (chunk.last) return this.#after(receiver.completeLine(), () => this.#complete(receiver))
    if (receiver.refusal !== null) this.#refuse(receiver.refusal)
    else session.tell('chunk.received', [replies.chunkReceived(chunk.size)])
    return true
  }

  #after(wait: Promise<void> | null, next: () => void): Progress {
    if (wait !== null) return wait.then(next)
    next()
    return true
  }

  #complete(receiver: MessageReceiver): void {
    if (receiver.refusal !== null) {
      this.#refuse(receiver.refusal)
      return
    }
    this.#session.tell('message.received', [])
    this.#commit(receiver).catch((error) => this.#session.failed(error))
  }

  async #commit(receiver: MessageReceiver): Promise<void> {
    const finished = receiver.finish()
    const body = finished instanceof Promise ? await finished : finished
    const answers = body === null ? this.#toEach(receiver.refusal!) : await this.#submit(body)
    this.#receiver = null
    this.#session.answered(answers, 'message.answered')
  }

  #submit(body: SpooledBody): Promise<readonly Reply[]> {
    const { service, generation, role } = this.#session
    const transaction = this.#session.transaction!
    const { reversePath, recipients, parameters } = transaction
    return service.intake.submit({
      queueId: this.#queueId,
      transaction,
      envelope: { ...parameters, reversePath, recipients },
      body,
      generation,
      replyPerRecipient: role.protocol === 'LMTP',
      ...(transaction.refused?.size ? { refused: transaction.refused } : {}),
    })
  }

  #refuse(reply: Reply): void {
    this.#session.refused(reply, 'END-OF-MESSAGE')
    this.#session.answered(this.#toEach(reply), 'message.refused')
  }

  /** RFC 2033 §4.2: LMTP answers each accepted recipient. */
  #toEach(reply: Reply): Reply[] {
    const { role, transaction } = this.#session
    return role.protocol === 'LMTP' ? transaction!.recipients.map(() => reply) : [reply]
  }
}
