// Whether one message matches a content key, read from its octets: the truth that indexes must agree with.
import { parseHeader } from '../message/header.ts'
import { MimeScanner } from '../message/mime.ts'
import { fold } from './fold.ts'
import { foldedFields, sentDay } from './header-text.ts'
import { dayTest, type HeaderKey, type TextKey } from './search.ts'
import { foldedSink } from './text-scanner.ts'

/** Looks for `needle` (folded) in text that comes in pieces. */
export class PieceMatcher {
  readonly #needle: string
  #tail = ''
  found = false

  constructor(needle: string) {
    this.#needle = needle
    this.found = needle === ''
  }
  write(piece: string): void {
    if (this.found) return
    const text = this.#tail + piece
    this.found = text.includes(this.#needle)
    this.#tail = this.#needle.length > 1 ? text.slice(-(this.#needle.length - 1)) : ''
  }
  end(): void {
    this.#tail = ''
  }
}

/** For keys on the header alone. `block` is the header with or without its empty line. */
export function matchHeader(key: HeaderKey, block: Buffer): boolean {
  const view = parseHeader(block)
  if (key.kind !== 'header') return dayTest(key.kind, key.day)(sentDay(view))
  const name = key.name.toLowerCase()
  const value = fold(key.value)
  return foldedFields(view).some((field) => field.name === name && field.value.includes(value))
}

/** For BODY and TEXT. Stops reading at the first hit. */
export async function matchText(key: TextKey, chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<boolean> {
  const matcher = new PieceMatcher(fold(key.value))
  const scanner = new MimeScanner(
    foldedSink({
      header: (text) => (key.kind === 'text' ? matcher.write(text) : undefined),
      body: (text) => matcher.write(text),
      end: () => matcher.end(),
    }),
  )
  for await (const chunk of chunks) {
    scanner.write(chunk)
    if (matcher.found) return true
  }
  scanner.end()
  return matcher.found
}
