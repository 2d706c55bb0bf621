// The suites' own SMTP and LMTP client: replies read strictly, commands sent as given, nothing shared with any server.
import { Blocked, check, Skipped, Violation, visible } from '../judgement.ts'
import type { Dialect, Target } from '../types.ts'
import type { Wire } from '../wire.ts'

export interface Reply {
  readonly code: number
  /** Text of each line behind the code and its separator. */
  readonly lines: readonly string[]
  /** Whole lines as they came. */
  readonly raw: readonly string[]
}

/** A reply code as cases write it: digits with `.` for any, alternatives by `|`: `250`, `5..`, `4..|5..`. */
export type Codes = string

const MAX_REPLY_LINES = 1000

export class Smtp implements Dialect {
  readonly wire: Wire
  /** EHLO keyword, upper case, to its parameters. */
  capabilities: ReadonlyMap<string, readonly string[]> = new Map()

  /** Opens a second connection of the same case, greeted. */
  readonly another: () => Promise<Smtp>

  constructor(wire: Wire, another: () => Promise<Smtp> = () => Promise.reject(new Blocked('one connection only'))) {
    this.wire = wire
    this.another = another
  }

  get target(): Target {
    return this.wire.target
  }

  has(keyword: string): boolean {
    return this.capabilities.has(keyword)
  }

  /** Reads one whole reply; throws Violation when it has not the form of RFC 5321 §4.2. */
  async reply(to = 'a reply'): Promise<Reply> {
    const raw: string[] = []
    for (;;) {
      const line = await this.wire.line(`a reply to ${to}`)
      raw.push(line)
      const match = /^([2-5][0-5]\d)(?:([ -])(.*))?$/s.exec(line)
      if (!match)
        throw new Violation(
          `expected a reply line to ${to}: three digits, then a space or hyphen; got "${visible(line)}"`,
        )
      if (!line.startsWith(raw[0]!.slice(0, 3)))
        throw new Violation(
          `expected the same code in every line of the reply to ${to}; got "${visible(line)}" behind "${visible(raw[0]!)}"`,
        )
      if (raw.length > MAX_REPLY_LINES)
        throw new Violation(`expected an end of the reply to ${to}; got ${raw.length} lines`)
      if (match[2] !== '-') return { code: Number(match[1]), lines: raw.map((one) => one.slice(4)), raw }
    }
  }

  /** Sends a command line and reads its reply; the reply must have one of the codes. */
  async send(line: string, codes?: Codes): Promise<Reply> {
    await this.wire.write(`${line}\r\n`)
    return this.expect(line, codes)
  }

  /** Reads the reply to something sent before. */
  async expect(to: string, codes?: Codes): Promise<Reply> {
    const name = to.length > 60 ? `${to.slice(0, 60)}…` : to
    const reply = await this.reply(`"${visible(name)}"`)
    if (codes !== undefined) this.demand(reply, codes, `"${visible(name)}"`)
    return reply
  }

  /** A 421 or 530 that was not asked for blocks: the server gave the session up, or wants a login or TLS that the run does not give. */
  demand(reply: Reply, codes: Codes, to: string): void {
    if (isOneOf(reply.code, codes)) return
    if (reply.code === 421) throw new Blocked(`the server gave up at ${to}: "${visible(reply.raw[0]!)}"`)
    if (reply.code === 530) throw new Blocked(`the server wants more before ${to}: "${visible(reply.raw[0]!)}"`)
    check(
      false,
      `${codes.replaceAll('.', 'x').replaceAll('|', ' or ')} to ${to}`,
      `"${visible(reply.raw.join(' / '))}"`,
    )
  }

  /** EHLO (or LHLO) and what the server announces. */
  async ehlo(verb = 'EHLO'): Promise<Reply> {
    const reply = await this.send(`${verb} ${this.target.helo}`, '250')
    this.capabilities = new Map(
      reply.lines.slice(1).map((line) => {
        const [keyword = '', ...rest] = line.toUpperCase().split(' ')
        return [keyword, rest]
      }),
    )
    return reply
  }

  async mail(parameters = ''): Promise<Reply> {
    return this.send(`MAIL FROM:<${this.target.from}>${parameters}`, '250')
  }

  /** A refused recipient blocks: which mail a server takes is its own affair. */
  async rcpt(address = this.recipient, parameters = ''): Promise<Reply> {
    const reply = await this.send(`RCPT TO:<${address}>${parameters}`)
    if (!isOneOf(reply.code, '250|251'))
      throw new Blocked(`the server does not take mail for ${address}: "${visible(reply.raw[0]!)}"`)
    return reply
  }

