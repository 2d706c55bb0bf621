// First step of intake: from the octets that arrived to the message that filters see (header timeline of decision 0001).
import { Failure, type Reply } from '../base/failure.ts'
import { findBodyStart, type MessageContent, type SpooledBody } from '../message/content.ts'
import { editHeader, withHeader } from '../message/edit-header.ts'
import { type HeaderView, parseHeader } from '../message/header.ts'
import { formatReceived } from '../message/received.ts'
import { replies } from '../message/reply.ts'
import type { Submission } from './intake.ts'
import { fixUp } from './submission.ts'

/** Deviates: RFC 5321 §6.3 suggests 100; 50 ends loops sooner and no real path comes near it (decision 0001). */
export const MAX_RECEIVED_FIELDS = 50
export const MAX_HEADER = 1024 * 1024

export interface ReceivedMessage {
  readonly content: MessageContent
  readonly header: HeaderView
  readonly messageId: string | null
}

/** Services whose clients are users, not servers: their mail may lack what a message must have (RFC 6409 §8). */
const SUBMISSION_SERVICES = new Set(['submission', 'submissions', 'local'])

/** Throws a Failure with the reply to give when the message cannot be taken. */
export function receiveMessage(submission: Submission, now: number): ReceivedMessage | Promise<ReceivedMessage> {
  const { body } = submission
  if (body.bytes) return build(submission, body.bytes.subarray(0, findBodyStart(body.bytes)), now)
  return readHeader(body).then((header) => build(submission, header, now))
}

async function readHeader(body: SpooledBody): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of body.chunks(0, MAX_HEADER)) {
    parts.push(chunk)
    size += chunk.length
    const joined = parts.length === 1 ? chunk : Buffer.concat(parts)
    const end = findBodyStart(joined)
    if (end < joined.length) return joined.subarray(0, end)
    parts.splice(0, parts.length, joined)
  }
  if (size < body.size) throw refusal(replies.headerTooBig(MAX_HEADER))
  return Buffer.concat(parts)
}

function build(submission: Submission, block: Buffer, now: number): ReceivedMessage {
  const { transaction, envelope, body } = submission
  const { session } = transaction
  const site = submission.generation.site
  const view = parseHeader(block)
  let hops = 0
  let forged = false
  let messageId: string | null = null
  for (const field of view.fields) {
    const name = field.name.toLowerCase()
    if (name === 'received') hops++
    else if (name === 'message-id') messageId ??= field.value
    else if (name === 'authentication-results') forged ||= namesUs(field.value, site.hostname)
  }
  if (hops > MAX_RECEIVED_FIELDS) throw refusal(replies.tooManyHops())
  let header = block
  // a block that does not end its last line would swallow the fields that hooks append
  if (header.length > 0 && header[header.length - 1] !== 10) header = Buffer.concat([header, Buffer.from('\r\n')])
  // RFC 8601 §5: nobody else may speak in our name
  if (forged) {
    const remove = (f: { name: string; value: string }) =>
      f.name.toLowerCase() === 'authentication-results' && namesUs(f.value, site.hostname)
    header = editHeader(header, parseHeader(header), { remove })
  }
  if (SUBMISSION_SERVICES.has(session.service)) {
    const fixed = fixUp(header, { site, now, queueId: submission.queueId, reversePath: envelope.reversePath })
    header = fixed.header
    messageId ??= fixed.messageId
  }
  const received = formatReceived({
    helo: session.helo,
    ip: session.service === 'local' ? null : session.remoteIp,
    hostname: site.hostname,
    service: session.service,
    extended: session.extended,
    smtputf8: envelope.smtputf8,
    tls: session.tls,
    authenticated: session.identity !== null,
    queueId: submission.queueId,
    recipient: envelope.recipients.length === 1 ? envelope.recipients[0]!.address : null,
    time: now,
  })
  const bodyStart = block.length
  const content = withHeader({ header, body, bodyStart, size: 0 }, Buffer.concat([received, header]))
  return { content, header: parseHeader(content.header), messageId }
}

const namesUs = (value: string, hostname: string): boolean =>
  value.split(/[;\s]/, 1)[0]!.toLowerCase() === hostname.toLowerCase()

const refusal = (reply: Reply): Failure =>
  new Failure(reply.code >= 500 ? 'permanent' : 'temporary', String(reply.text), { reply })
