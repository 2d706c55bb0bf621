// Edits of a header block as new bytes: the fields that stay are copied as they came, byte for byte.
import type { MessageContent } from './content.ts'
import { formatField, type HeaderField, type HeaderView } from './header.ts'

export interface HeaderEdits {
  /** Prepended in this order from the top. */
  readonly add?: readonly { readonly name: string; readonly value: string }[]
  /** Appended at the end of the block. */
  readonly append?: readonly { readonly name: string; readonly value: string }[]
  readonly remove?: (field: HeaderField) => boolean
}

/** The block with the edits applied; `header` must be the view of `block`. */
export function editHeader(block: Buffer, header: HeaderView, edits: HeaderEdits): Buffer {
  const parts: Buffer[] = (edits.add ?? []).map((f) => formatField(f.name, f.value))
  let kept = 0
  if (edits.remove) {
    for (const field of header.fields) {
      if (!edits.remove(field)) continue
      parts.push(block.subarray(kept, field.start))
      kept = field.end
    }
  }
  parts.push(block.subarray(kept))
  for (const f of edits.append ?? []) parts.push(formatField(f.name, f.value))
  return Buffer.concat(parts)
}

/** The same content under another header block. */
export const withHeader = (content: MessageContent, header: Buffer): MessageContent => ({
  header,
  body: content.body,
  bodyStart: content.bodyStart,
  size: header.length + content.body.size - content.bodyStart,
})
