// The text of a message as SEARCH BODY and TEXT see it: headers decoded, text parts decoded, other parts skipped; in pieces, in bounded memory.
import { textSink } from '../message/body-text.ts'
import { parseHeader } from '../message/header.ts'
import type { LeafSink } from '../message/mime.ts'
import { fold } from './fold.ts'
import { foldedFields, foldedHeader } from './header-text.ts'

/** Takes folded text; the pieces of one stretch belong together, `end` closes the stretch. */
export interface FoldedSink {
  header(text: string): void
  body(text: string): void
  end(): void
}

/** Hands the text on while a describer scans: the header of the message itself, then all that its body holds. */
export function foldedSink(sink: FoldedSink): LeafSink {
  const bodies = textSink((text) => sink.body(fold(text)))
  return {
    header(part, block) {
      const text = foldedHeader(foldedFields(parseHeader(Buffer.from(block, 'latin1'))))
      if (part.parent === null) sink.header(text)
      else sink.body(text)
      sink.end()
    },
    start: (part) => bodies.start(part),
    data: (octets) => bodies.data(octets),
    end(part) {
      bodies.end(part)
      sink.end()
    },
  }
}
