// The message as mailauth reads it: its body in pieces so that other sessions get their turn; a bounded number of signatures.
import { setImmediate } from 'node:timers/promises'
import type { MessageFacts } from 'estafeta/plugin'

/** Each signature may cost a key lookup and a pass over the body: more than these are not looked at. */
export const MAX_SIGNATURES = 10

/** Each name in `h=` is looked for among all fields: so many comparisons for all signatures of a message together. */
const MAX_COMPARISONS = 2_000_000

/** Mailauth goes through all lines of a header again for each that continues a field. */
const FOLDS_MAX = 2_000

const EMPTY_LINE = 2

/** What follows the empty line, in pieces that take well below a millisecond, and a turn of the event loop between them. */
export async function* bodyChunks({ content }: MessageFacts): AsyncIterable<Buffer> {
  let isFirst = true
  for await (const chunk of content.body.chunks(content.bodyStart + EMPTY_LINE)) {
    if (!isFirst) await setImmediate()
    isFirst = false
    yield chunk
  }
}

/** DKIM-Signature fields beyond the first few, and what would make too many comparisons. */
function surplusSignatures(fields: MessageFacts['header']['fields']): typeof fields {
  let signatures = 0
  let comparisons = 0
  return fields.filter((field) => {
    const kind = field.name.toLowerCase()
    if (kind !== 'dkim-signature' && kind !== 'arc-message-signature') return false
    const cost = field.value.split(':').length * fields.length
    if (comparisons + cost > MAX_COMPARISONS) return true
    if (kind === 'dkim-signature' && ++signatures > MAX_SIGNATURES) return true
    comparisons += cost
    return false
  })
}

/** A header folded beyond all measure is given unfolded: a signature survives that if it is relaxed (RFC 6376 §3.4.2). */
export function boundedHeader(message: MessageFacts): Buffer {
  const header = withoutSurplus(message)
  if (header.length < 3 * FOLDS_MAX) return header
  const text = header.toString('latin1')
  const folds = text.match(/\r\n(?=[ \t])/g)?.length ?? 0
  return folds > FOLDS_MAX ? Buffer.from(text.replace(/\r\n(?=[ \t])/g, ''), 'latin1') : header
}

/** The header without the signatures that cost too much. */
function withoutSurplus({ header, content }: MessageFacts): Buffer {
  const surplus = surplusSignatures(header.fields)
  if (surplus.length === 0) return content.header
  const pieces: Buffer[] = []
  let at = 0
  for (const { start, end } of surplus) {
    pieces.push(content.header.subarray(at, start))
    at = end
  }
  return Buffer.concat([...pieces, content.header.subarray(at)])
}
