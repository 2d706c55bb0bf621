// A small MTA, written for the proofs of the smtp-client suite alone: takes messages by SMTP, queues them in memory, sends them on.
import { createServer, type Socket } from 'node:net'
import { type Result, Session } from './sender-client.ts'
import type { Attempt, Deviation } from './sender-deviation.ts'
import { type Action, fieldsOf, type Message, makeReport, queued, type Recipient, splitText } from './sender-mail.ts'
import { findAddresses, type Names } from './sender-names.ts'

export interface Sender {
  readonly port: number
  close(): Promise<void>
}

export interface SenderOptions {
  /** Where mail goes to, on every host. */
  readonly port: number
  /** Null: the address 127.0.0.1 takes all mail. */
  readonly names: Names | null
  /** What it does otherwise than a correct sender. */
  readonly deviation?: Deviation
  /** Connections stay open for further messages. */
  readonly keeps?: boolean
}

const OFFERS = ['8BITMIME', 'SMTPUTF8', 'DSN', 'SIZE 50000000']
const RETRY_MS = 400
const MAX_ATTEMPTS = 12
/** The attempt whose failure is reported as a delay. */
const DELAY_AFTER = 3
const HOPS = 100
const KEEP_MS = 1000

export async function startSender(options: SenderOptions): Promise<Sender> {
  const mta = new Mta(options)
  const server = createServer((socket) => mta.take(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      mta.close()
      await new Promise((done) => server.close(done))
    },
  }
}

class Mta {
  readonly #options: SenderOptions
  readonly #deviation: Deviation
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Open connections that nobody uses, by domain and address. */
  readonly #kept = new Map<string, Session>()
  #count = 0
  #closed = false

