// A small reference server for SMTP, submission and LMTP that keeps to the RFCs but for the one fault it is told to have.
import { type KeyPair, type LineSocket, type ReferenceServer, serve } from './line-socket.ts'
import { exchange, isMechanism, MECHANISMS } from './sasl.ts'
import { type Command, takeParameters, takePath } from './smtp-arguments.ts'
import type { SmtpFault } from './smtp-faults.ts'
import { isAscii, isHello, type PathArgument, unquote } from './smtp-grammar.ts'
import { clearing, inform, wantsHello } from './smtp-information.ts'
import { readMessage, refusalOf } from './smtp-message.ts'
import type { Situation } from './smtp-replies.ts'
import { SmtpVoice } from './smtp-voice.ts'

export const DOMAIN = 'example.org'
export const USER = `ana@${DOMAIN}`
export const PASSWORD = 'plum stone'
const MAILBOXES = ['ana', 'berta', 'postmaster']
const SIZE_LIMIT = 1_000_000
const LINE_LIMIT = 2048
const RECIPIENT_LIMIT = 1000

export interface SmtpOptions {
  readonly protocol: 'smtp' | 'submission' | 'lmtp'
  readonly pair: KeyPair
  readonly implicitTls?: boolean
  readonly fault?: SmtpFault
  /** A second fault, for cases that look at how a server does what others hold against it. */
  readonly liberty?: SmtpFault
  /** Gets each message once for each recipient, one character an octet, without the last CR LF. */
  readonly deliver?: (recipient: string, message: string) => void
}

interface Transaction {
  readonly from: PathArgument
  readonly body: string
  readonly utf8: boolean
  readonly declaredSize: number | null
  readonly recipients: string[]
  /** How many recipients were refused. */
  refused: number
  /** What BDAT brought so far; null before the first. */
  chunks: string | null
}

const begin = (from: PathArgument, parameters: Map<string, string>, recipients: readonly string[]): Transaction => ({
  from,
  body: (parameters.get('BODY') ?? '7BIT').toUpperCase(),
  utf8: parameters.has('SMTPUTF8'),
  declaredSize: parameters.has('SIZE') ? Number(parameters.get('SIZE')) : null,
  recipients: [...recipients],
  refused: 0,
  chunks: null,
})

export function startSmtpReference(options: SmtpOptions): Promise<ReferenceServer> {
  let last: Promise<void> = Promise.resolve()
  const run = (line: LineSocket): Promise<void> => {
    const session = new SmtpSession(line, options)
    if (options.fault !== 'one-at-a-time') return session.run()
    last = last.then(() => session.run())
    return last
  }
  return serve(run, options.implicitTls ? options.pair : null)
}

class SmtpSession {
  readonly #line: LineSocket
  readonly #options: SmtpOptions
  readonly #voice: SmtpVoice
  #hello: 'helo' | 'ehlo' | null = null
  #transaction: Transaction | null = null
  #user: string | null = null
  #over = false
  /** What some faults remember: that something was done or refused, and recipients. */
  #spoiled = false
  #leftover: readonly string[] = []

  constructor(line: LineSocket, options: SmtpOptions) {
    this.#line = line
    this.#options = options
    this.#voice = new SmtpVoice(line, options.fault)
  }

  async run(): Promise<void> {
    this.#reply('greeting')
    while (!this.#over) {
      const line = await this.#command()
      if (line === null) return
      await this.#obey(line)
    }
    if (this.#has('quit-stays-open')) await this.#line.takeUntil(/$^/)
  }

  get #mechanisms(): readonly string[] {
    if (this.#line.encrypted || this.#has('auth-in-clear')) return MECHANISMS
    return this.#has('cram-in-clear') ? ['CRAM-MD5'] : []
  }

  #has = (fault: SmtpFault): boolean => this.#options.fault === fault || this.#options.liberty === fault

  #reply(situation: Situation, value = ''): void {
    this.#voice.say(situation, value)
  }

  // --- lines ---

