// APPEND (RFC 9051 §6.3.12, MULTIAPPEND of RFC 3502): messages stream from the connection to the spool and are stored together.
import { findBodyStart, type MessageContent, type SpooledBody } from '../../message/content.ts'
import type { Mailbox, NewMessage } from '../../store/mailbox-store.ts'
import {
  type Completion,
  defineCommand,
  formatCompletion,
  LOGGED_IN,
  no,
  ok,
  Refusal,
  type Session,
} from '../command.ts'
import { overQuota, tryCreate } from '../outcomes.ts'
import { ConnectionLost } from '../output.ts'
import { type AppendHead, type AppendOptions, readAppendHead, readAppendOptions } from '../wire/append.ts'
import { Decoder, SyntaxFault } from '../wire/decoder.ts'
import { type LiteralMarker, parseLiteralMarker } from '../wire/literal.ts'
import { formatSet } from '../wire/sequence-set.ts'

const MAX_MESSAGES = 1000
/** Pipelined APPENDs that are stored at the same time, so that they share the store's syncs. */
const MAX_IN_FLIGHT = 64

interface Arguments {
  readonly tag: string
  readonly head: AppendHead
  readonly message: LiteralMarker
}

function parse(args: Decoder, tag: string, message: LiteralMarker | null): Arguments {
  const head = readAppendHead(args)
  if (message === null) throw new SyntaxFault('Expected message literal')
  return { tag, head, message }
}

export const append = defineCommand({
  name: 'APPEND',
  states: LOGGED_IN,
  parse: (args, { tag, message }) => parse(args, tag, message),
  async run(session, first) {
    let { done } = await receive(session, () => first, null)
    let { tag } = first
    // answers go out in order, each as soon as it is there
    let told: Promise<void> = Promise.resolve()
    for (let n = 1; n < MAX_IN_FLIGHT; n++) {
      const raw = session.reader.followingAppend()
      if (raw === null) break
      told = tell(session, told, tag, done)
      ;({ done } = await receive(session, () => parse(raw.decoder, raw.tag, raw.message), done))
      tag = raw.tag
    }
    await told
    return { ...(await done), tag }
  },
})

async function tell(session: Session, before: Promise<void>, tag: string, done: Promise<Completion>): Promise<void> {
  await before
  session.text(`${tag} ${formatCompletion(await done)}`)
}

/**
 * Resolves when the command has been read; `done`, which never rejects, when its messages are stored. `before` is the same
 * of the command before.
 */
async function receive(
  session: Session,
  parsed: () => Arguments,
  before: Promise<Completion> | null,
): Promise<{ done: Promise<Completion> }> {
  const bodies: SpooledBody[] = []
  let mailbox: Mailbox | null = null
  const end = () => {
    for (const body of bodies) body.release()
    mailbox?.close()
  }
  try {
    const { head, message } = parsed()
    const name = session.mailboxName(head.mailbox)
    mailbox = await session.account.open(name)
    const refused = await session.gate('append', name)
    if (refused) throw new Refusal(refused)
    const messages = await readMessages(session, head, message, bodies, await session.room(before))
    const done = file(session, mailbox, messages).catch((thrown) => session.answerTo(thrown, 'APPEND'))
    return { done: done.finally(end) }
  } catch (thrown) {
    end()
    if (thrown instanceof ConnectionLost) throw thrown
    if (session.reader.pending) await session.reader.drop(session.reader.pending)
    return { done: Promise.resolve(session.answerTo(tryCreate(thrown), 'APPEND')) }
  }
}

