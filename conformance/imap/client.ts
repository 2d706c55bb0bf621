// The suites' own IMAP client: responses read strictly, commands sent as given.
import { Blocked, check, Skipped, Violation, visible } from '../judgement.ts'
import type { Dialect, Target } from '../types.ts'
import type { Wire } from '../wire.ts'
import { announcedLiteral, type Code, pairs, parseResponse, type Response, type Value } from './response.ts'

export * from './response.ts'

export type Status = 'OK' | 'NO' | 'BAD'

/** How a command ended. */
export interface Result {
  readonly tag: string
  readonly status: Status
  readonly code: Code | null
  readonly text: string
  readonly raw: string
  /** What came since the command before was completed. */
  readonly untagged: readonly Response[]
}

export interface Literal {
  readonly octets: string
  /** `sync` waits for the continuation; `plus` is `{n+}`; `sync8` and `plus8` are literal8. */
  readonly form: 'sync' | 'plus' | 'sync8' | 'plus8'
}

/** A command behind its tag: text as it is, and literals. Without the last CR LF. */
export type Parts = string | readonly (string | Literal)[]

/** One character an octet. */
export const literal = (octets: string, form: Literal['form'] = 'sync'): Literal => ({ octets, form })

export const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

/** Octets of UTF-8 as one character each. */
export const octetsOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

/** What IMAP4rev2 has in itself (RFC 9051, appendix E). */
const IN_REV2: ReadonlySet<string> = new Set(
  `NAMESPACE UNSELECT UIDPLUS ESEARCH SEARCHRES ENABLE IDLE SASL-IR LIST-EXTENDED LIST-STATUS MOVE LITERAL- STATUS=SIZE`.split(
    ' ',
  ),
)

const MAX_LITERAL = 32 * 1024 * 1024
const MAX_RESPONSES = 100_000

export class Imap implements Dialect {
  readonly wire: Wire
  greeting: Response | null = null
  /** Upper case, as announced last; null before any. */
  capabilities: ReadonlySet<string> | null = null
  /** What ENABLED has named, upper case. */
  readonly enabled = new Set<string>()
  /** The case's own mailbox: selected in the state `selected`, examined in `examined`; '' in others. */
  mailbox = ''
  /** The SELECT or EXAMINE that brought the connection to its state. */
  selected: Result | null = null
  #tags = 0
  readonly #outstanding = new Set<string>()
  readonly #finished = new Map<string, Result>()
  #untagged: Response[] = []

  constructor(wire: Wire) {
    this.wire = wire
  }

  get target(): Target {
    return this.wire.target
  }

  // --- reading

  /** The next response of any kind. */
  async response(to: string): Promise<Response> {
    const what = `a response to "${visible(to)}"`
    let raw = await this.wire.line(what)
    for (let count = announcedLiteral(raw); count !== null; ) {
      if (raw.length + count > MAX_LITERAL) throw new Violation(`expected ${what}; got a literal of ${count} octets`)
      const octets = await this.wire.octets(count)
      const line = await this.wire.line(`the rest of the response behind a literal of ${count} octets`)
      raw += `\r\n${octets}${line}`
      count = announcedLiteral(`* DATA ${line}`)
    }
    const response = parseResponse(raw, this.eightBit)
    this.#note(response)
    return response
  }

  /** Whether the server may send octets above 127 in quoted strings. */
  get eightBit(): boolean {
    const rev2Only = this.announces('IMAP4REV2') && !this.announces('IMAP4REV1')
    return rev2Only || this.enabled.has('IMAP4REV2') || this.enabled.has('UTF8=ACCEPT')
  }

  /** The end of a command that `start` or `line` began; other commands may end meanwhile. */
  async result(tag: string, to = tag): Promise<Result> {
    for (let count = 0; count < MAX_RESPONSES; count++) {
      const done = this.#finished.get(tag)
      if (done) {
        this.#finished.delete(tag)
        return done
      }
      const response = await this.response(to)
      if (response.kind === 'continuation')
        throw new Violation(`expected no continuation request to "${visible(to)}"; got "${visible(response.raw)}"`)
      this.#take(response)
    }
    throw new Violation(`expected an end of the responses to "${visible(to)}"; got ${MAX_RESPONSES}`)
  }

  /** The continuation request that a command waits for, or its end when the server refuses. */
  async continuation(tag: string, to = tag): Promise<Response | Result> {
    for (let count = 0; count < MAX_RESPONSES; count++) {
      const done = this.#finished.get(tag)
      if (done) {
        this.#finished.delete(tag)
        return done
      }
      const response = await this.response(to)
      if (response.kind === 'continuation') return response
      this.#take(response)
    }
    throw new Violation(`expected a continuation request to "${visible(to)}"; got ${MAX_RESPONSES} responses`)
  }

