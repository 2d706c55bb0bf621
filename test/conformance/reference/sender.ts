// A small MTA, written for the proofs of the smtp-client suite alone: takes messages by SMTP, queues them in memory, sends them on.
import { createServer, type Socket } from 'node:net'
import { deliver, type Result } from './sender-client.ts'
import type { Has, SenderFault } from './sender-faults.ts'
import { type Failure, fieldsOf, type Message, makeReport, type Recipient, received, splitText } from './sender-mail.ts'
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
  readonly fault?: SenderFault
}

const OFFERS = ['8BITMIME', 'SMTPUTF8', 'DSN', 'SIZE 50000000']
const RETRY_MS = 400
const MAX_ATTEMPTS = 12
/** The attempt whose failure is reported as a delay. */
const DELAY_AFTER = 3
const HOPS = 100

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
  readonly #has: Has
  readonly #sockets = new Set<Socket>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Recipients that a domain once had. */
  readonly #past = new Map<string, Recipient[]>()
  readonly #offended = new Set<string>()
  #count = 0
  #closed = false

  constructor(options: SenderOptions) {
    this.#options = options
    this.#has = (fault) => fault === options.fault
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets) socket.destroy()
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
        const route = this.#has('keeps source routes') ? path : path.replace(/^@[^:]*:/, '')
        recipients.push({ path: route, notify: valueIn(parameters, 'NOTIFY'), orcpt: valueIn(parameters, 'ORCPT') })
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
    const limit = this.#has('counts 30 hops') ? 30 : this.#has('counts no hops') ? Number.POSITIVE_INFINITY : HOPS
    if (hops >= limit) return '554 5.4.6 too many hops'
    this.#dispatch({ ...message, text: received(message, origin, this.#has) })
    return '250 taken'
  }

  /** One attempt a domain, or a recipient. */
  #dispatch(message: Message): void {
    const groups = new Map<string, Recipient[]>()
    for (const [i, recipient] of message.recipients.entries()) {
      const domain = recipient.path.slice(recipient.path.lastIndexOf('@') + 1)
      const key = this.#has('sends a copy to each recipient') ? `${i} ${domain}` : domain
      groups.set(key, [...(groups.get(key) ?? []), recipient])
    }
    for (const [key, recipients] of groups) {
      const domain = key.split(' ').at(-1)!
      const past = this.#has('adds the recipients of the message before') ? (this.#past.get(domain) ?? []) : []
      this.#past.set(domain, recipients)
      void this.#attempt(message, domain, [...past, ...recipients], 1)
    }
  }

  async #attempt(message: Message, domain: string, recipients: readonly Recipient[], count: number): Promise<void> {
    if (this.#closed) return
    if (count > 1 && this.#has('changes what it repeats'))
      message = { ...message, text: `X-Attempt: ${count}\r\n${message.text}` }
    const results = await this.#try(message, domain, recipients)
    if (this.#closed) return
    if (this.#has('sends twice') && count === 1 && results.every(({ kind }) => kind === 'sent'))
      await this.#try(message, domain, recipients)
    const later = results.filter(({ kind }) => kind === 'later')
    const failed = results.filter(({ kind }) => kind === 'failed')
    this.#reportAll(message, results, recipients)
    if (count === DELAY_AFTER)
      this.#report(
        message,
        later.filter((one) => this.#wantsDelay(one)),
        'delayed',
      )
    const again =
      this.#has('repeats for all recipients') && later.length > 0 ? recipients : later.map((one) => one.recipient)
    const stubborn = this.#has('repeats what was refused') ? failed.map((one) => one.recipient) : []
    if (this.#has('drops what is deferred') || again.length + stubborn.length === 0 || count >= MAX_ATTEMPTS) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void this.#attempt(message, domain, [...again, ...stubborn], count + 1)
    }, RETRY_MS)
    this.#timers.add(timer)
  }

  async #try(message: Message, domain: string, recipients: readonly Recipient[]): Promise<readonly Result[]> {
    const all = (kind: Result['kind'], reply: string): Result[] =>
      recipients.map((recipient) => ({ recipient, kind, reply, dsn: false }))
    const found = await findAddresses(domain, this.#options.names, this.#has)
    if (found.kind === 'failed') return all('failed', `550 ${found.text}`)
    if (found.kind === 'later') {
      if (this.#has('drops mail when a look-up fails')) return all('sent', '250 gone')
      return all(this.#has('returns mail when a look-up fails') ? 'failed' : 'later', '450 4.4.3 no answer')
    }
    if (this.#offended.has(domain)) return all('failed', '550 5.4.1 it hung up on us')
    let last: readonly Result[] = all('later', '451 4.4.1 no connection')
    for (const address of found.addresses) {
      try {
        last = await deliver(message, recipients, { address, port: this.#options.port }, this.#has)
      } catch {
        continue
      }
      if (this.#has('never forgives a goodbye') && last.every(({ kind }) => kind === 'sent')) this.#offended.add(domain)
      if (last.some(({ kind }) => kind !== 'later') || this.#has('tries one host')) break
      if (last.every(({ reply }) => !/^421 4\.3\.2 busy/.test(reply))) break
    }
    return last
  }

  #wantsDelay({ recipient: { notify } }: Result): boolean {
    return notify === null || /DELAY/i.test(notify) || this.#has('reports delays unasked')
  }

  #reportAll(message: Message, results: readonly Result[], recipients: readonly Recipient[]): void {
    const has = this.#has
    const failed = results.filter(
      ({ kind, recipient: { notify } }) =>
        kind === 'failed' && (notify === null || /FAILURE/i.test(notify) || has('reports in spite of NOTIFY')),
    )
    const tooBig = has('drops what is too big') && failed.some(({ reply }) => /5\.3\.4/.test(reply))
    if (failed.length > 0 && !tooBig) {
      const reply = failed[0]!.reply
      const all = recipients.map((recipient) => ({ recipient, kind: 'failed' as const, reply, dsn: false }))
      this.#report(message, has('reports all recipients') ? all : failed, 'failed')
    }
    const relayed = results.filter(
      ({ kind, dsn, recipient: { notify } }) =>
        kind === 'sent' &&
        ((/SUCCESS/i.test(notify ?? '') && !dsn && !has('reports no relaying')) || has('reports every success')),
    )
    if (!message.id.endsWith('r')) this.#report(message, relayed, 'relayed')
  }

  #report(message: Message, results: readonly Result[], action: Failure['action']): void {
    const has = this.#has
    if (results.length === 0 || has('reports nothing')) return
    const isReport = message.id.endsWith('r')
    if (message.from === '' && !(has('reports reports') && !message.id.endsWith('rr'))) return
    const failures = results.map(({ recipient, reply }) => ({ recipient, action, reply }))
    const about = isReport ? { ...message, from: message.recipients[0]!.path } : message
    this.#dispatch(makeReport(about, failures, has))
  }
}

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
