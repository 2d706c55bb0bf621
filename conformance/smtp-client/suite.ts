// What the smtp-client cases share: the hosts that mail is sent to, handing messages to the MTA, and waiting for what it does.
import { Blocked, check, Skipped, Violation, visible } from '../judgement.ts'
import { isOneOf, Smtp } from '../smtp/client.ts'
import type { Case, CaseFacts, Context, Dialect, Suite, Target } from '../types.ts'
import type { Wire } from '../wire.ts'
import { BASE, Hub } from './hub.ts'
import type { Names } from './names.ts'
import { type Command, type Mail, type Script, Session } from './session.ts'

/** `ready`: the case's domain is there, and the MTA has greeted on its submission side. */
export interface SmtpClientCase extends Case<Exchange> {
  readonly state: 'ready'
}

/** What a server offers that has everything that these cases look at. */
export const RICH = ['8BITMIME', 'SMTPUTF8', 'DSN', 'SIZE 50000000', 'ENHANCEDSTATUSCODES'] as const

export interface Host {
  readonly name: string
  readonly address: string
  script: Script
  readonly sessions: Session[]
}

export interface Letter {
  readonly from?: string
  /** Local parts of the case's domain, or whole addresses. */
  readonly to?: readonly string[]
  readonly fromParameters?: string
  /** For each recipient the same, or each its own. */
  readonly toParameters?: string | readonly string[]
  /** Header lines before those that every message has. */
  readonly above?: readonly string[]
  /** More header lines. */
  readonly header?: readonly string[]
  /** Lines without their ends. */
  readonly body?: readonly string[]
  /** EHLO keywords that handing it in needs. */
  readonly wants?: readonly string[]
}

/** How long nothing must come, where something must not come. */
const SILENCE_MS = 2500

export class Exchange implements Dialect {
  readonly wire: Wire
  readonly domain: string
  readonly hub: Hub
  readonly #context: Context
  /** What the MTA calls itself where messages are handed in. */
  readonly greeted: string
  #smtp: Smtp
  readonly #hosts: Host[] = []
  #over = false
  #wake: (() => void)[] = []
  /** Where the case's domain points. */
  mx!: Host
  /** Where mail to its senders goes. */
  back!: Host

  constructor(context: Context, { smtp, greeted }: Submission, hub: Hub) {
    this.#context = context
    this.#smtp = smtp
    this.greeted = greeted
    this.wire = smtp.wire
    this.hub = hub
    this.domain = hub.nextDomain()
  }

  get target(): Target {
    return this.#context.target
  }
  get sender(): string {
    return `sender@back.${this.domain}`
  }
  get recipient(): string {
    return `rcpt@${this.domain}`
  }
  /** What the MTA announces where messages are handed in. */
  takes(keyword: string): boolean {
    return this.#smtp.has(keyword)
  }
  /** The text that was handed in last. */
  handed = ''
  /** Sessions of all hosts in the order of their coming. */
  readonly sessions: Session[] = []

  /** Mail that came for the case and was taken. */
  get mails(): Mail[] {
    return this.sessions.flatMap(({ mails }) => mails).filter((one) => !this.isReport(one))
  }
  /** Mail with the null reverse-path to one of the case's senders. */
  get reports(): Mail[] {
    return this.sessions.flatMap(({ mails }) => mails).filter((one) => this.isReport(one))
  }
  /** Reports that give a message up: not those about a delay, or about success. */
  get returns(): Mail[] {
    return this.reports.filter(({ text }) => !/^Action:\s*(delayed|relayed|delivered|expanded)\b/im.test(text))
  }
  isReport({ recipients }: Mail): boolean {
    return recipients.some(({ path }) => path.toLowerCase().endsWith(`@back.${this.domain}`))
  }

  async open(): Promise<void> {
    this.mx = await this.host('mx')
    this.back = await this.host('back-mx', { offers: RICH })
    this.names(this.domain, { MX: [[10, this.mx.name]] })
    this.names(`back.${this.domain}`, { MX: [[10, this.back.name]] })
  }

  /** A host of the case; `dead` ones refuse connections. */
  async host(label: string, script: Script = {}, { dead = false } = {}): Promise<Host> {
    const host: Host = { name: `${label}.${this.domain}`, address: '', script, sessions: [] }
    const shared = this.#hosts.length > 0 && !this.hub.manyAddresses
    if (shared && label !== 'back-mx') throw new Skipped('needs several addresses: --dns, and --listen on loopback')
    const taker = dead || shared ? null : (socket: Parameters<Context['adopt']>[0]) => this.#take(host, socket)
    const made = { ...host, address: await this.hub.newAddress(taker) }
    Object.assign(host, made)
    this.#hosts.push(host)
    this.names(host.name, { A: [host.address] })
    return host
  }