/** Reads message after message until the command's line ends. The bodies read so far stand in `bodies`. */
async function readMessages(
  session: Session,
  head: AppendOptions,
  first: LiteralMarker,
  bodies: SpooledBody[],
  room: number,
): Promise<NewMessage[]> {
  const messages: NewMessage[] = []
  let options = head
  let marker = first
  let left = room
  for (;;) {
    left -= marker.size
    // RFC 9208 §5: known before the message is sent
    if (left < 0) throw new Refusal(overQuota)
    const body = await readMessage(session, marker)
    bodies.push(body)
    messages.push({
      content: contentOf(body),
      flags: options.flags.filter((flag) => flag.toLowerCase() !== '\\recent'),
      internalDate: options.internalDate ?? session.clock.now(),
    })
    const line = await session.reader.line()
    if (line === '') return messages
    const next = line === null ? null : parseLiteralMarker(line)
    if (next === null) throw new SyntaxFault('Unexpected arguments')
    session.reader.pending = next
    if (messages.length >= MAX_MESSAGES) throw new Refusal(no('LIMIT', 'Too many messages at once'))
    options = readAppendOptions(new Decoder([line!.slice(0, next.start)]))
    marker = next
  }
}

async function readMessage(session: Session, marker: LiteralMarker): Promise<SpooledBody> {
  const limit = session.generation.site.limits.messageSize
  // the session drops what is left of the command; a client that waits for the go-ahead does not get it
  if (marker.size > limit) throw new Refusal(no('TOOBIG', `Message exceeds the limit of ${limit} octets`))
  if (marker.size === 0) throw new Refusal(no('CANNOT', 'Message is empty'))
  const writer = session.spool.writer()
  const lines = new LineEnds()
  let failure: unknown = null
  try {
    await session.reader.literal(marker, async (chunk) => {
      if (failure !== null) return
      // RFC 9051 §9: CHAR8
      if (!marker.binary && chunk.includes(0)) {
        failure = new SyntaxFault('NUL is allowed in a literal8 alone')
        return
      }
      try {
        const wait = writer.write(lines.pass(chunk))
        if (wait) await wait
      } catch (thrown) {
        failure = thrown
      }
    })
  } catch (lost) {
    writer.abort()
    throw lost
  }
  if (failure !== null) {
    writer.abort()
    await dropRest(session)
    throw failure
  }
  return writer.finish()
}

/** The rest of a command of which a message was read but cannot be kept. */
async function dropRest(session: Session): Promise<void> {
  const line = await session.reader.line()
  const marker = line === null ? null : parseLiteralMarker(line)
  if (marker) await session.reader.drop(marker)
}

/** Makes every line feed part of CRLF, as messages are stored. */
class LineEnds {
  #endedInCr = false

  pass(chunk: Buffer): Buffer {
    const parts: Buffer[] = []
    let from = 0
    for (let lf = chunk.indexOf(10); lf >= 0; lf = chunk.indexOf(10, lf + 1)) {
      if (lf > 0 ? chunk[lf - 1] === 13 : this.#endedInCr) continue
      parts.push(chunk.subarray(from, lf), CR)
      from = lf
    }
    this.#endedInCr = chunk[chunk.length - 1] === 13
    return parts.length === 0 ? chunk : Buffer.concat([...parts, chunk.subarray(from)])
  }
}

const CR = Buffer.from('\r')
const NOTHING = Buffer.alloc(0)

/** A header that lies in a file stays there, before the body: readers get both in one. */
function contentOf(body: SpooledBody): MessageContent {
  if (body.bytes === null) return { header: NOTHING, body, bodyStart: 0, size: body.size }
  const bodyStart = findBodyStart(body.bytes)
  return { header: body.bytes.subarray(0, bodyStart), body, bodyStart, size: body.size }
}

async function file(session: Session, mailbox: Mailbox, messages: readonly NewMessage[]): Promise<Completion> {
  const uids = formatSet(await mailbox.append(messages))
  session.trace.record({
    time: session.clock.now(),
    sid: session.facts.id,
    event: 'filed',
    verdict: 'delivered',
    rcpt: session.facts.identity!.account,
    detail: `IMAP APPEND to ${mailbox.name}, UID ${uids}`,
  })
  return ok('Appended', { code: `APPENDUID ${mailbox.uidValidity} ${uids}` }) // RFC 9051 §7.1
}
