// First step of intake: from the octets that arrived to the message that filters see (header timeline of decision 0001).
import { Failure, type Reply } from '../base/failure.ts'
import { findBodyStart, type MessageContent, type SpooledBody } from '../message/content.ts'
import { editHeader } from '../message/edit-header.ts'
import { fieldsEnd, type HeaderField, type HeaderView, parseHeader, parseHeaderText } from '../message/header.ts'
import { MAX_HEADER_BLOCK } from '../message/mime.ts'
import { formatReceived } from '../message/received.ts'
import { replies } from '../message/reply.ts'
import type { BodySpool } from '../message/spool.ts'
import type { Submission } from './intake.ts'
import { fixUp } from './submission.ts'

/** RFC 5321 §6.3: a large threshold, at least 100. */
export const MAX_RECEIVED_FIELDS = 100

export interface ReceivedMessage {
  readonly content: MessageContent
  readonly header: HeaderView
  readonly messageId: string | null
  /** The body anew, with the empty line that it lacked: release it. */
  readonly parted: SpooledBody | null
}

/** Services whose clients are users, not servers: their mail may lack what a message must have (RFC 6409 §8). */
const SUBMISSION_SERVICES = new Set(['submission', 'submissions', 'local'])

/** Throws a Failure with the reply to give when the message cannot be taken. */
export function receiveMessage(
  submission: Submission,
  now: number,
  spool: BodySpool,
): ReceivedMessage | Promise<ReceivedMessage> {
  const { body } = submission
  const received = receivedField(submission, now)
  const begin = (block: string) => {
    const fields = withoutFromLine(block)
    const view = parseHeaderText(received, fields)
    const end = fieldsEnd(view) - received.length
    if (end < fields.length) {
      const from = block.length - (fields.length - end)
      return part(submission, Buffer.from(received + fields.slice(0, end), 'latin1'), from, now, spool)
    }
    return build(submission, Buffer.from(received + fields, 'latin1'), view, body, block.length, now)
  }
  if (body.bytes) return begin(body.bytes.toString('latin1', 0, findBodyStart(body.bytes)))
  return readHeader(body).then((block) => begin(block.toString('latin1')))
}

function receivedField({ transaction, envelope, queueId, generation }: Submission, time: number): string {
  const { session } = transaction
  return formatReceived({
    helo: session.helo,
    ip: session.service === 'local' ? null : session.remoteIp,
    hostname: generation.site.hostname,
    service: session.service,
    extended: session.extended,
    smtputf8: envelope.smtputf8,
    tls: session.tls,
    authenticated: session.identity !== null,
    queueId,
    recipient: envelope.recipients.length === 1 ? envelope.recipients[0]!.address : null,
    time,
  })
}

async function readHeader(body: SpooledBody): Promise<Buffer> {
  let block: Buffer = Buffer.alloc(0)
  for await (const chunk of body.chunks(0, MAX_HEADER_BLOCK)) {
    block = Buffer.concat([block, chunk])
    const end = findBodyStart(block)
    if (end < block.length) return block.subarray(0, end)
  }
  const tooLong = block.length < body.size && fieldsEnd(parseHeader(block)) > block.lastIndexOf(10)
  if (tooLong) throw refusal(replies.headerTooBig(MAX_HEADER_BLOCK))
  return block
}

/** A mailbox's separator at the top is no field, but the fields follow it. */
const withoutFromLine = (block: string): string => (/^>*From /.test(block) ? `X-Mailbox-Line: ${block}` : block)

/** What begins at `from` without being a field is the body: it gets the empty line before it. */
async function part(
  submission: Submission,
  header: Buffer,
  from: number,
  now: number,
  spool: BodySpool,
): Promise<ReceivedMessage> {
  const writer = spool.writer()
  try {
    await writer.write(Buffer.from('\r\n'))
    for await (const chunk of submission.body.chunks(from)) await writer.write(chunk)
  } catch (thrown) {
    writer.abort()
    throw thrown
  }
  const parted = await writer.finish()
  try {
    return { ...build(submission, header, parseHeader(header), parted, 0, now), parted }
  } catch (thrown) {
    parted.release()
    throw thrown
  }
}

/** `view` is that of `block`, which begins with our Received field. */
function build(
  submission: Submission,
  block: Buffer,
  view: HeaderView,
  body: SpooledBody,
  bodyStart: number,
  now: number,
): ReceivedMessage {
  const { transaction, envelope, queueId } = submission
  const { site } = submission.generation
  if (view.count('received') - 1 > MAX_RECEIVED_FIELDS) throw refusal(replies.tooManyHops())
  let messageId = view.get('message-id')
  let header = block
  // a block that does not end its last line would swallow the fields that hooks append
  if (header[header.length - 1] !== 10) header = Buffer.concat([header, Buffer.from('\r\n')])
  // RFC 8601 §5: nobody else may speak in our name
  if (view.all('authentication-results').some((value) => namesUs(value, site.hostname))) {
    const remove = (f: HeaderField) =>
      f.name.toLowerCase() === 'authentication-results' && namesUs(f.value, site.hostname)
    header = editHeader(header, parseHeader(header), { remove })
  }
  if (SUBMISSION_SERVICES.has(transaction.session.service)) {
    const fixed = fixUp(header, { site, now, queueId, reversePath: envelope.reversePath })
    header = fixed.header
    messageId ??= fixed.messageId
  }
  const content = { header, body, bodyStart, size: header.length + body.size - bodyStart }
  return { content, header: header === block ? view : parseHeader(header), messageId, parted: null }
}

const namesUs = (value: string, hostname: string): boolean =>
  value.split(/[;\s]/, 1)[0]!.toLowerCase() === hostname.toLowerCase()

const refusal = (reply: Reply): Failure =>
  new Failure(reply.code >= 500 ? 'permanent' : 'temporary', String(reply.text), { reply })