  /** A host that takes mail for the domain of its own name; none where all hosts share an address. */
  async places<Label extends string>(scripts: { readonly [label in Label]: Script }): Promise<[Label, Host][]> {
    const found: [Label, Host][] = []
    if (!this.hub.manyAddresses) return found
    for (const [label, script] of Object.entries(scripts) as [Label, Script][]) {
      const host = await this.host(label, script)
      this.names(host.name, { A: [host.address], MX: [[10, host.name]] })
      found.push([label, host])
    }
    return found
  }

  /** Listens on ::1, as the host given; false where that cannot be. */
  async six(host: Host): Promise<boolean> {
    const address = await this.hub.openSix((socket) => this.#take(host, socket))
    if (address !== null) this.#six.push(address)
    return address !== null
  }
  readonly #six: string[] = []

  hostOf(session: Session): Host | undefined {
    return this.#hosts.find(({ sessions }) => sessions.includes(session))
  }

  names(name: string, names: Names | null): void {
    this.hub.setNames(name, names)
  }

  #take(host: Host, socket: Parameters<Context['adopt']>[0]): void {
    if (this.#over) {
      socket.destroy()
      return
    }
    const session: Session = new Session(this.#context.adopt(socket), host.script, this.hub.identity, {
      route: (own, command) => this.#route(own, command),
      changed: () => this.#changed(),
    })
    host.sessions.push(session)
    this.sessions.push(session)
    this.#changed()
    void session.serve()
  }

  /** Where all hosts share an address, mail to the senders goes to the script that is theirs, and what belongs to no or another case is taken. */
  #route(session: Session, { verb, argument }: Command): Script | null {
    if (this.hub.manyAddresses) return null
    const own = argument.toLowerCase().includes(this.domain)
    if (verb === 'MAIL' && argument.startsWith('FROM:<>') && !this.#nullSender) return this.back.script
    if (verb === 'RCPT' && argument.toLowerCase().includes(`@back.${this.domain}`)) return this.back.script
    if (!own && argument.toLowerCase().includes(BASE)) {
      this.sessions.splice(this.sessions.indexOf(session), 1)
      return { offers: RICH }
    }
    return null
  }
  #nullSender = false

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** Hands a message to the MTA. Throws Blocked when it is refused, Skipped when the MTA does not offer what it needs. */
  async hand(letter: Letter = {}): Promise<void> {
    const reply = await this.offer(letter)
    if (!isOneOf(reply.code, '2..')) throw new Blocked(`the MTA does not take the message: "${visible(reply.raw)}"`)
  }

  /** Hands a message over and gives the reply that ended it: the first refusal, or the one to the text. */
  async offer(letter: Letter = {}): Promise<{ code: number; raw: string }> {
    const s = this.#smtp
    const missing = (letter.wants ?? []).filter((keyword) => !s.has(keyword))
    if (missing.length > 0) throw new Skipped(`the MTA does not take ${missing.join(', ')} on its submission side`)
    const { from = this.sender, to = ['rcpt'] } = letter
    this.#nullSender = from === ''
    const parameters = (text: string | undefined): string => (text ? ` ${text}` : '')
    const { toParameters } = letter
    const asked = (at: number): string | undefined =>
      typeof toParameters === 'object' ? toParameters[at] : toParameters
    const steps = [
      `MAIL FROM:<${from}>${parameters(letter.fromParameters)}`,
      ...to.map((one, at) => `RCPT TO:<${one.includes('@') ? one : `${one}@${this.domain}`}>${parameters(asked(at))}`),
      'DATA',
    ]
    for (const step of steps) {
      const reply = await s.send(step)
      if (reply.code < 400) continue
      if (reply.code !== 421) await s.send('RSET')
      return { code: reply.code, raw: reply.raw.join(' / ') }
    }
    const { body = ['body'] } = letter
    const lines = [...this.header(letter), '', ...body]
    this.handed = lines.map((line) => `${line}\r\n`).join('')
    await s.wire.write(`${this.handed.replace(/(^|\n)\./g, '$1..')}.\r\n`)
    const reply = await s.expect('the end of the message')
    return { code: reply.code, raw: reply.raw.join(' / ') }
  }

  /** What is handed in from now on goes by another connection: some MTAs do a connection's mail in one process. */
  async reopen(): Promise<void> {
    await this.#smtp.send('QUIT')
    this.#smtp = (await openSubmission(this.#context)).smtp
  }

  /** Throws Blocked where the MTA takes no mail for others at all: a refusal would show nothing. */
  async admitted(): Promise<void> {
    this.names(`usual.${this.domain}`, { MX: [[10, this.mx.name]] })
    await this.#smtp.send(`MAIL FROM:<${this.sender}>`)
    const { code, raw } = await this.#smtp.send(`RCPT TO:<rcpt@usual.${this.domain}>`)
    if (!isOneOf(code, '2..')) throw new Blocked(`the MTA does not take mail for others: "${visible(raw.join(' / '))}"`)
    await this.#smtp.send('RSET')
  }

  header({ above = [], header = [] }: Letter): string[] {
    return [
      ...above,
      `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
      `From: "Author, The" <author@author.${this.domain}>`,
      `To: Recipient <${this.recipient}>`,
      `Message-ID: <${Math.random().toString(36).slice(2)}@${this.domain}>`,
      'Subject: Conformance probe',
      ...header,
    ]
  }

  /** Waits until something holds, and gives it. */
  async until<T>(expected: string, find: () => T | undefined | null | false, ms = this.target.answerMs): Promise<T> {
    const end = Date.now() + ms
    for (;;) {
      const found = find()
      if (found !== undefined && found !== null && found !== false) return found
      const left = end - Date.now()
      if (left <= 0) throw new Violation(`expected ${expected}; it did not come within ${ms / 1000} s`)
      await this.#event(left)
    }
  }

  #event(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** The case's mail, when it has come and was taken. */
  async mail(ms?: number): Promise<Mail> {
    return this.until('the message to be sent', () => this.mails.find(({ code }) => code >= 200 && code < 300), ms)
  }

  /** Hands a message in and waits until it has come. */
  async send(letter: Letter = {}): Promise<Mail> {
    await this.hand(letter)
    return this.mail()
  }

  /** The report to the sender that a message failed. */
  async report(): Promise<Mail> {
    return this.until('a report to the sender', () => this.returns[0])
  }

  /** Waits for what must not come. */
  async never(what: string, find: () => unknown, ms = SILENCE_MS): Promise<void> {
    const end = Date.now() + ms
    for (;;) {
      check(!find(), `no ${what}`, 'one')
      const left = end - Date.now()
      if (left <= 0) return
      await this.#event(left)
    }
  }

  /** Waits for the message to be tried again; needs `retry`. */
  async again(what = 'another attempt with the same message'): Promise<Mail> {
    return this.until(what, () => this.mails.find(({ code }) => code >= 200 && code < 300), this.target.retryMs ?? 0)
  }

  /** No connection of the case comes again: what still comes is taken. */
  settle(): void {
    this.#over = true
    this.hub.settle(this.domain, [...this.#hosts.map(({ address }) => address), ...this.#six])
  }
}

const hubs = new WeakMap<Target, Hub>()

export const smtpClientSuite = (cases: readonly SmtpClientCase[]): Suite<Exchange> => ({
  name: 'smtp-client',
  description: 'an MTA that sends: the runner is the server, and the name server, that it meets (RFC 5321)',
  port: { plain: 25, tls: 465 },
  cases,
  async before({ target }) {
    hubs.set(target, await Hub.open(target))
  },
  async after({ target }) {
    await hubs.get(target)?.close()
  },
  connect,
  async finish() {},
})

async function connect(context: Context, _one: CaseFacts): Promise<Exchange> {
  const hub = hubs.get(context.target)
  if (!hub) throw new Blocked('nothing listens')
  context.atEnd(await hub.takeTurn())
  const exchange = new Exchange(context, await openSubmission(context), hub)
  context.atEnd(() => exchange.settle())
  await exchange.open()
  return exchange
}

interface Submission {
  readonly smtp: Smtp
  readonly greeted: string
}

/** A session on the MTA's submission side, greeted, and logged in where there is an account. */
async function openSubmission(context: Context): Promise<Submission> {
  const smtp = new Smtp(await context.open())
  const greeting = await smtp.reply('the connection')
  smtp.demand(greeting, '220', 'the connection')
  await smtp.ehlo()
  if (context.target.tls === 'starttls') {
    await smtp.startTls()
    await smtp.ehlo()
  }
  if (context.target.user !== null) await smtp.login()
  return { smtp, greeted: greeting.lines[0]?.split(' ')[0] ?? '' }
}
