// Pulls whole commands from a connection: lines with the literals they announce, within bounds, and messages as streams.
import type { Socket } from 'node:net'
import { type Line, LineReader, type LineReaderOptions, type LineReaderOwner } from '../net/line-reader.ts'
import { ConnectionLost } from './output.ts'
import { parseAppendHead } from './wire/append.ts'
import { Decoder } from './wire/decoder.ts'
import { type LiteralMarker, parseLiteralMarker } from './wire/literal.ts'

export interface ReaderLimits {
  readonly line: LineReaderOptions
  /** Octets of all lines and literals of a command, APPEND's messages apart. */
  readonly command: number
}

export interface RawCommand {
  /** '*' when none could be read. */
  readonly tag: string
  /** Upper case, `UID FETCH` and kin as one; '' when none could be read. */
  readonly name: string
  /** Behind the name. */
  readonly decoder: Decoder
  /** APPEND: the literal that the message comes in; not yet read. */
  readonly message: LiteralMarker | null
  /** Why it cannot be run: the line, a literal, or all together are too long, or no command. */
  readonly fault: string | null
}

const TAG = /^[^\x00-\x20\x7f-\xff(){%*"\\+]{1,200}(?= )/ // RFC 9051 §9: any ASTRING-CHAR except "+"
const NAME = /^[A-Za-z0-9.-]{1,40}/
const MAX_LITERALS = 100
const TOO_LONG = '[TOOBIG] Command is too long'
const NUL = 'NUL is not allowed in a literal'

/** The session that reads. */
export interface ReaderOwner {
  /** Before each wait for the client. */
  waiting(): void
  /** The client waits for the go-ahead to send its literal. */
  goAhead(): void
  /** The client has sent something. */
  received(): void
}

export class CommandReader implements LineReaderOwner {
  readonly #reader: LineReader
  readonly #owner: ReaderOwner
  #wake: (() => void) | null = null
  #lost = false
  /** A line that was looked at and is still the next. */
  #looked: Line | null = null
  /** A message literal that no command has read or dropped yet. */
  pending: LiteralMarker | null = null
  #limits: ReaderLimits

  constructor(socket: Socket, limits: ReaderLimits, owner: ReaderOwner) {
    this.#owner = owner
    this.#limits = limits
    this.#reader = new LineReader(socket, this, limits.line)
  }

  setLimits(limits: ReaderLimits): void {
    this.#limits = limits
    this.#reader.options = limits.line
  }

  readable(): void {
    this.#owner.received()
    this.#wakeUp()
  }
  ended(): void {
    this.lose()
  }
  /** No octet will come any more: what waits here ends with ConnectionLost. */
  lose(): void {
    this.#lost = true
    this.#wakeUp()
  }

  detach(): number {
    return this.#reader.detach()
  }
  attach(socket: Socket): void {
    this.#reader.attach(socket)
  }

  /** One line, octets as latin1; null when it was too long. */
  async line(): Promise<string | null> {
    for (;;) {
      const line = this.#nextLine()
      if (line === null) await this.#wait()
      else return typeof line === 'string' ? null : line.toString('latin1')
    }
  }

  #nextLine(): Line | null {
    const line = this.#looked ?? this.#reader.line()
    this.#looked = null
    return line
  }

  /**
   * The next command, when it is here already and an APPEND whose message follows unasked: it can be read while the one
   * before is being stored. Else null, and it stays the next command.
   */
  followingAppend(): RawCommand | null {
    const line = this.#nextLine()
    this.#looked = line
    if (line === null || typeof line === 'string') return null
    const text = line.toString('latin1')
    const marker = isAppend(text) ? parseLiteralMarker(text) : null
    if (!marker?.nonSync) return null
    const head = text.slice(0, marker.start)
    if (!parseAppendHead(arguments_([head], []))) return null
    this.#looked = null
    this.pending = marker
    return complete([head], [], null, marker)
  }

  async command(): Promise<RawCommand> {
    const texts: string[] = []
    const literals: Buffer[] = []
    let octets = 0
    let nul = false
    for (;;) {
      const line = await this.line()
      if (line === null) return faulty(texts[0] ?? this.#reader.tooLongHead.toString('latin1'), 'Line is too long')
      octets += line.length
      const marker = parseLiteralMarker(line)
      texts.push(marker ? line.slice(0, marker.start) : line)
      if (marker === null) return complete(texts, literals, octets > this.#limits.command ? TOO_LONG : nul ? NUL : null)
      if (isAppend(texts[0]!) && parseAppendHead(arguments_(texts, literals))) {
        this.pending = marker
        return complete(texts, literals, null, marker)
      }
      octets += marker.size
      if (octets > this.#limits.command || literals.length >= MAX_LITERALS) return this.#refuse(texts[0]!, marker)
      const parts: Buffer[] = []
      await this.literal(marker, (chunk) => {
        parts.push(chunk)
      })
      const literal = Buffer.concat(parts)
      nul ||= !marker.binary && literal.includes(0) // RFC 9051 §9: CHAR8
      literals.push(literal)
    }
  }

  /** Reads a literal's octets in chunks, asking for them first where the client waits for that. */
  async literal(marker: LiteralMarker, take: (chunk: Buffer) => void | Promise<void>): Promise<void> {
    if (this.pending === marker) this.pending = null
    if (!marker.nonSync) this.#owner.goAhead()
    for (let left = marker.size; left > 0; ) {
      const chunk = this.#reader.take(left)
      if (chunk === null) await this.#wait()
      else {
        left -= chunk.length
        await take(chunk)
      }
    }
  }

  /** A literal that nobody wants: one that the client sends unasked is read and dropped, with the rest of its command. */
  async drop(marker: LiteralMarker): Promise<void> {
    if (this.pending === marker) this.pending = null
    let next: LiteralMarker | null = marker
    while (next?.nonSync) {
      await this.literal(next, () => {})
      const line = await this.line()
      next = line === null ? null : parseLiteralMarker(line)
    }
  }

  async #refuse(text: string, marker: LiteralMarker): Promise<RawCommand> {
    await this.drop(marker)
    return faulty(text, '[TOOBIG] Literal is too long')
  }

  #wait(): Promise<void> {
    if (this.#lost) throw new ConnectionLost()
    this.#owner.waiting()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}

function parseHead(text: string): { tag: string; name: string; rest: string } {
  const tag = TAG.exec(text)?.[0]
  if (tag === undefined) return { tag: '*', name: '', rest: '' }
  let at = tag.length + 1
  let name = NAME.exec(text.slice(at, at + 41))?.[0] ?? ''
  at += name.length
  name = name.toUpperCase()
  if (name === 'UID' && text[at] === ' ') {
    const second = NAME.exec(text.slice(at + 1, at + 42))?.[0] ?? ''
    at += 1 + second.length
    name = `UID ${second.toUpperCase()}`
  }
  return { tag, name, rest: text.slice(at) }
}

const isAppend = (text: string): boolean => /^\S+ append /i.test(text)

const arguments_ = (texts: readonly string[], literals: readonly Buffer[]): Decoder =>
  new Decoder([parseHead(texts[0]!).rest, ...texts.slice(1)], literals)

function complete(
  texts: readonly string[],
  literals: readonly Buffer[],
  wrong: string | null,
  message: LiteralMarker | null = null,
): RawCommand {
  const { tag, name, rest } = parseHead(texts[0]!)
  const fault = wrong ?? (tag === '*' ? 'Invalid tag' : name === '' ? 'Missing command' : null)
  return { tag, name, decoder: new Decoder([rest, ...texts.slice(1)], literals), message, fault }
}

function faulty(text: string, fault: string): RawCommand {
  const { tag, name } = parseHead(text)
  return { tag, name, decoder: new Decoder(['']), message: null, fault }
}
