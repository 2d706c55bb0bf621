// The suites' own POP3 client: responses read strictly, commands sent as given.
import { Blocked, check, Skipped, Violation, visible } from '../judgement.ts'
import type { Dialect, Target } from '../types.ts'
import type { Wire } from '../wire.ts'

export type Status = '+OK' | '-ERR'

export interface Response {
  readonly status: Status
  /** Behind the status and a space. */
  readonly text: string
  readonly raw: string
}

const MAX_LINES = 200_000

export class Pop3 implements Dialect {
  readonly wire: Wire
  /** The text of the greeting; it may hold APOP's timestamp. */
  greeting = ''
  /** CAPA tag, upper case, to its arguments; null when the server has no CAPA. */
  capabilities: ReadonlyMap<string, readonly string[]> | null = null

  constructor(wire: Wire) {
    this.wire = wire
  }

  get target(): Target {
    return this.wire.target
  }

  async response(to: string, status?: Status): Promise<Response> {
    const raw = await this.wire.line(`a response to "${visible(to)}"`)
    const match = /^(\+OK|-ERR)(?: (.*))?$/s.exec(raw)
    if (!match) throw new Violation(`expected +OK or -ERR to "${visible(to)}"; got "${visible(raw)}"`)
    const response = { status: match[1] as Status, text: match[2] ?? '', raw }
    if (status !== undefined) check(response.status === status, `${status} to "${visible(to)}"`, `"${visible(raw)}"`)
    return response
  }

  async send(line: string, status?: Status): Promise<Response> {
    await this.wire.write(`${line}\r\n`)
    return this.response(line.startsWith('PASS') ? 'PASS …' : line, status)
  }

  /** The lines behind +OK up to the single period, periods taken off. */
  async lines(what: string): Promise<string[]> {
    const found: string[] = []
    for (;;) {
      const line = await this.wire.line(`the lines of ${what} and a final "."`)
      if (line === '.') return found
      found.push(line.startsWith('.') ? line.slice(1) : line)
      if (found.length > MAX_LINES) throw new Violation(`expected an end of ${what}; got ${found.length} lines`)
    }
  }

  /** A command with a multi-line response. */
  async multi(line: string): Promise<string[]> {
    await this.send(line, '+OK')
    return this.lines(line)
  }

  async capa(): Promise<void> {
    const { status } = await this.send('CAPA')
    if (status !== '+OK') return
    const found = await this.lines('CAPA')
    this.capabilities = new Map(
      found.map((line) => {
        const [tag = '', ...rest] = line.toUpperCase().split(' ')
        return [tag, rest]
      }),
    )
  }

  has(tag: string): boolean {
    return this.capabilities?.has(tag) ?? false
  }

  need(...tags: readonly string[]): void {
    const missing = tags.filter((tag) => !this.has(tag))
    if (missing.length > 0) throw new Skipped(`the server does not announce ${missing.join(', ')}`)
  }

  get account(): { user: string; password: string } {
    const { user, password } = this.target
    if (user === null || password === null) throw new Blocked('needs an account (--user, --password)')
    return { user, password }
  }

  async login(): Promise<void> {
    const { user, password } = this.account
    await this.send(`USER ${user}`)
    const { status, raw } = await this.send(`PASS ${password}`)
    if (status !== '+OK') throw new Blocked(`login failed: "${visible(raw)}"`)
  }

  async stat(): Promise<{ count: number; size: number }> {
    const { text, raw } = await this.send('STAT', '+OK')
    const match = /^(\d+) (\d+)(?: |$)/.exec(text)
    if (!match)
      throw new Violation(`expected "+OK", the number of messages and their size to STAT; got "${visible(raw)}"`)
    return { count: Number(match[1]), size: Number(match[2]) }
  }

  /** Message number → size. */
  async list(): Promise<Map<number, number>> {
    return new Map((await this.multi('LIST')).map((line) => parseListing(line)))
  }

  /** The number of a fixture (see suite.ts), the newest of its name; throws Skipped when it is not there. */
  async fixture(name: string): Promise<number> {
    const { count } = await this.stat()
    for (let number = count; number > Math.max(0, count - 20); number--) {
      const text = await this.multi(`RETR ${number}`)
      if (text.includes(`Subject: Conformance fixture ${name}`)) return number
    }
    throw new Skipped(`the maildrop has no fixture "${name}" (--feed hands it in)`)
  }
}

/** `1 120`, with more behind a space allowed. */
export function parseListing(line: string): [number, number] {
  const match = /^(\d+) (\d+)(?: |$)/.exec(line)
  if (!match) throw new Violation(`expected a message number and its size; got "${visible(line)}"`)
  return [Number(match[1]), Number(match[2])]
}

/** Octets of lines, each ended by CR LF. */
export const octetsOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + line.length + 2, 0)

export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