  /** Reads on, as a client in IDLE does, until an untagged response of that name comes (and holds). */
  async awaitUntagged(name: string, holds: (response: Response) => boolean = () => true): Promise<Response> {
    for (let count = 0; count < MAX_RESPONSES; count++) {
      const response = await this.response(`an untagged ${name}`)
      if (response.kind !== 'untagged')
        throw new Violation(`expected an untagged ${name}; got "${visible(response.raw)}"`)
      this.#untagged.push(response)
      if (response.name === name && holds(response)) return response
    }
    throw new Violation(`expected an untagged ${name}; got ${MAX_RESPONSES} others`)
  }

  #take(response: Response): void {
    if (response.kind === 'untagged') {
      this.#untagged.push(response)
      return
    }
    if (!this.#outstanding.delete(response.tag))
      throw new Violation(
        `expected a response to ${[...this.#outstanding].join(', ')}; got "${visible(response.raw)}" with a tag of no command in progress`,
      )
    const { tag, code, text, raw } = response
    this.#finished.set(tag, { tag, status: response.name as Status, code, text, raw, untagged: this.#untagged })
    this.#untagged = []
  }

  #note({ name, code, values }: Response): void {
    const words = name === 'CAPABILITY' ? values : code?.name === 'CAPABILITY' ? code.values : null
    if (words) this.capabilities = new Set(words.map(({ text }) => text.toUpperCase()))
    if (name === 'ENABLED') for (const { text } of values) this.enabled.add(text.toUpperCase())
  }

  // --- sending

  tag(): string {
    return `c${++this.#tags}`
  }

  /** Octets as they are. */
  async write(text: string): Promise<void> {
    await this.wire.write(text)
  }

  /** Sends `tag rest CRLF` as given and expects an answer to that tag later (`result`). */
  async line(tag: string, rest: string): Promise<void> {
    this.#outstanding.add(tag)
    await this.wire.write(`${tag} ${rest}\r\n`)
  }

  /** Expects an answer to a tag whose command is written by `write`. */
  expectTag(tag: string): void {
    this.#outstanding.add(tag)
  }

  /** Sends a command without waiting for its end; gives its tag. With synchronizing literals, it waits at those. */
  async start(parts: Parts): Promise<string> {
    const tag = this.tag()
    this.#outstanding.add(tag)
    let text = `${tag} `
    for (const part of typeof parts === 'string' ? [parts] : parts) {
      if (typeof part === 'string') {
        text += part
        continue
      }
      const plus = part.form.startsWith('plus')
      text += `${part.form.endsWith('8') ? '~' : ''}{${part.octets.length}${plus ? '+' : ''}}\r\n`
      if (!plus) {
        await this.wire.write(text)
        text = ''
        const go = await this.continuation(tag, labelOf(parts))
        if ('status' in go) {
          this.#finished.set(tag, go)
          return tag
        }
      }
      text += part.octets
    }
    await this.wire.write(`${text}\r\n`)
    return tag
  }

  /** Sends a command and reads until it is completed. */
  async send(parts: Parts, ...statuses: readonly Status[]): Promise<Result> {
    const to = labelOf(parts)
    const result = await this.result(await this.start(parts), to)
    if (statuses.length > 0)
      check(statuses.includes(result.status), `${statuses.join(' or ')} to "${to}"`, `"${visible(result.raw)}"`)
    return result
  }

  ok(parts: Parts): Promise<Result> {
    return this.send(parts, 'OK')
  }

  /** Expects NO or BAD. */
  refused(parts: Parts): Promise<Result> {
    return this.send(parts, 'NO', 'BAD')
  }

  bad(parts: Parts): Promise<Result> {
    return this.send(parts, 'BAD')
  }

  no(parts: Parts): Promise<Result> {
    return this.send(parts, 'NO')
  }

  /** Set-up: a refusal blocks the case instead of failing it. */
  async must(parts: Parts): Promise<Result> {
    const result = await this.send(parts)
    if (result.status !== 'OK') throw new Blocked(`"${labelOf(parts)}" was answered "${visible(result.raw)}"`)
    return result
  }

  // --- capabilities

  async capability(): Promise<void> {
    await this.must('CAPABILITY')
    if (this.capabilities === null) throw new Blocked('CAPABILITY gave no capabilities')
  }

  announces(name: string): boolean {
    return this.capabilities?.has(name) ?? false
  }

  /** Announced, or part of the IMAP4rev2 that is in force. */
  has(name: string): boolean {
    const rev2 = this.enabled.has('IMAP4REV2') || (this.announces('IMAP4REV2') && !this.announces('IMAP4REV1'))
    return this.announces(name) || (rev2 && IN_REV2.has(name))
  }

  /** Throws Skipped unless all are there; `A|B` is there with either. */
  need(...names: readonly string[]): void {
    const missing = names.filter((one) => !one.split('|').some((name) => this.has(name)))
    if (missing.length > 0) throw new Skipped(`the server does not announce ${missing.join(', ')}`)
  }

  /** ENABLE IMAP4rev2 where something is needed that the server has there alone. */
  async enableFor(names: readonly string[]): Promise<void> {
    if (!this.announces('IMAP4REV2') || !this.announces('IMAP4REV1')) return
    const wanted = names.some(
      (one) =>
        one === 'IMAP4REV2' ||
        one.split('|').every((name) => !this.announces(name) && (IN_REV2.has(name) || name === 'IMAP4REV2')),
    )
    if (wanted) await this.must('ENABLE IMAP4rev2')
  }

  // --- helpers

  get account(): { user: string; password: string } {
    const { user, password } = this.target
    if (user === null || password === null) throw new Blocked('needs an account (--user, --password)')
    return { user, password }
  }

  /** Logs in and learns the capabilities that hold from then on. */
  async login(): Promise<void> {
    const { user, password } = this.account
    const before = this.capabilities
    this.capabilities = null
    const byPlain = before?.has('LOGINDISABLED') && before.has('AUTH=PLAIN')
    const result = byPlain
      ? await this.#plain(user, password)
      : await this.send(['LOGIN ', ...secret(user), ' ', ...secret(password)])
    if (result.status !== 'OK') throw new Blocked(`login failed: "${visible(result.raw)}"`)
    if (this.capabilities === null) await this.capability()
  }

  async #plain(user: string, password: string): Promise<Result> {
    const tag = await this.start('AUTHENTICATE PLAIN')
    const go = await this.continuation(tag, 'AUTHENTICATE PLAIN')
    if ('status' in go) return go
    await this.write(`${base64(`\0${user}\0${password}`)}\r\n`)
    return this.result(tag, 'AUTHENTICATE PLAIN')
  }

  select(mailbox: string): Promise<Result> {
    return this.ok(`SELECT ${quoted(mailbox)}`)
  }

  examine(mailbox: string): Promise<Result> {
    return this.ok(`EXAMINE ${quoted(mailbox)}`)
  }

  /** Set-up: APPEND of one message; `date` as in `01-Jan-2020 10:00:00 +0000`. */
  append(mailbox: string, message: string, flags: readonly string[] = [], date: string | null = null): Promise<Result> {
    const form = this.announces('LITERAL+') || (this.has('LITERAL-') && message.length <= 4096) ? 'plus' : 'sync'
    const about = `${flags.length > 0 ? ` (${flags.join(' ')})` : ''}${date === null ? '' : ` "${date}"`}`
    return this.must([`APPEND ${quoted(mailbox)}${about} `, literal(message, form)])
  }

  /** FETCH or UID FETCH: message number → items by their names. */
  async fetch(set: string, what: string): Promise<Map<number, Map<string, Value>>> {
    return fetched(await this.ok(`FETCH ${set} ${what}`))
  }
}

