// The arguments of APPEND before a message literal (RFC 9051 §6.3.12, RFC 3502).
import { parseDateTime } from './dates.ts'
import { type Decoder, SyntaxFault } from './decoder.ts'

export interface AppendOptions {
  readonly flags: readonly string[]
  /** ms since 1970; null: now. */
  readonly internalDate: number | null
}

export interface AppendHead extends AppendOptions {
  /** Octets as written. */
  readonly mailbox: string
}

const MAX_FLAGS = 100

/** ` mailbox [(flags)] ["date"] ` up to the message's literal; null when the literal at the end is the mailbox's name. */
export function parseAppendHead(d: Decoder): boolean {
  try {
    d.space()
    d.astring('mailbox')
    return d.peek() === ' '
  } catch (error) {
    if (error instanceof SyntaxFault) return false
    throw error
  }
}

export function readAppendHead(d: Decoder): AppendHead {
  d.space()
  const mailbox = d.astring('mailbox')
  return { mailbox, ...readAppendOptions(d) }
}

/** ` [(flags)] ["date"] `, the first message's and those of MULTIAPPEND. */
export function readAppendOptions(d: Decoder): AppendOptions {
  d.space()
  let flags: readonly string[] = []
  let internalDate: number | null = null
  if (d.peek() === '(') {
    flags = d.list(() => d.flag(), MAX_FLAGS)
    d.space()
  }
  if (d.peek() === '"') {
    internalDate = parseDateTime(d.string())
    d.space()
  }
  if (!d.atEnd) throw new SyntaxFault('Expected message literal')
  return { flags, internalDate }
}
