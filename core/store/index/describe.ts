// Reads one message for the index: structure, header and searchable text in one pass over its octets.
import { parseHeader } from '../../message/header.ts'
import { MAX_HEADER_BLOCK } from '../../message/mime.ts'
import { createDescriber } from '../../message/structure.ts'
import { foldedFields, sentDay } from '../header-text.ts'
import { toCrlf } from '../line-ends.ts'
import { headerBlock } from '../maildir/message-file.ts'
import { foldedSink } from '../text-scanner.ts'
import { FAST_FIELDS, type FastField, type IndexedMessage } from './account-index.ts'

/** Longer text is not kept in the index: a search reads the message. */
const MAX_TEXT = 1_048_576
/** Parts stretches of text that do not belong together: no search text can contain it. */
const BREAK = '\x00'

/** `pieces` have LF or CRLF line ends. */
export function describeForIndex(uid: number, pieces: Iterable<Buffer>): IndexedMessage {
  const text: { head: string; body: string[]; size: number } = { head: '', body: [], size: 0 }
  const take = (part: string) => {
    text.size += part.length
    if (text.size <= MAX_TEXT) text.body.push(part)
  }
  const describer = createDescriber(
    foldedSink({
      header: (part) => {
        text.head += part
      },
      body: take,
      end: () => take(BREAK),
    }),
  )
  const first: Buffer[] = []
  let held = 0
  for (const piece of pieces) {
    describer.write(piece)
    if (held < MAX_HEADER_BLOCK) first.push(piece)
    held += piece.length
  }
  const { envelope, body, bodyStructure } = describer.end()
  const header = withEmptyLine(toCrlf(headerBlock(first.length === 1 ? first[0]! : Buffer.concat(first))))
  const view = parseHeader(header)
  const kept = text.size <= MAX_TEXT ? { head: Buffer.from(text.head), body: Buffer.from(text.body.join('')) } : null
  return { uid, envelope, body, bodyStructure, header, sent: sentDay(view), fields: fastFields(header), text: kept }
}

function fastFields(header: Buffer): { [K in FastField]: string } {
  const values: { [K in FastField]: string } = { from: '', to: '', cc: '', bcc: '', subject: '' }
  for (const { name, value } of foldedFields(parseHeader(header))) {
    const fast = FAST_FIELDS.find((known) => known === name)
    if (fast) values[fast] += `${value}\n`
  }
  return values
}

const END = Buffer.from('\r\n\r\n')

/** As BODY[HEADER] sends it: messages without a body may lack the empty line. */
export function withEmptyLine(block: Buffer): Buffer {
  if (block.length === 2 || block.subarray(-4).equals(END)) return block
  return Buffer.concat([block, END.subarray(2)])
}