  get recipient(): string {
    if (this.target.rcpt === null) throw new Blocked('needs a recipient (--rcpt)')
    return this.target.rcpt
  }

  /** DATA after MAIL and RCPT, up to the 354. */
  async data(): Promise<Reply> {
    return this.send('DATA', '354')
  }

  /** MAIL, RCPT, DATA and the text; gives the final reply. `body` stands behind the header, lines ended by CRLF. */
  async message(
    body: string,
    { parameters = '', codes = '250' }: { parameters?: string; codes?: Codes } = {},
  ): Promise<Reply> {
    await this.mail(parameters)
    await this.rcpt()
    await this.data()
    await this.wire.write(`${this.header()}${body}.\r\n`)
    return this.expect('the end of the message', codes)
  }

  /** A short RFC 5322 header and its empty line; `more` are header fields, each ended by CRLF. */
  header(subject = 'Conformance probe', more = ''): string {
    const id = `${Date.now().toString(36)}.${Math.random().toString(36).slice(2)}`
    return [
      `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
      `From: <${this.target.from}>`,
      `To: <${this.target.rcpt ?? this.target.from}>`,
      `Message-ID: <${id}@${this.target.helo}>`,
      `Subject: ${subject}`,
      more,
      '',
    ].join('\r\n')
  }

  /** Ends a message; what stands before it must end in CRLF. */
  async endData(text = '', codes: Codes = '250'): Promise<Reply> {
    await this.wire.write(`${text}.\r\n`)
    return this.expect('the end of the message', codes)
  }

  /** The end of the server's side, or one whole reply: what a server may do that gives a session up. */
  async replyOrEnd(to: string): Promise<Reply | null> {
    try {
      return await this.expect(to)
    } catch (thrown) {
      if (this.wire.ended) return null
      throw thrown
    }
  }

  /** STARTTLS and the handshake; the caller greets anew. */
  async startTls(): Promise<void> {
    await this.send('STARTTLS', '220')
    await this.wire.startTls()
    this.capabilities = new Map()
  }

  /** EHLO, then TLS and a login as the target has them. */
  async begin({ hello = 'EHLO', tls = true, login = true } = {}): Promise<void> {
    await this.ehlo(hello)
    if (tls && this.target.tls === 'starttls' && !this.wire.secure) {
      if (!this.has('STARTTLS')) throw new Blocked('the server does not announce STARTTLS')
      await this.startTls()
      await this.ehlo(hello)
    }
    if (login && this.target.user !== null && this.has('AUTH')) await this.login()
  }

  /** AUTH PLAIN with the target's account. */
  async login(): Promise<void> {
    const { user, password } = this.target
    if (user === null || password === null) throw new Blocked('needs an account (--user, --password)')
    const reply = await this.send(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`)
    if (reply.code !== 235) throw new Blocked(`login failed: "${visible(reply.raw[0]!)}"`)
  }

  need(...keywords: readonly string[]): void {
    const missing = keywords.filter((keyword) => !this.has(keyword))
    if (missing.length > 0) throw new Skipped(`the server does not announce ${missing.join(', ')}`)
  }
}

export const isOneOf = (code: number, codes: Codes): boolean => new RegExp(`^(?:${codes})$`).test(String(code))

/** UTF-8 in base64, as SASL messages travel. */
export const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

export const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1)

/** Reports that a server's reply did not satisfy `expected` show it like this. */
export const quoted = ({ raw }: Reply): string => `"${visible(raw.join(' / '))}"`

/**
 * A syntax that the grammar has must be understood; refusing what it says is the server's right. A complaint about the
 * syntax is 50x or 555, a bare 553, or the enhanced codes that stand for bad syntax.
 */
export async function understood(s: Smtp, line: string): Promise<Reply> {
  const reply = await s.send(line)
  const [text = ''] = reply.lines
  const isComplaint =
    isOneOf(reply.code, '50.|555') ||
    (reply.code === 553 && !/^5\.(?!1\.[37] )/.test(text)) ||
    /^5\.(1\.[37]|5\.[24]) /.test(text)
  check(!isComplaint, `the syntax of "${visible(line.slice(0, 100))}" to be understood`, quoted(reply))
  return reply
}

/** Lines each ended by CRLF. */
export const lines = (...texts: readonly string[]): string => texts.map((text) => `${text}\r\n`).join('')

/** Sees that the session is alive and without a transaction open error: a NOOP gets 250. */
export const alive = async (s: Smtp): Promise<void> => void (await s.send('NOOP', '250'))