/** Secrets stand in quotes unless they can't. */
const secret = (text: string): (string | Literal)[] =>
  /^[\x20-\x7e]*$/.test(text) ? [quoted(text)] : [literal(octetsOf(text))]

const labelOf = (parts: Parts): string => {
  const text =
    typeof parts === 'string' ? parts : parts.map((part) => (typeof part === 'string' ? part : '{...}')).join('')
  return visible(/^(LOGIN|AUTHENTICATE PLAIN) /i.test(text) ? text.replace(/ .*/s, ' ...') : text.slice(0, 200))
}

/** The untagged responses of that name. */
export const untagged = ({ untagged: all }: Result, name: string): readonly Response[] =>
  all.filter((response) => response.name === name)

/** The only untagged response of that name; throws Violation when there are none or more. */
export function single(result: Result, name: string): Response {
  const found = untagged(result, name)
  check(found.length === 1, `one untagged ${name}`, `${found.length} before "${visible(result.raw)}"`)
  return found[0]!
}

/** The code of that name of an untagged OK or of the tagged response; null when it is not there. */
export const codeOf = (result: Result, name: string): Code | null =>
  [...result.untagged, result].map(({ code }) => code).find((code) => code?.name === name) ?? null

/** The FETCH responses of a command: message number → item names (upper case) → values; later ones add to earlier ones. */
export function fetched(result: Result): Map<number, Map<string, Value>> {
  const found = new Map<number, Map<string, Value>>()
  for (const { number, values, raw } of untagged(result, 'FETCH')) {
    check(number !== null && number > 0, 'a message number before FETCH', `"${visible(raw.slice(0, 100))}"`)
    const before = found.get(number) ?? new Map<string, Value>()
    found.set(number, new Map([...before, ...pairs(values[0], 'FETCH')]))
  }
  return found
}

/** The flags of a FETCH item or FLAGS response, sorted and in lower case. */
export const flagsOf = (value: Value | undefined): string[] =>
  value?.kind === 'list' ? value.items.map(({ text }) => text.toLowerCase()).sort() : []
