// One outgoing SMTP session of the reference sender: a message to some recipients at one address.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Has } from './sender-faults.ts'
import { type Message, NAME, type Recipient, splitText, toSevenBits } from './sender-mail.ts'

export interface Result {
  readonly recipient: Recipient
  readonly kind: 'sent' | 'later' | 'failed'
  readonly reply: string
  /** The server takes DSN over. */
  readonly dsn: boolean
}

/** The connection was lost, or what came is no SMTP: all that is open is tried later. */
class LostError extends Error {}

interface Reply {
  readonly code: number
  readonly lines: readonly string[]
}

const KNOWN = [
  211, 214, 220, 221, 250, 251, 252, 354, 421, 450, 451, 452, 455, 500, 501, 502, 503, 504, 550, 551, 552, 553, 554,
  555,
]

class Talk {
  socket: Socket
  #buffer = ''
  #over = false
  #wake = (): void => {}
  readonly #has: Has
  constructor(socket: Socket, has: Has) {
    this.socket = socket
    this.#has = has
    this.#listen()
  }

  #listen(): void {
    this.socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1')
      this.#buffer += this.#has('takes each packet for a line') && !text.endsWith('\n') ? `${text}\r\n` : text
      this.#wake()
    })
    for (const event of ['end', 'close', 'error']) this.socket.on(event, () => this.#end())
  }
  #end(): void {
    this.#over = true
    this.#wake()
  }

  /** Octets that have come and belong to no reply yet. */
  get waiting(): string {
    return this.#buffer
  }
  forget(): void {
    this.#buffer = ''
  }

  send(line: string): void {
    this.socket.write(Buffer.from(`${line}${this.#has('ends commands by LF') ? '\n' : '\r\n'}`, 'latin1'))
  }
  write(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'))
  }

  async #line(): Promise<string> {
    for (;;) {
      const at = this.#buffer.indexOf('\n')
      if (at >= 0) {
        const line = this.#buffer.slice(0, at).replace(/\r$/, '')
        this.#buffer = this.#buffer.slice(at + 1)
        return line
      }
      if (this.#over) throw new LostError('the connection was lost')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async reply({ greeting = false } = {}): Promise<Reply> {
    const lines: string[] = []
    for (;;) {
      const line = await this.#line()
      if (line.length > 400 && this.#has('cannot read long replies')) throw new LostError('too long')
      if (!/^\d{3}/.test(line)) throw new LostError('no reply')
      if (line.length <= 4 && this.#has('wants text in replies')) throw new LostError('no text')
      lines.push(line)
      if (line[3] !== '-') break
      if (
        this.#has('takes each line for a reply') ||
        (greeting && this.#has('takes the first line of a greeting for all of it'))
      )
        break
    }
    if (this.#has('takes a packet for one reply')) this.#buffer = ''
    return { code: this.#codeOf(lines[0]!), lines }
  }

  #codeOf(line: string): number {
    const code = Number(line.slice(0, 3))
    if (this.#has('reads the text of replies') && code < 400) return Number(/ ([45]\d\d) /.exec(line)?.[1] ?? code)
    if (code >= 600) return this.#has('takes codes from 600 for success') ? 250 : 500
    if (code === 251 && this.#has('fails at 251')) return 551
    if (KNOWN.includes(code)) return code
    if (this.#has('knows the codes of RFC 5321 alone')) return code >= 500 ? 451 : 451
    return code >= 400 && this.#has('takes unknown codes for failures') ? 550 : code
  }

  async command(line: string): Promise<Reply> {
    this.send(line)
    return this.reply()
  }

  async startTls(): Promise<void> {
    if (this.#over) throw new LostError('no TLS')
    for (const event of ['data', 'end', 'close', 'error']) this.socket.removeAllListeners(event)
    const plain = this.socket
    const secured = connectTls({ socket: plain, rejectUnauthorized: false })
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new LostError('no TLS'))
      secured.once('secureConnect', resolve)
      for (const event of ['error', 'close']) secured.once(event, fail)
      // an end that comes while the socket changes hands is told by the socket below alone
      for (const event of ['end', 'error', 'close']) plain.once(event, fail)
      if (plain.readableEnded || plain.destroyed) fail()
    })
    secured.removeAllListeners('close')
    this.socket = secured
    this.#listen()
  }

  /** Nothing more is read; the other side may have its say. */
  close(): void {
    this.socket.end()
  }
}

const isGood = ({ code }: Reply): boolean => code >= 200 && code < 300
const textOf = ({ lines }: Reply): string => lines.map((line) => line.slice(4)).join(' ')
const kindOf = (reply: Reply): Result['kind'] => (isGood(reply) ? 'sent' : reply.code >= 500 ? 'failed' : 'later')

/** Connects, sends, and says what became of each recipient. Rejects when there is no connection at all. */
export async function deliver(
  message: Message,
  recipients: readonly Recipient[],
  to: { readonly address: string; readonly port: number },
  has: Has,
): Promise<Result[]> {
  const socket = connectTcp(to.port, to.address)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
    if (to.address === '100::1') socket.destroy(new Error('unreachable'))
  })
  socket.removeAllListeners('error')
  return new Delivery(new Talk(socket, has), message, recipients, has).run()
}

class Delivery {
  readonly #talk: Talk
  readonly #message: Message
  readonly #recipients: readonly Recipient[]
  readonly #has: Has
  readonly #results = new Map<Recipient, Result>()
  #offers = new Map<string, string>()

  constructor(talk: Talk, message: Message, recipients: readonly Recipient[], has: Has) {
    this.#talk = talk
    this.#message = message
    this.#recipients = recipients
    this.#has = has
  }

  async run(): Promise<Result[]> {
    try {
      const refusal = await this.#open()
      if (refusal) this.#all(kindOf(refusal), refusal)
      else await this.#transact()
      await this.#quit()
    } catch (error) {
      if (!(error instanceof LostError)) throw error
      const kind = this.#has('returns mail when the connection closes') ? 'failed' : 'later'
      this.#all(kind, { code: 451, lines: [`451 4.4.2 ${error.message}`] })
      this.#talk.socket.destroy()
    }
    return this.#recipients.map((recipient) => this.#results.get(recipient)!)
  }

  #all(kind: Result['kind'], reply: Reply): void {
    for (const recipient of this.#recipients) if (!this.#results.has(recipient)) this.#settle(recipient, kind, reply)
  }
  #settle(recipient: Recipient, kind: Result['kind'], reply: Reply): void {
    const line = `${reply.lines[0]!.slice(0, 3)} ${textOf(reply)}`
    this.#results.set(recipient, { recipient, kind, reply: line, dsn: this.#offers.has('DSN') })
  }

  /** Gives the reply that keeps mail from being sent here. */
  async #open(): Promise<Reply | null> {
    const { 0: talk, 1: has } = [this.#talk, this.#has] as const
    if (has('speaks before the greeting')) talk.send(`EHLO ${NAME}`)
    const greeting = await talk.reply({ greeting: true })
    if (!isGood(greeting) && !has('does not look at the code of the greeting')) return greeting
    if (has('speaks before the greeting')) await talk.reply()
    if (has('does not greet')) return null
    const refusal = await this.#greet()
    if (refusal) return refusal
    return this.#secure()
  }

  async #greet(): Promise<Reply | null> {
    const has = this.#has
    const name = has('greets with an underscore and a space')
      ? 'my_host name'
      : has('greets with a short name')
        ? 'sender'
        : has('greets in UTF-8')
          ? 's\xc3\xa9nder.example'
          : NAME
    const reply = await this.#talk.command(`${has('greets by HELO first') ? 'HELO' : 'EHLO'} ${name}`)
    this.#offers = new Map()
    const single = reply.lines.length === 1 && has('wants an EHLO reply of several lines')
    const strange = reply.lines.some((line) => line.includes('XYZZY')) && has('is stopped by unknown keywords')
    if (isGood(reply) && !single && !strange) {
      for (const line of reply.lines.slice(1)) {
        const [keyword = '', ...rest] = line.slice(4).split(' ')
        this.#offers.set(has('knows keywords in upper case alone') ? keyword : keyword.toUpperCase(), rest.join(' '))
      }
      return null
    }
    if (single || strange || has('does not fall back to HELO')) return { code: 500, lines: ['500 5.5.1 no EHLO'] }
    const helo = await this.#talk.command(`HELO ${name}`)
    return isGood(helo) || has('does not look at the reply to HELO') ? null : helo
  }

  async #secure(): Promise<Reply | null> {
    const { 0: talk, 1: has } = [this.#talk, this.#has] as const
    const wanted = this.#offers.has('STARTTLS') && !has('uses no TLS')
    if (!wanted && !has('uses STARTTLS unasked')) return null
    talk.send('STARTTLS')
    if (has('sends EHLO with STARTTLS')) talk.send(`EHLO ${NAME}`)
    const reply = await talk.reply()
    if (reply.code !== 220 && !has('shakes hands after 454')) return null
    const before = this.#offers
    const clear = talk.waiting
    if (!has('reads the clear within TLS')) talk.forget()
    await talk.startTls()
    if (has('does not greet within TLS')) return null
    const refusal = await this.#greet()
    if (has('remembers offers over TLS')) for (const [keyword, value] of before) this.#offers.set(keyword, value)
    if (clear !== '' && has('reads the clear within TLS')) talk.forget()
    if (this.#offers.has('STARTTLS') && has('uses STARTTLS twice')) await talk.command('STARTTLS')
    return refusal
  }

  async #transact(): Promise<void> {
    const { 0: talk, 1: has } = [this.#talk, this.#has] as const
    const hindrance = this.#hindrance()
    if (hindrance) return this.#all('failed', hindrance)
    const mail = this.#mail()
    const rcpts = this.#recipients.map((recipient) => this.#rcpt(recipient))
    const data = has('gives DATA an argument') ? 'DATA now' : 'DATA'
    const bdat = this.#offers.has('CHUNKING') || has('uses BDAT unasked')
    const together = this.#offers.has('PIPELINING') || has('does not wait for replies')
    if (has('sends MAIL twice')) await talk.command(mail)
    if (together) talk.write([mail, ...rcpts, ...(bdat ? [] : [data])].map((line) => `${line}\r\n`).join(''))
    if (together && !bdat && has('pipelines behind DATA')) talk.write(`${this.#text()}.\r\n`)
    else if (together && !bdat && has('sends the text with DATA')) talk.write(this.#text())
    const first = together ? await talk.reply() : await talk.command(mail)
    const ignored = has('does not look at the reply to MAIL')
    if (!isGood(first)) {
      this.#all(ignored ? 'sent' : kindOf(first), first)
      if (!together) return
    }
    const accepted: Recipient[] = []
    const replies: Reply[] = []
    for (const line of rcpts) {
      const reply = together ? await talk.reply() : await talk.command(line)
      replies.push(reply)
      if (reply.code === 421 && !together && !has('goes on behind 421')) return this.#all('later', reply)
    }
    if (has('shifts replies')) replies.unshift(replies.pop()!)
    this.#recipients.forEach((recipient, i) => {
      const reply = replies[i]!
      if (isGood(reply)) accepted.push(recipient)
      else if (!this.#results.has(recipient)) this.#settle(recipient, this.#refusal(reply), reply)
    })
    const refused = this.#recipients.find((recipient) => this.#results.get(recipient)?.kind === 'failed')
    if (has('lets one refusal stop all') && refused) return this.#all('failed', replies.find((one) => one.code >= 500)!)
    if (bdat) return accepted.length > 0 ? this.#chunk(accepted) : undefined
    if (accepted.length === 0 && !together && !has('sends the text to nobody')) return
    await this.#data(data, accepted, together)
  }

  async #data(data: string, accepted: readonly Recipient[], together: boolean): Promise<void> {
    const { 0: talk, 1: has } = [this.#talk, this.#has] as const
    const early = has('sends the text with DATA') || (together && has('pipelines behind DATA'))
    if (!together) {
      talk.send(data)
      if (has('sends the text with DATA')) talk.write(this.#text())
    }
    const reply = await talk.reply()
    const goesOn = reply.code === 354 || (reply.code === 250 && has('takes 250 for 354'))
    if (!goesOn && !has('sends the text whatever DATA got')) {
      const kind = isGood(reply) ? 'later' : kindOf(reply)
      for (const recipient of accepted) this.#settle(recipient, kind, reply)
      return
    }
    if (accepted.length === 0 && !has('sends the text to nobody')) talk.write('.\r\n')
    else if (!early) talk.write(`${this.#text()}.\r\n`)
    else if (!(together && has('pipelines behind DATA'))) talk.write('.\r\n')
    const end = await this.#endReply()
    for (const recipient of accepted) this.#settle(recipient, kindOf(end), end)
  }

  async #endReply(): Promise<Reply> {
    if (!this.#has('waits a fifth of a second')) return this.#talk.reply()
    const timeout = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new LostError('too slow')), 200)
    })
    return Promise.race([this.#talk.reply(), timeout])
  }

  async #chunk(accepted: readonly Recipient[]): Promise<void> {
    const text = this.#has('doubles periods in BDAT') ? this.#text() : this.#plain()
    const half = Math.floor(text.length / 2)
    for (const [part, last] of [
      [text.slice(0, half), ''],
      [text.slice(half), ' LAST'],
    ] as const) {
      this.#talk.write(`BDAT ${part.length}${last}\r\n${part}`)
      const reply = await this.#talk.reply()
      if (last === '' && isGood(reply)) continue
      for (const recipient of accepted) this.#settle(recipient, kindOf(reply), reply)
      return
    }
  }

  #refusal(reply: Reply): Result['kind'] {
    const some = this.#recipients.length > 2
    if (reply.code === 552 && some && !this.#has('returns what 552 refuses')) return 'later'
    if (reply.code === 452 && this.#has('returns what 452 refuses')) return 'failed'
    return kindOf(reply)
  }

  /** Why the message cannot go to this server. */
  #hindrance(): Reply | null {
    const size = Number(this.#offers.get('SIZE') ?? 0)
    if (size > 0 && this.#message.text.length > size) return { code: 552, lines: ['552 5.3.4 too big'] }
    if (this.#needsUtf8() && !this.#offers.has('SMTPUTF8') && !this.#has('sends UTF-8 to everybody'))
      return { code: 550, lines: ['550 5.6.7 needs SMTPUTF8'] }
    return null
  }
  #needsUtf8(): boolean {
    const paths = [this.#message.from, ...this.#recipients.map(({ path }) => path)]
    return [...paths, splitText(this.#message.text).header].some((text) => /[^\x00-\x7f]/.test(text))
  }

  #mail(): string {
    const { 0: has, 1: message } = [this.#has, this.#message] as const
    const offered = (keyword: string): boolean => this.#offers.has(keyword)
    const always = has('sends parameters that were not offered')
    const dsn = offered('DSN') || has('sends DSN parameters to everybody')
    const eight = /[^\x00-\x7f]/.test(message.text)
    const utf8 = (this.#needsUtf8() && !has('never declares SMTPUTF8')) || has('declares SMTPUTF8 always')
    const size = has('declares a wrong size') ? message.text.length * 5 : this.#plain().length
    const envid = message.envid !== null && has('decodes ENVID') ? message.envid.replace('+2B', '+') : message.envid
    const from = has('lowers the sender') ? message.from.toLowerCase() : message.from
    const path = from === '' && has('fills the null path') ? `postmaster@${NAME}` : from
    return [
      `MAIL FROM:${has('puts a space behind the colon') ? ' ' : ''}<${path}>`,
      ...(offered('SIZE') || always ? [`SIZE=${size}`] : []),
      ...((offered('8BITMIME') && eight && !has('never declares 8BITMIME')) || always ? ['BODY=8BITMIME'] : []),
      ...(utf8 && (offered('SMTPUTF8') || has('declares SMTPUTF8 always') || has('sends UTF-8 to everybody'))
        ? ['SMTPUTF8']
        : []),
      ...(dsn && message.ret !== null && !has('drops RET') ? [`RET=${message.ret}`] : []),
      ...(dsn && envid !== null ? [`ENVID=${envid}`] : []),
    ].join(' ')
  }

  #rcpt({ path, notify, orcpt }: Recipient): string {
    const has = this.#has
    const dsn = this.#offers.has('DSN') || has('sends DSN parameters to everybody')
    const asked = has('drops NOTIFY') ? null : (notify ?? (has('invents NOTIFY') ? 'FAILURE' : null))
    const original = orcpt !== null && has('lowers ORCPT') ? orcpt.toLowerCase() : orcpt
    return [
      `RCPT TO:${has('puts a space behind the colon') ? ' ' : ''}<${this.#forwardPath(path)}>`,
      ...(dsn && asked !== null ? [`NOTIFY=${asked}`] : []),
      ...(dsn && original !== null ? [`ORCPT=${original}`] : []),
    ].join(' ')
  }

  #forwardPath(path: string): string {
    const has = this.#has
    const at = path.lastIndexOf('@')
    let local = path.slice(0, at)
    if (has('lowers recipients')) local = local.toLowerCase()
    if (has('takes what follows a percent sign off')) local = local.replace(/[%{].*$/, '')
    if (has('takes quotes off')) local = local.replace(/^"(.*)"$/, '$1')
    if (has('cuts local parts')) local = local.slice(0, 60)
    if (has('spells UTF-8 in another way')) local = local.replaceAll('\xc3\xbc', 'u\xcc\x88')
    return local + path.slice(at)
  }

  /** The text as it is to arrive. */
  #plain(): string {
    const has = this.#has
    let text = this.#message.text
    if (!this.#offers.has('8BITMIME') && !has('sends eight bits to everybody')) text = toSevenBits(text, has)
    if (has('strips the eighth bit'))
      text = text.replace(/[^\x00-\x7f]/g, (c) => String.fromCharCode(c.charCodeAt(0) & 0x7f))
    if (has('cuts lines at 900')) text = text.replace(/^(.{900}).+$/gm, '$1')
    if (has('cuts the text at 60000')) text = text.slice(0, 60_000)
    if (!has('sends long lines')) text = text.replace(/[^\r\n]{998}(?=[^\r\n])/g, '$&\r\n ')
    if (has('adds an empty line')) text += '\r\n'
    return text
  }
  /** The same as DATA wants it. */
  #text(): string {
    const stuffed = this.#has('does not double periods') ? this.#plain() : this.#plain().replace(/^\./gm, '..')
    return this.#has('ends lines by LF') ? stuffed.replaceAll('\r\n', '\n').replace(/\n$/, '\r\n') : stuffed
  }

  async #quit(): Promise<void> {
    const has = this.#has
    const refused = [...this.#results.values()].some(({ kind }) => kind !== 'sent')
    if (has('closes without QUIT') || (refused && has('closes without QUIT after a refusal'))) return this.#talk.close()
    this.#talk.send('QUIT')
    if (has('does not wait for the reply to QUIT')) {
      this.#talk.close()
      return
    }
    await this.#talk.reply().catch(() => {})
    this.#talk.close()
  }
}