  constructor(options: SenderOptions) {
    this.#options = options
    this.#deviation = options.deviation ?? {}
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
    for (const session of this.#kept.values()) void session.quit()
  }

  take(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    void this.#converse(socket).catch(() => socket.destroy())
  }

  async #converse(socket: Socket): Promise<void> {
    const say = (...lines: string[]): void => void socket.write(lines.map((line) => `${line}\r\n`).join(''))
    let name = ''
    let from: { path: string; parameters: string } | null = null
    let recipients: Recipient[] = []
    say('220 sender.example')
    const lines = linesOf(socket)
    for await (const line of lines) {
      const verb = line.split(' ')[0]!.toUpperCase()
      const [, path = '', parameters = ''] = /:<((?:"(?:\\.|[^"\\])*"|[^>"])*)> ?(.*)$/.exec(line) ?? []
      if (verb === 'EHLO') {
        name = line.slice(5)
        say('250-sender.example', ...OFFERS.map((offer, i) => `250${i < OFFERS.length - 1 ? '-' : ' '}${offer}`))
      } else if (verb === 'MAIL') {
        from = { path, parameters }
        recipients = []
        say('250 fine')
      } else if (verb === 'RCPT') {
        recipients.push({ path, notify: valueIn(parameters, 'NOTIFY'), orcpt: valueIn(parameters, 'ORCPT') })
        say('250 fine')
      } else if (verb === 'DATA') {
        say('354 go on')
        const text = await textOf(lines)
        const message: Message = {
          id: `q${++this.#count}`,
          from: from?.path ?? '',
          ret: valueIn(from?.parameters ?? '', 'RET'),
          envid: valueIn(from?.parameters ?? '', 'ENVID'),
          utf8: /SMTPUTF8/i.test(from?.parameters ?? ''),
          recipients,
          text,
        }
        say(this.#accept(message, { name, address: socket.remoteAddress ?? '' }))
      } else if (verb === 'QUIT') {
        say('221 bye')
        socket.end()
      } else say('250 fine')
    }
  }

  /** The reply to the text. */
  #accept(message: Message, origin: { name: string; address: string }): string {
    const hops = fieldsOf(splitText(message.text).header).filter((field) => /^received:/i.test(field)).length
    const proper = hops >= HOPS ? '554 5.4.6 too many hops' : '250 taken'
    const reply = this.#deviation.accepts?.(proper, message) ?? proper
    if (reply.startsWith('2')) this.#dispatch(queued(message, origin, this.#deviation))
    return reply
  }

  /** One attempt a domain. */
  #dispatch(message: Message): void {
    const domains = Map.groupBy(message.recipients, ({ path }) => domainOf(path).toLowerCase())
    const proper = [...domains.values()]
    for (const recipients of this.#deviation.groups?.(proper, message) ?? proper)
      void this.#attempt({ message, domain: domainOf(recipients[0]!.path), recipients, count: 1 })
  }

  async #attempt(attempt: Attempt): Promise<void> {
    if (this.#closed) return
    const results = await this.#try(attempt)
    if (this.#closed) return
    const later = results.filter(({ kind }) => kind === 'later')
    this.#reportAll(results, later, attempt)
    const proper = attempt.count < MAX_ATTEMPTS ? later.map(({ recipient }) => recipient) : []
    const recipients = this.#deviation.again?.(proper, results, attempt) ?? proper
    if (recipients.length === 0) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void this.#attempt({ ...attempt, recipients, count: attempt.count + 1 })
    }, RETRY_MS)
    this.#timers.add(timer)
  }

  async #try(attempt: Attempt): Promise<readonly Result[]> {
    const all = (kind: Result['kind'], reply: string): Result[] =>
      attempt.recipients.map((recipient) => ({ recipient, kind, reply, host: '', dsn: false }))
    const found = await findAddresses(attempt, this.#options.names, this.#deviation)
    if (found.kind === 'failed') return all('failed', `550 ${found.text}`)
    if (found.kind === 'later') return all('later', '450 4.4.3 no answer')
    let last: readonly Result[] = all('later', '451 4.4.1 no connection')
    for (const address of found.addresses) {
      last = (await this.#deliver(address, attempt)) ?? last
      // RFC 5321 §5.1: on to the next where there was no connection, or no welcome
      const next = last.every(({ kind, reply }) => kind === 'later' && /^(451 4\.4\.1|421)/.test(reply))
      if (!(this.#deviation.movesOn?.(next, last, attempt) ?? next)) break
    }
    return last
  }

  /** Null: there is no connection. */
  async #deliver(address: string, attempt: Attempt): Promise<readonly Result[] | null> {
    const { message, recipients, domain, count } = attempt
    const transaction = { message, recipients, attempt: count }
    const place = `${domain} ${address}`
    const kept = this.#kept.get(place)
    this.#kept.delete(place)
    try {
      const session = kept ?? (await Session.open(address, this.#options.port, transaction, this.#deviation))
      const results = await session.deliver(transaction, this.#options.keeps === true)
      if (session.open) this.#keep(place, session)
      return results
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error || error.message === 'unreachable')) throw error
      return null
    }
  }

  #keep(place: string, session: Session): void {
    this.#kept.set(place, session)
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#kept.get(place) !== session) return
      this.#kept.delete(place)
      void session.quit()
    }, KEEP_MS)
    this.#timers.add(timer)
  }

  #reportAll(results: readonly Result[], later: readonly Result[], attempt: Attempt): void {
    const asked = (one: Result, what: RegExp, otherwise: boolean): boolean =>
      one.recipient.notify === null ? otherwise : what.test(one.recipient.notify)
    const failed = results.filter((one) => one.kind === 'failed' && asked(one, /FAILURE/i, true))
    const sent = results.filter((one) => one.kind === 'sent' && asked(one, /SUCCESS/i, false) && !one.dsn)
    const delayed = attempt.count === DELAY_AFTER ? later.filter((one) => asked(one, /DELAY/i, true)) : []
    for (const [action, about] of Object.entries({ failed, relayed: sent, delayed }) as [Action, Result[]][])
      this.#report(attempt, this.#deviation.reports?.(about, action, results, attempt) ?? about, action)
  }

  #report({ message }: Attempt, results: readonly Result[], action: Action): void {
    if (results.length === 0) return
    // RFC 5321 §6.1: nobody is told about a message from nobody
    const proper = message.from === '' ? null : message.from
    const to = this.#deviation.addressee === undefined ? proper : this.#deviation.addressee(proper, message)
    if (to === null) return
    const report = makeReport(message, results, action, to)
    this.#dispatch(this.#deviation.report?.(report, message, results) ?? report)
  }
}

const domainOf = (path: string): string => path.slice(path.lastIndexOf('@') + 1)

const valueIn = (parameters: string, name: string): string | null =>
  parameters
    .split(' ')
    .find((text) => text.toUpperCase().startsWith(`${name}=`))
    ?.slice(name.length + 1) ?? null

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let buffer = ''
  for await (const bytes of socket) {
    buffer += (bytes as Buffer).toString('latin1')
    let end = buffer.indexOf('\r\n')
    while (end >= 0) {
      const line = buffer.slice(0, end)
      buffer = buffer.slice(end + 2)
      yield line
      end = buffer.indexOf('\r\n')
    }
  }
}

async function textOf(lines: AsyncGenerator<string>): Promise<string> {
  const text: string[] = []
  for (;;) {
    const { value, done } = await lines.next()
    if (done || value === '.') return text.map((line) => `${line}\r\n`).join('')
    text.push(value.startsWith('.') ? value.slice(1) : value)
  }
}