  async #command(): Promise<string | null> {
    const taken = await this.#line.takeUntil(LINE_ENDS[this.#options.fault ?? ''] ?? /\r\n/)
    if (taken === null) return null
    if (this.#has('pipelining-flush')) this.#line.drop()
    if (this.#has('input-1k') && this.#line.waiting.length > 1024) this.#line.drop()
    if (this.#has('pipelining-quit-hurries') && /^QUIT\r\n/im.test(this.#line.waiting)) this.#over = true
    if (this.#has('pipelining-tail-dropped') && !this.#line.waiting.includes('\r\n')) this.#line.drop()
    return taken.text
  }

  async #obey(line: string): Promise<unknown> {
    if (line.length + 2 > (this.#has('line-limit-511') ? 511 : LINE_LIMIT)) return this.#tooLong(line)
    const strict = this.#has('trailing-space-refused')
    if (strict && /[ \t]$/.test(line)) return this.#reply('parameter-value')
    const tidy = line.replace(/[ \t]+$/, '')
    const space = tidy.indexOf(' ')
    const [word, argument] = space < 0 ? [tidy, ''] : [tidy.slice(0, space), tidy.slice(space + 1)]
    const verb = word.toUpperCase()
    const [upper, lower] = [word === verb, word === word.toLowerCase()]
    if (/[\x80-\xff]/.test(line) && this.#has('non-ascii-closes')) this.#over = true
    if (tidy === '' && this.#has('empty-line-ignored')) return
    if (tidy === '' && this.#has('empty-line-taken')) return this.#reply('noop')
    if (this.#has('line-limit-512') && line.length > 510) return this.#reply('line-too-long')
    const unknown =
      /[\r\n]/.test(line) ||
      (this.#has('verbs-lower-refused') && lower && !upper) ||
      (this.#has('verbs-mixed-refused') && !lower && !upper)
    if (unknown) return this.#reply('unknown')
    const short = this.#has('verbs-four-letters') && verb !== 'STARTTLS'
    return this.#carryOut(short ? verb.slice(0, 4) : verb, argument)
  }

  #tooLong(line: string): void {
    const pieces = this.#has('line-too-long-cut') ? Math.ceil(line.length / 512) : 1
    for (let piece = 0; piece < pieces; piece++) this.#reply('line-too-long')
  }

  #carryOut(verb: string, argument: string): unknown {
    const secure = this.#line.encrypted
    if (this.#has('tls-wanted-for-all') && !secure && /^(?:NOOP|QUIT)$/.test(verb)) return this.#reply('mail-tls')
    const login = this.#has(`${verb.toLowerCase()}-wants-login` as SmtpFault) && this.#user === null
    if (login && (secure || verb !== 'EHLO')) return this.#reply('mail-login')
    if (this.#has('tls-poor') && secure && /^(?:NOOP|RSET)$/.test(verb)) return this.#reply('not-implemented')
    switch (verb) {
      case 'HELO':
      case 'EHLO':
      case 'LHLO':
        return this.#hail(verb, argument)
      case 'MAIL':
        return this.#mail(argument)
      case 'RCPT':
        return this.#rcpt(argument)
      case 'DATA':
        return this.#data(argument)
      case 'BDAT':
        return this.#bdat(argument)
      case 'RSET':
        return this.#rset(argument)
      case 'QUIT':
        return this.#quit(argument)
      case 'STARTTLS':
        return this.#startTls(argument)
      case 'AUTH':
        return this.#auth(argument)
      default:
        return this.#inform(verb, argument)
    }
  }

  #inform(verb: string, argument: string): unknown {
    const answer = inform(verb, argument, MAILBOXES, this.#has)
    if (clearing(answer ? verb : 'unknown', this.#has)) this.#transaction = null
    if (!answer && (this.#has('unknown-closes') || this.#has('unknown-421-closes'))) this.#over = true
    if (this.#hello === null && wantsHello(verb, this.#has)) return this.#reply('mail-early')
    return this.#reply(answer?.situation ?? 'unknown', answer?.value)
  }

  // --- hello ---

  #hail(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): unknown {
    const refusal = this.#helloRefusal(verb, name)
    if (refusal === 'hello-syntax' && this.#has('ehlo-failure-clears')) this.#transaction = null
    if (refusal === 'hello-syntax' && this.#has('ehlo-failure-forgets')) this.#forget()
    if (refusal) return this.#reply(refusal)
    const kept = this.#has(verb === 'HELO' ? 'helo-keeps-transaction' : 'ehlo-keeps-transaction')
    if (!kept) this.#transaction = null // RFC 5321 §4.1.4
    this.#hello = verb === 'HELO' ? 'helo' : 'ehlo'
    this.#voice.extended = false
    if (verb === 'HELO' && !this.#has('helo-lists-extensions')) return this.#reply('helo')
    if (!this.#voice.hail(this.#extensions())) this.#hello = null
  }

  #helloRefusal(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Situation | null {
    const lmtp = this.#options.protocol === 'lmtp'
    const taken = this.#has(verb === 'HELO' ? 'lmtp-takes-helo' : 'lmtp-takes-ehlo')
    // RFC 2033 §4.1
    if (lmtp ? verb !== 'LHLO' && !taken : verb === 'LHLO') return 'wrong-hello'
    if (lmtp && this.#has('lhlo-refused')) return 'unknown'
    if (this.#hello !== null && this.#has('ehlo-once')) return 'mail-nested'
    const literal = this.#has('ehlo-literal-refused') && name.startsWith('[')
    const ipv6 = this.#has('ehlo-ipv6-refused') && name.startsWith('[IPv6:')
    const digit = this.#has('ehlo-digit-refused') && /(?:^|\.)\d/.test(name)
    const long = this.#has('ehlo-long-refused') && name.length > 252
    if (literal || ipv6 || digit || long) return 'hello-syntax'
    return isHello(name) || this.#toleratesHello(name) ? null : 'hello-syntax'
  }

  #toleratesHello(name: string): boolean {
    if (name === '') return this.#has('hello-no-name-taken')
    const underscore = this.#has('ehlo-underscore-taken') && /^[\w.-]+$/.test(name)
    const control = this.#has('ehlo-control-taken') && /[\x00-\x1f\x7f]/.test(name)
    return underscore || control
  }

  #extensions(): string[] {
    const secure = this.#line.encrypted
    return [
      'PIPELINING',
      `SIZE ${SIZE_LIMIT}`,
      '8BITMIME',
      'CHUNKING',
      'BINARYMIME',
      'SMTPUTF8',
      'DSN',
      'ENHANCEDSTATUSCODES',
      'EXPN',
      'VRFY',
      ...(secure && !this.#has('starttls-announced-again') ? [] : ['STARTTLS']),
      ...(this.#mechanisms.length > 0 ? [`AUTH ${this.#mechanisms.join(' ')}`] : []),
      'HELP',
    ]
  }

  #forget(): void {
    this.#hello = null
    this.#transaction = null
    this.#user = null
  }

  // --- envelope ---

  #mail(argument: string): unknown {
    const refusal = this.#mailRefusal()
    if (refusal === 'mail-nested' && this.#has('mail-nested-clears')) this.#transaction = null
    if (refusal) return this.#reply(refusal)
    const from = takePath('mail', argument, this.#has)
    if (!from && this.#has('mail-bad-path-closes')) this.#over = true
    if (!from && this.#has('mail-refused-once')) this.#spoiled = true
    if (!from && this.#has('mail-opens-when-refused')) this.#transaction = begin(NOBODY, new Map(), [])
    if (!from) return this.#reply('mail-syntax')
    const foreign = from && from.domain.toLowerCase() !== DOMAIN && from.path !== '<>'
    if (foreign && this.#has('submission-rights')) return this.#reply('mail-rights')
    if (this.#has('ehlo-name-verified-mail')) return this.#reply('rcpt-relay')
    const parameters = this.#parameters('mail', from)
    if (!(parameters instanceof Map)) return this.#reply(parameters)
    const plain = isAscii(from.path) || this.#has('mail-non-ascii-taken')
    if (!plain && !parameters.has('SMTPUTF8')) return this.#reply('utf8-needed')
    const others = this.#has('mail-nested-adds') ? this.#transaction?.recipients : this.#leftover
    this.#transaction = begin(from, parameters, others ?? [])
    this.#reply('mail', this.#has('utf8-echoed') ? argument : '')
  }

  #mailRefusal(): Situation | null {
    if (this.#hello === null && !this.#has('mail-before-hello')) return 'mail-early'
    if (this.#has('tls-wanted') && !this.#line.encrypted) return 'mail-tls'
    if (this.#hello === 'helo' && this.#has('helo-no-transaction')) return 'mail-early'
    if (this.#spoiled && REMEMBERING.some(this.#has)) return 'mail-early'
    if (this.#transaction && !this.#has('mail-nested-taken')) return 'mail-nested'
    const loggedIn = this.#user !== null && !this.#has('submission-login-ignored')
    const open =
      this.#options.protocol !== 'submission' || this.#has('submission-open') || this.#has('submission-refuses-at-rcpt')
    return loggedIn || open ? null : 'mail-login'
  }

  #parameters(command: Command, path: PathArgument): Map<string, string> | Situation {
    const extended = this.#hello === 'ehlo' || this.#has('mail-before-hello')
    const loggedIn = this.#user !== null
    const authOffered = this.#mechanisms.length > 0
    const context = { has: this.#has, extended, loggedIn, authOffered, sizeLimit: SIZE_LIMIT }
    return takeParameters(command, path, context)
  }

  #rcpt(argument: string): unknown {
    const transaction = this.#transaction
    if (!transaction && this.#has('rcpt-early-closes')) this.#over = true
    if (!transaction && !this.#has('rcpt-without-mail-taken')) return this.#reply('rcpt-early')
    const to = takePath('rcpt', argument, this.#has)
    const parameters = to && this.#parameters('rcpt', to)
    if (parameters && !(parameters instanceof Map)) return this.#reply(parameters)
    const hidden = this.#has('dsn-hides-unknown') && parameters?.has('NOTIFY')
    const refusal = to ? (hidden ? null : this.#rcptRefusal(to)) : 'rcpt-syntax'
    if (to && !refusal) transaction?.recipients.push(to.local.toLowerCase())
    if (refusal && transaction) transaction.refused += 1
    if (refusal === 'rcpt-many' && this.#has('rcpt-many-closes')) this.#over = true
    if (this.#over) return
    if (refusal && this.#has('rcpt-refusal-ends')) this.#transaction = null
    this.#reply(refusal ?? 'rcpt', this.#has('utf8-echoed') ? argument : '')
  }

  #rcptRefusal({ path, route, local, domain }: PathArgument): Situation | null {
    if (!isAscii(path) && !this.#transaction?.utf8) return 'utf8-needed'
    if (this.#has('submission-refuses-at-rcpt') && this.#user === null) return 'rcpt-login'
    if (this.#has('ehlo-name-verified-rcpt')) return 'rcpt-relay'
    const limit = this.#has('rcpt-limit-99') ? 99 : RECIPIENT_LIMIT
    if (this.#transaction?.recipients.length === limit) return 'rcpt-many'
    if (route && this.#has('rcpt-source-route-relay')) return 'rcpt-relay'
    const name = this.#nameOf(local)
    if (domain === '') return this.#has('postmaster-case') && local !== 'postmaster' ? 'rcpt-unknown' : null
    const own = this.#has('rcpt-domain-case') ? domain === DOMAIN : domain.toLowerCase() === DOMAIN
    const relay = this.#options.protocol === 'submission' && this.#user !== null && !this.#has('submission-no-relay')
    if (!own) return relay || this.#has('submission-open') ? null : 'rcpt-relay'
    if (name === 'postmaster' && this.#has('postmaster-domain-refused')) return 'rcpt-unknown'
    return MAILBOXES.includes(name) || this.#has('rcpt-unknown-taken') ? null : 'rcpt-unknown'
  }

  #nameOf(local: string): string {
    if (this.#has('rcpt-quotes-kept')) return local
    if (this.#has('rcpt-backslash-kept')) return local.replaceAll('"', '')
    return unquote(local).toLowerCase()
  }

  // --- messages ---

  async #data(argument: string): Promise<void> {
    if (argument !== '' && this.#has('data-argument-closes')) this.#over = true
    if (argument !== '' && !this.#has('data-argument-taken')) return this.#reply('no-argument')
    const refusal = this.#dataRefusal()
    if (refusal) {
      if (this.#has('data-refusal-sticks')) this.#spoiled = true
      if (this.#has('data-refusal-closes')) this.#over = true
      if (this.#has('data-refusal-clears')) this.#transaction = null
      return this.#reply(refusal)
    }
    this.#reply('data')
    if (this.#has('data-502')) return
    const message = await readMessage(this.#line, this.#options.fault, this.#transaction?.declaredSize)
    if (this.#has('pipelining-message-drops-rest')) this.#line.drop()
    if (this.#has('data-remembered')) this.#spoiled = true
    if (message === null) this.#over = true
    else if (this.#has('data-message-refused')) this.#reply('message-line')
    else this.#finish(message, 'lmtp-one-reply')
  }

  #dataRefusal(): Situation | null {
    const transaction = this.#transaction
    if (this.#has('chunk-remembered') && this.#spoiled) return 'data-after-bdat'
    if (!transaction) return this.#has('data-early-taken') ? null : 'data-early'
    if (transaction.chunks !== null && !this.#has('chunk-then-data')) return 'data-after-bdat'
    if (transaction.body === 'BINARYMIME' && !this.#has('binary-data-taken')) return 'data-binary'
    if (transaction.refused > 0 && this.#has('data-all-or-nothing')) return 'data-nobody'
    return transaction.recipients.length === 0 && !this.#has('data-nobody-taken') ? 'data-nobody' : null
  }

  #finish(message: string, oneReply: SmtpFault): void {
    const transaction = this.#transaction
    const { from = NOBODY, body = '7BIT', utf8 = false, declaredSize = null } = transaction ?? {}
    const around = { reversePath: from.path, body, utf8, declaredSize: declaredSize !== null }
    const refusal = refusalOf(message, { ...around, secure: this.#line.encrypted, sizeLimit: SIZE_LIMIT }, this.#has)
    if (this.#has('data-once') || this.#has('rset-after-message-refused')) this.#spoiled = true
    if (this.#has('data-keeps-recipients')) this.#leftover = transaction?.recipients ?? []
    if (!this.#has('data-keeps-transaction')) this.#transaction = null
    if (!refusal)
      for (const name of transaction?.recipients ?? []) this.#options.deliver?.(`${name}@${DOMAIN}`, message)
    const each = this.#options.protocol === 'lmtp' && !this.#has(oneReply)
    const replies = each ? this.#repliesFor(transaction) : 1
    for (let reply = 0; reply < replies; reply++) this.#reply(refusal ?? 'message')
  }

  // RFC 2033 §4.2
  #repliesFor(transaction: Transaction | null): number {
    const recipients = transaction?.recipients ?? []
    const counted = this.#has('lmtp-recipients-merged') ? new Set(recipients).size : recipients.length
    return counted + (this.#has('lmtp-refused-answered') ? (transaction?.refused ?? 0) : 0)
  }

  async #bdat(argument: string): Promise<void> {
    const digits = this.#has('chunk-size-lenient') ? '.*?' : '\\d{1,18}'
    const marker = this.#has('chunk-marker-lenient') ? '\\S+' : 'LAST'
    const flags = this.#has('chunk-case') ? '' : 'i'
    const groups = new RegExp(`^(?<size>${digits})(?<last> ${marker})?$`, flags).exec(argument)?.groups
    const last = groups?.last !== undefined
    const size = Number.parseInt(groups?.size ?? '', 10) || 0
    const disliked = (last && this.#has('chunk-last-refused')) || (size === 0 && this.#has('chunk-empty-refused'))
    if (!groups || disliked) return this.#reply('chunk-syntax')
    const refusal = this.#chunkRefusal()
    if (refusal && this.#has('chunk-refused-obeyed')) return this.#reply(refusal)
    if (this.#has('chunk-answered-first')) this.#reply(last ? 'message' : 'chunk')
    const octets = await this.#line.takeOctets(size)
    if (octets === null) this.#over = true
    else if (refusal) this.#reply(refusal)
    else if (!this.#has('chunk-answered-first')) this.#chunk(octets, last)
  }

  #chunkRefusal(): Situation | null {
    if (this.#has('chunk-early-taken')) return null
    if (this.#has('data-remembered') && this.#spoiled) return 'chunk-early'
    if (!this.#transaction) return 'chunk-early'
    return this.#transaction.recipients.length > 0 || this.#has('chunk-nobody-taken') ? null : 'chunk-nobody'
  }

  #chunk(octets: string, last: boolean): unknown {
    const transaction = this.#transaction
    if (transaction) transaction.chunks = (transaction.chunks ?? '') + octets
    if (this.#has('chunk-remembered')) this.#spoiled = true
    if (this.#has('chunk-lines-wanted') && octets !== '' && !octets.endsWith('\r\n')) return this.#reply('chunk-syntax')
    const ended = this.#has('chunk-dot-ends') && /(?:^|\r\n)\.\r\n/.test(octets)
    const each = this.#has('lmtp-chunk-each-reply') ? (transaction?.recipients.length ?? 1) : 1
    for (let reply = 1; reply < each && !last; reply++) this.#reply('chunk')
    if (!last && !ended) return this.#reply('chunk')
    if (ended && last) this.#reply('message')
    this.#finish(transaction?.chunks ?? '', 'lmtp-chunk-one-reply')
    if (this.#has('chunk-after-last-taken')) this.#transaction = transaction
  }

  // --- the other commands ---

  #rset(argument: string): unknown {
    if (argument !== '' && !this.#has('rset-argument-taken')) return this.#reply('no-argument')
    if (this.#hello === null && this.#has('rset-wants-hello')) return this.#reply('mail-early')
    if (this.#spoiled && this.#has('rset-after-message-refused')) return this.#reply('mail-early')
    const chunks = this.#transaction?.chunks ?? null
    if (this.#has('rset-forgets-greeting')) this.#hello = null
    if (this.#has('rset-closes')) this.#over = true
    if (this.#has('rset-keeps-recipients')) this.#leftover = this.#transaction?.recipients ?? []
    const kept = this.#has('rset-keeps-transaction') || (this.#has('chunk-rset-ignored') && chunks !== null)
    if (!kept) this.#transaction = null
    this.#reply('rset')
  }

  #quit(argument: string): unknown {
    if (argument !== '' && !this.#has('quit-argument-taken')) return this.#reply('no-argument')
    if (this.#hello === null && this.#has('quit-wants-hello')) return this.#reply('mail-early')
    if (this.#transaction && this.#has('quit-in-transaction-refused')) return this.#reply('mail-nested')
    this.#over = true
    this.#reply('quit')
  }

  async #startTls(argument: string): Promise<void> {
    if (argument !== '' && !this.#has('starttls-argument-taken')) return this.#reply('no-argument')
    if (this.#line.encrypted) return this.#reply(this.#has('starttls-twice') ? 'starttls' : 'starttls-again')
    if (this.#hello === null) return this.#reply('starttls-early')
    this.#reply('starttls')
    if (this.#has('starttls-in-clear')) return
    if (!this.#has('starttls-keeps-commands')) this.#line.drop() // RFC 3207 §4.2
    await this.#line.startTls(this.#options.pair)
    if (!KEEPING.some(this.#has)) this.#hello = null
    if (!this.#has('starttls-keeps-transaction')) this.#transaction = null
    if (!this.#has('starttls-keeps-login')) this.#user = null
  }

  async #auth(argument: string): Promise<void> {
    const [name = '', initial = null] = argument.split(' ')
    const refusal = this.#authRefusal(name)
    if (refusal) return this.#reply(refusal)
    const line = async (): Promise<string | null> => {
      const response = await this.#command()
      if (response === '' && this.#has('auth-empty-closes')) this.#over = true
      return response
    }
    const say = (situation: Situation, value = ''): void => this.#reply(situation, value)
    const talk = { say, has: this.#has, user: USER, password: PASSWORD, line }
    const right = await exchange(name, initial, talk)
    if (right === null) return
    if (right && !this.#spoiled) {
      this.#user = USER
      return this.#reply('auth-ok')
    }
    if (this.#has('auth-failure-logs-in')) this.#user = USER
    if (this.#has('auth-failure-sticks')) this.#spoiled = true
    if (this.#has('auth-failure-closes')) this.#over = true
    this.#reply('auth-wrong')
  }

  #authRefusal(name: string): Situation | null {
    if (this.#hello === null) return 'auth-early'
    if (this.#user !== null && !this.#has('auth-twice')) return 'auth-again'
    if (this.#transaction && !this.#has('auth-in-transaction')) return 'auth-transaction'
    if (name === '') return 'auth-syntax'
    if (!isMechanism(name, this.#has) && !this.#has('auth-unknown-taken')) return 'auth-mechanism'
    if (/^plain$/i.test(name) && this.#has('auth-plain-refused')) return 'auth-mechanism'
    return this.#mechanisms.length > 0 ? null : 'auth-clear'
  }
}

const NOBODY: PathArgument = { keyword: 'FROM:', path: '<>', route: false, local: '', domain: '', parameters: [] }

/** Faults that let the EHLO from before the handshake count. */
const KEEPING: readonly SmtpFault[] = ['starttls-keeps-transaction', 'starttls-keeps-hello', 'starttls-keeps-login']

/** Faults for which MAIL is refused once something has happened. */
const REMEMBERING: readonly SmtpFault[] = ['data-once', 'data-refusal-sticks', 'mail-refused-once']

/** What ends a command for each fault that gets it wrong. */
const LINE_ENDS: { readonly [fault: string]: RegExp } = {
  'command-ends-lf': /\r?\n/,
  'command-ends-cr': /\r\n?/,
  'command-per-packet': /\r\n|$/,
}
