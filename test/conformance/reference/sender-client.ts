// Outgoing SMTP of the reference sender: one connection, step by step, for one message or several.
import type { Deviation, Scene } from './sender-deviation.ts'
import { isEightBit, type Message, NAME, type Recipient, splitText, toSevenBits } from './sender-mail.ts'
import { connect, LostError, Talk, toReply } from './sender-talk.ts'

export interface Reply {
  readonly code: number
  readonly lines: readonly string[]
}

export interface Result {
  readonly recipient: Recipient
  readonly kind: 'sent' | 'later' | 'failed'
  /** Code and text, in one line. */
  readonly reply: string
  /** The other server's name. */
  readonly host: string
  /** It takes DSN over. */
  readonly dsn: boolean
}

export type Step =
  | 'greeting'
  | 'EHLO'
  | 'HELO'
  | 'STARTTLS'
  | 'handshake'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'text'
  | 'BDAT'
  | 'QUIT'
  | 'close'

export const isGood = ({ code }: Reply): boolean => code >= 200 && code < 300
export const textOf = ({ lines }: Reply): string => lines.map((line) => line.slice(4)).join(' ')
export const kindOf = (reply: Reply): Result['kind'] =>
  isGood(reply) ? 'sent' : reply.code >= 500 ? 'failed' : 'later'

/** What a server calls itself in its greeting, or in its reply to EHLO. */
const nameIn = ({ lines }: Reply): string => /^\S*/.exec(lines[0]!.slice(4))![0]

/** RFC 5321 §4.5.2 */
export const stuff = (text: string): string => text.replace(/^\./gm, '..')

interface Transaction {
  readonly message: Message
  readonly recipients: readonly Recipient[]
  readonly attempt: number
}

export class Session {
  readonly #talk: Talk
  readonly #address: string
  readonly #deviation: Deviation
  #current: Transaction
  #results = new Map<Recipient, Result>()
  #accepted: Recipient[] = []
  #offers: ReadonlyMap<string, string> = new Map()
  #heard: { to: string; reply: Reply }[] = []
  #host = ''
  #tls = false
  #count = 0
  #next: Step = 'greeting'

  /** Rejects when there is no connection at all. */
  static async open(address: string, port: number, first: Transaction, deviation: Deviation): Promise<Session> {
    const socket = await connect(address, port)
    return new Session((scene) => new Talk(socket, deviation, scene), address, first, deviation)
  }

  private constructor(talk: (scene: () => Scene) => Talk, address: string, first: Transaction, deviation: Deviation) {
    this.#address = address
    this.#deviation = deviation
    this.#current = first
    this.#talk = talk(() => this.#scene())
  }

  /** What became of each recipient. The connection stays open where that is wished, and all was well. */
  async deliver(transaction: Transaction, keep: boolean): Promise<readonly Result[]> {
    this.#current = transaction
    this.#results = new Map()
    this.#accepted = []
    if (this.#count > 0) this.#next = 'MAIL'
    await this.#walk((step) => step === 'QUIT' || step === 'close')
    // only a fault leaves anything open
    this.#all('later', toReply(['451 4.3.0 left open']))
    const proper = transaction.recipients.map((recipient) => this.#results.get(recipient)!)
    if (!keep || !this.open || proper.some(({ kind }) => kind !== 'sent')) await this.quit()
    const results = this.#deviation.results?.(proper, this.#scene()) ?? proper
    this.#count++
    return results
  }

  /** Whether another message may go over this connection. */
  get open(): boolean {
    return this.#next !== 'close'
  }

  async quit(): Promise<void> {
    if (this.open) await this.#walk((step) => step === 'close')
    this.#talk.close()
  }

  async #walk(ends: (step: Step) => boolean): Promise<void> {
    try {
      do {
        const after = this.#next
        const step = await this.#take(after)
        this.#next = this.#deviation.next?.(step, after, this.#scene()) ?? step
      } while (!ends(this.#next))
    } catch (error) {
      if (!(error instanceof LostError)) throw error
      this.#all('later', toReply([`451 4.4.2 ${error.message}`]))
      this.#talk.destroy()
      this.#next = 'close'
    }
  }

  #take(step: Step): Promise<Step> | Step {
    switch (step) {
      case 'greeting':
        return this.#greeting()
      case 'EHLO':
        return this.#ehlo()
      case 'HELO':
        return this.#helo()
      case 'STARTTLS':
        return this.#starttls()
      case 'handshake':
        return this.#handshake()
      case 'MAIL':
        return this.#mail()
      case 'RCPT':
        return this.#rcpt()
      case 'DATA':
        return this.#data()
      case 'text':
        return this.#text()
      case 'BDAT':
        return this.#bdat()
      case 'QUIT':
        return this.#quit()
      case 'close':
        return 'close'
    }
  }

  #scene(): Scene {
    return {
      ...this.#current,
      nth: this.#count,
      address: this.#address,
      tls: this.#tls,
      offers: this.#offers,
      heard: this.#heard,
    }
  }

  async #ask(command: string): Promise<Reply> {
    return this.#note(command, await this.#talk.ask(command))
  }
  async #hear(name: string): Promise<Reply> {
    return this.#note(name, await this.#talk.hear(name))
  }
  #note(to: string, reply: Reply): Reply {
    this.#heard.push({ to, reply })
    return reply
  }

  #settle(recipient: Recipient, kind: Result['kind'], reply: Reply): void {
    if (this.#results.has(recipient)) return
    const line = `${reply.lines[0]!.slice(0, 3)} ${textOf(reply)}`
    const host = this.#host === '' ? `[${this.#address}]` : this.#host
    this.#results.set(recipient, { recipient, kind, reply: line, host, dsn: this.#offers.has('DSN') })
  }
  #all(kind: Result['kind'], reply: Reply): 'QUIT' {
    for (const recipient of this.#current.recipients) this.#settle(recipient, kind, reply)
    return 'QUIT'
  }

  async #greeting(): Promise<Step> {
    const greeting = await this.#hear('greeting')
    this.#host = nameIn(greeting)
    return isGood(greeting) ? 'EHLO' : this.#all(kindOf(greeting), greeting)
  }

  async #ehlo(): Promise<Step> {
    const reply = await this.#ask(`EHLO ${NAME}`)
    if (reply.code === 421) return this.#all('later', reply)
    this.#offers = new Map()
    if (!isGood(reply)) return 'HELO'
    const lines = reply.lines.slice(1).map((line) => line.slice(4))
    const offers = new Map(lines.map((line) => [/^\S*/.exec(line)![0].toUpperCase(), line.replace(/^\S* ?/, '')]))
    this.#host = nameIn(reply) || this.#host
    this.#offers = this.#deviation.offers?.(offers, this.#scene()) ?? offers
    return this.#offers.has('STARTTLS') && !this.#tls ? 'STARTTLS' : 'MAIL'
  }

  async #helo(): Promise<Step> {
    const reply = await this.#ask(`HELO ${NAME}`)
    return isGood(reply) ? 'MAIL' : this.#all(kindOf(reply), reply)
  }

  async #starttls(): Promise<Step> {
    const reply = await this.#ask('STARTTLS')
    return reply.code === 220 ? 'handshake' : 'MAIL'
  }

  async #handshake(): Promise<Step> {
    await this.#talk.startTls()
    this.#tls = true
    return 'EHLO'
  }

  async #mail(): Promise<Step> {
    const proper = this.#hindrance()
    const hindrance = this.#deviation.hinders === undefined ? proper : this.#deviation.hinders(proper, this.#scene())
    if (hindrance) return this.#all('failed', hindrance)
    const group = this.#offers.has('PIPELINING')
    const line = this.#mailLine()
    if (group) {
      const rcpts = this.#current.recipients.map((recipient) => this.#rcptLine(recipient))
      this.#talk.send(line, ...rcpts, ...(this.#offers.has('CHUNKING') ? [] : ['DATA']))
    }
    const reply = await this.#ask(line)
    if (isGood(reply)) return 'RCPT'
    this.#all(kindOf(reply), reply)
    return group ? 'RCPT' : 'QUIT'
  }

  async #rcpt(): Promise<Step> {
    const group = this.#offers.has('PIPELINING')
    const replies: Reply[] = []
    for (const recipient of this.#current.recipients) {
      const reply = await this.#ask(this.#rcptLine(recipient))
      replies.push(reply)
      // RFC 5321 §3.8: the server is leaving
      if (reply.code === 421 && !group) return this.#all('later', reply)
    }
    const sorted = this.#deviation.rcpts?.(replies, this.#scene()) ?? replies
    const some = sorted.some(isGood)
    for (const [i, recipient] of this.#current.recipients.entries()) {
      const reply = sorted[i]!
      if (!isGood(reply)) this.#settle(recipient, reply.code === 552 && some ? 'later' : kindOf(reply), reply)
      else if (!this.#results.has(recipient)) this.#accepted.push(recipient)
    }
    if (this.#offers.has('CHUNKING')) return this.#accepted.length > 0 ? 'BDAT' : 'QUIT'
    return this.#accepted.length > 0 || group ? 'DATA' : 'QUIT'
  }

  async #data(): Promise<Step> {
    const reply = await this.#ask('DATA')
    if (reply.code === 354) return 'text'
    return this.#taken(isGood(reply) ? 'later' : kindOf(reply), reply)
  }

  async #text(): Promise<Step> {
    // RFC 2920 §3.1: nobody is there to get it
    const octets = this.#accepted.length === 0 ? '.\r\n' : `${stuff(this.#plain())}.\r\n`
    this.#talk.hand(this.#deviation.data?.(octets, this.#scene()) ?? octets, 'text')
    const reply = await this.#hear('text')
    return this.#taken(kindOf(reply), reply)
  }

  async #bdat(): Promise<Step> {
    const text = this.#plain()
    const half = Math.floor(text.length / 2)
    let reply: Reply
    for (const [part, last] of [
      [text.slice(0, half), ''],
      [text.slice(half), ' LAST'],
    ] as const) {
      const command = `BDAT ${part.length}${last}`
      const octets = `${command}\r\n${part}`
      this.#talk.hand(this.#deviation.chunk?.(octets, this.#scene()) ?? octets, command)
      reply = await this.#hear(command)
      if (!isGood(reply)) break
    }
    return this.#taken(kindOf(reply!), reply!)
  }

  /** What is so of all that were accepted. */
  #taken(kind: Result['kind'], reply: Reply): Step {
    for (const recipient of this.#accepted) this.#settle(recipient, kind, reply)
    return 'QUIT'
  }

  async #quit(): Promise<Step> {
    await this.#ask('QUIT')
    return 'close'
  }

  /** Why the message cannot go to this server. */
  #hindrance(): Reply | null {
    const size = Number(this.#offers.get('SIZE') ?? 0)
    if (size > 0 && this.#current.message.text.length > size) return toReply(['552 5.3.4 too big'])
    if (this.#needsUtf8() && !this.#offers.has('SMTPUTF8')) return toReply(['550 5.6.7 needs SMTPUTF8'])
    return null
  }
  #needsUtf8(): boolean {
    const { message, recipients } = this.#current
    const paths = [message.from, ...recipients.map(({ path }) => path)]
    return [...paths, splitText(message.text).header].some(isEightBit)
  }

  #mailLine(): string {
    const { message } = this.#current
    const offers = (keyword: string): boolean => this.#offers.has(keyword)
    return [
      `MAIL FROM:<${message.from}>`,
      ...(offers('SIZE') ? [`SIZE=${this.#plain().length}`] : []),
      ...(offers('8BITMIME') && isEightBit(message.text) ? ['BODY=8BITMIME'] : []),
      ...(offers('SMTPUTF8') && this.#needsUtf8() ? ['SMTPUTF8'] : []),
      ...(offers('DSN') && message.ret !== null ? [`RET=${message.ret}`] : []),
      ...(offers('DSN') && message.envid !== null ? [`ENVID=${message.envid}`] : []),
    ].join(' ')
  }

  #rcptLine({ path, notify, orcpt }: Recipient): string {
    const dsn = this.#offers.has('DSN')
    return [
      `RCPT TO:<${path}>`,
      ...(dsn && notify !== null ? [`NOTIFY=${notify}`] : []),
      ...(dsn && orcpt !== null ? [`ORCPT=${orcpt}`] : []),
    ].join(' ')
  }

  /** The text as it is to arrive. */
  #plain(): string {
    const { text } = this.#current.message
    const fit = this.#offers.has('8BITMIME') ? text : toSevenBits(text)
    const plain = fit.replace(/[^\r\n]{998}(?=[^\r\n])/g, '$&\r\n ')
    return this.#deviation.text?.(plain, this.#scene()) ?? plain
  }
}
