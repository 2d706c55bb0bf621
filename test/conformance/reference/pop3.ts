// A small reference server for POP3 that keeps to the RFCs but for the one fault it is told to have.
import { createHash } from 'node:crypto'
import { type KeyPair, type LineSocket, type ReferenceServer, serve } from './line-socket.ts'
import { type Pop3Fault, wrongCapabilities, wrongReplies } from './pop3-faults.ts'
import type { Maildrop, Message } from './pop3-maildrop.ts'
import { REPLIES, type Situation } from './pop3-replies.ts'
import { exchange, isMechanism, MECHANISMS } from './sasl.ts'

export const USER = 'ana@example.org'
export const PASSWORD = 'plum stone'
const LINE_LIMIT = 255
let greetings = 0

export interface Pop3Options {
  readonly pair: KeyPair
  readonly maildrop: Maildrop
  readonly implicitTls?: boolean
  readonly fault?: Pop3Fault
}

export const startPop3Reference = (options: Pop3Options): Promise<ReferenceServer> =>
  serve((line) => new Pop3Session(line, options).run(), options.implicitTls ? options.pair : null)

type Handler = (argument: string) => unknown

class Pop3Session {
  readonly #line: LineSocket
  readonly #options: Pop3Options
  readonly #timestamp: string
  /** The messages as they were at the login; null before it. */
  #messages: Message[] | null = null
  readonly #marked = new Set<string>()
  readonly #read = new Set<string>()
  #user: string | null = null
  #holds = false
  #failed = false
  #asked = false
  #utf8 = false
  #over = false
  #held: string | null = null
  /** For faults with a memory. */
  #spoiled = false

  constructor(line: LineSocket, options: Pop3Options) {
    this.#line = line
    this.#options = options
    this.#timestamp = this.#has('apop-same-timestamp')
      ? '<1.1@example.org>'
      : `<${++greetings}.${Date.now()}@example.org>`
  }

  async run(): Promise<void> {
    this.#reply('greeting', this.#timestamp)
    while (!this.#over || this.#has('quit-goes-on')) {
      const line = await this.#command()
      if (line === null) break
      await this.#obey(line)
    }
    if (this.#messages && this.#has('dele-at-close')) this.#options.maildrop.remove(this.#marked)
    if (!this.#has('lock-kept-after-loss')) this.#unlock()
    if (this.#over && this.#has('quit-stays-open')) await this.#line.takeUntil(/$^/)
  }

  #unlock(): void {
    if (this.#messages && this.#holds) this.#options.maildrop.locked = false
    this.#holds = false
  }

  #has = (fault: Pop3Fault): boolean => this.#options.fault === fault

  // --- lines in, replies out ---

  async #command(): Promise<string | null> {
    const taken = await this.#line.takeUntil(this.#has('command-per-packet') ? /\r\n|$/ : /\r\n/)
    if (this.#has('pipelining-flush')) this.#line.drop()
    if (this.#has('input-1k') && this.#line.waiting.length > 1024) this.#line.drop()
    if (this.#has('pipelining-quit-hurries') && /^QUIT\r\n/im.test(this.#line.waiting)) this.#over = true
    return taken?.text ?? null
  }

  #reply(situation: Situation, value = ''): void {
    const words = (wrongReplies(this.#options.fault)[situation] ?? REPLIES[situation]).replace('{}', value)
    if (words === '') return
    const line = this.#has('replies-long') ? words.padEnd(600, '.') : words
    this.#send(line + (this.#has('replies-bare-lf') ? '\n' : '\r\n'))
  }

  /** A reply with lines behind it, periods added. */
  #replyLines(situation: Situation, value: string, lines: readonly string[], unstuffed = false): void {
    this.#reply(situation, value)
    const end = this.#has('lists-bare-lf') ? '\n' : '\r\n'
    const stuffable = this.#has('stuffs-lone-periods') ? /^\.$/ : /^\./
    const stuffed = lines.map((line) => (stuffable.test(line) && !unstuffed ? `.${line}` : line))
    this.#send(
      [...stuffed, ...(this.#has(`${situation}-without-end` as Pop3Fault) ? [] : ['.'])]
        .map((line) => line + end)
        .join(''),
    )
  }

  #send(text: string): void {
    if (this.#has('pipelining-reversed') && this.#line.waiting.includes('\r\n') && this.#held === null) {
      this.#held = text
      return
    }
    this.#line.send(text + (this.#held ?? ''))
    this.#held = null
  }

  // --- commands ---

  async #obey(line: string): Promise<unknown> {
    if (line === '' && this.#has('empty-line-ignored')) return
    if (line === '' && this.#has('empty-line-taken')) return this.#reply('noop')
    if (this.#has('line-cut-at-200') && line.length > 200) this.#reply('unknown')
    if (line.length + 2 > (this.#has('line-limit-254') ? 254 : LINE_LIMIT)) {
      this.#reply('line-too-long')
      return this.#has('long-line-tail-obeyed') ? this.#obey(line.slice(510)) : undefined
    }
    const space = line.search(this.#has('arguments-tabs') ? /[ \t]/ : / /)
    const [word, argument] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
    const handler = this.#knows(word) ? this.#handler(this.#verbOf(word)) : null
    if (!handler && this.#has('unknown-closes')) this.#over = true
    return handler ? handler(argument) : this.#reply('unknown')
  }

  #knows(word: string): boolean {
    if (this.#has(`${word.toLowerCase()}-announced-only` as Pop3Fault)) return false
    const [upper, lower] = [word === word.toUpperCase(), word === word.toLowerCase()]
    if (this.#has('keywords-lower-refused') && lower && !upper) return false
    return !(this.#has('keywords-mixed-refused') && !lower && !upper)
  }

  #verbOf(word: string): string {
    const verb = word.toUpperCase()
    const known = Object.keys({ ...this.#always(), ...this.#authorization(), ...this.#transaction() })
    if (this.#has('keywords-longer')) return known.find((one) => verb.startsWith(one)) ?? verb
    if (this.#has('keywords-shorter')) return known.find((one) => verb.length > 1 && one.startsWith(verb)) ?? verb
    if (!this.#has('keywords-seven-bit')) return verb
    return word.replace(/[\x80-\xff]/g, (octet) => String.fromCharCode(octet.charCodeAt(0) & 127)).toUpperCase()
  }

  /** What the verb does in the present state; null for an unknown verb. RFC 1939 §3 */
  #handler(verb: string): Handler | null {
    const [always, early, late] = [this.#always()[verb], this.#authorization()[verb], this.#transaction()[verb]]
    if (always) return always
    const loggedIn = this.#messages !== null
    const family = `${loggedIn ? 'late' : 'early'}-${verb.toLowerCase()}` as Pop3Fault
    const handler = loggedIn ? late : early
    if (handler && BARE.includes(verb) && !this.#has('superfluous-taken'))
      return (argument) => (argument === '' ? handler('') : this.#reply('syntax'))
    if (handler) return handler
    if (!early && !late) return null
    return this.#has(family) ? (early ?? late)! : () => this.#reply('wrong-state')
  }

  #always(): { readonly [verb: string]: Handler } {
    return {
      CAPA: () => this.#capa(),
      LANG: (argument) => this.#lang(argument),
      QUIT: () => this.#quit(),
    }
  }

  #authorization(): { readonly [verb: string]: Handler } {
    return {
      USER: (name) => this.#name(name),
      PASS: (password) => this.#pass(password),
      APOP: (argument) => this.#apop(argument),
      AUTH: (argument) => this.#auth(argument),
      STLS: (argument) => this.#stls(argument),
      UTF8: (argument) => {
        const good = argument === '' || this.#has('utf8-argument-taken')
        this.#utf8 ||= good
        return this.#reply(good ? 'utf8' : 'syntax')
      },
    }
  }

  #transaction(): { readonly [verb: string]: Handler } {
    return {
      NOOP: () => {
        if (this.#has('noop-unmarks')) this.#marked.clear()
        this.#reply('noop')
      },
      STAT: () => this.#stat(),
      LIST: (argument) => this.#list(argument),
      UIDL: (argument) => this.#uidl(argument),
      RETR: (argument) => this.#retr(argument),
      TOP: (argument) => this.#top(argument),
      DELE: (argument) => this.#dele(argument),
      RSET: () => {
        if (!this.#has('rset-keeps-marks')) this.#marked.clear()
        this.#reply('rset')
      },
    }
  }

  #quit(): unknown {
    const refused =
      (!this.#messages && this.#has('quit-early-refused')) ||
      (this.#failed && this.#has('quit-refused-after-failure')) ||
      (this.#user !== null && this.#has('quit-refused-behind-user'))
    if (refused) return this.#reply('wrong-state')
    const { maildrop } = this.#options
    if (this.#messages && !this.#has('quit-removes-nothing')) maildrop.remove(this.#marked)
    if (this.#messages && this.#marked.size > 0 && this.#has('quit-removes-all')) maildrop.messages = []
    if (this.#messages && this.#has('quit-removes-read')) maildrop.remove(this.#read)
    if (!this.#has('lock-kept-after-quit')) this.#unlock()
    else this.#holds = false
    this.#over = true
    this.#reply('quit')
  }

  // --- capabilities ---

  #capa(): unknown {
    const refused =
      (this.#messages && this.#has('capa-late-refused')) ||
      (this.#asked && this.#has('capa-once')) ||
      (this.#user !== null && this.#has('capa-behind-user-refused'))
    this.#asked = true
    return refused ? this.#reply('wrong-state') : this.#replyLines('capa', '', this.#capabilities())
  }

  #capabilities(): string[] {
    const secure = this.#line.encrypted
    const lines = [
      ...(this.#messages && this.#has('capa-late-shorter') ? [] : ['TOP', 'UIDL']),
      'USER',
      'PIPELINING',
      'RESP-CODES',
      'AUTH-RESP-CODE',
      'EXPIRE NEVER',
      'LOGIN-DELAY 0',
      'UTF8 USER',
      'LANG',
      ...(secure && !this.#has('stls-announced-again') ? [] : ['STLS']),
      ...(this.#mechanisms.length > 0 ? [`SASL ${this.#mechanisms.join(' ')}`] : []),
      'IMPLEMENTATION reference',
    ]
    const replaced = wrongCapabilities(this.#options.fault)
    return lines
      .map((line) => ({ line, other: replaced[line.split(' ')[0]!] }))
      .flatMap(({ line, other }) => (other === undefined ? [line] : other === null ? [] : [other]))
  }

  // RFC 6856 §3
  #lang(argument: string): void {
    const tag = argument.toLowerCase()
    if (tag === '') this.#replyLines('lang-list', '', [this.#has('lang-list-tagless') ? '(English)' : 'en English'])
    else if (tag === 'en' || tag === '*') this.#reply('lang', 'en')
    else this.#reply('lang-unknown')
  }

  async #stls(argument: string): Promise<unknown> {
    if (argument !== '' && !this.#has('stls-argument-taken')) return this.#reply('syntax')
    if (this.#line.encrypted) return this.#reply('stls-again')
    this.#reply('stls')
    if (this.#has('stls-in-clear') || this.#has('stls-err')) return
    if (!this.#has('stls-keeps-commands')) this.#line.drop() // RFC 2595 §4
    await this.#line.startTls(this.#options.pair)
    this.#asked = false
    if (this.#has('tls-logs-in')) this.#messages = []
    if (!this.#has('stls-keeps-user')) this.#user = null
  }

  // --- login ---

  #name(name: string): unknown {
    if (name === '') return this.#reply('user-syntax')
    if (this.#user === null || !this.#has('first-user-counts')) this.#user = name
    this.#reply('user')
  }

  #pass(password: string): unknown {
    if (this.#messages) return this.#reply('login')
    const user = this.#user ?? (this.#has('pass-without-user') ? USER : null)
    if (user === null) return this.#reply('pass-early')
    const right =
      password === PASSWORD ||
      this.#has('password-unchecked') ||
      (this.#has('password-empty-taken') && password === '') ||
      (this.#has('password-any-case') && password.toLowerCase() === PASSWORD.toLowerCase())
    if (!this.#has('user-kept')) this.#user = null
    const unknown = user !== USER && this.#has('user-unknown-welcome')
    this.#login(unknown || (right && (user === USER || this.#has('user-unchecked'))))
  }

  #apop(argument: string): void {
    const right = `${USER} ${createHash('md5')
      .update(this.#timestamp + PASSWORD)
      .digest('hex')}`
    const digestless = argument === USER && this.#has('apop-digest-optional')
    this.#login((argument === right && !this.#has('apop-refused')) || this.#has('apop-unchecked') || digestless)
  }

  #login(right: boolean): unknown {
    const { maildrop } = this.#options
    const barred =
      (this.#utf8 && this.#has('utf8-login-refused')) || (this.#line.encrypted && this.#has('tls-login-refused'))
    if (!right || this.#spoiled || barred) {
      this.#failed = true
      if (this.#has('failure-logs-in')) this.#messages = [...maildrop.messages]
      if (this.#has('failure-closes')) this.#over = true
      if (this.#has('failure-sticks')) this.#spoiled = true
      return this.#reply('login-wrong')
    }
    if (this.#has('login-hollow')) return this.#reply('login')
    if (maildrop.locked && !this.#messages && !this.#has('maildrop-shared') && !this.#has('maildrop-torn'))
      return this.#reply('login-locked')
    maildrop.locked = true
    this.#holds = true
    this.#messages = [...maildrop.messages]
    this.#reply('login')
  }

  get #mechanisms(): readonly string[] {
    if (!this.#line.encrypted) return []
    return this.#messages && this.#has('sasl-late-shorter') ? ['LOGIN'] : MECHANISMS
  }

  async #auth(argument: string): Promise<unknown> {
    const [name = '', initial = null] = argument.split(' ')
    if (name === '') return this.#replyLines('auth-list', '', this.#mechanisms)
    const plain = /^plain$/i.test(name) && this.#has('auth-plain-refused')
    const known = this.#mechanisms.length > 0 && isMechanism(name, this.#has) && !plain
    if (!known && !this.#has('auth-unknown-taken')) return this.#reply('auth-mechanism')
    const say = (situation: Situation, value = ''): void => this.#reply(situation, value)
    const talk = { say, has: this.#has, user: USER, password: PASSWORD, line: () => this.#response() }
    const right = await exchange(name, initial, talk)
    if (right !== null) this.#login(right)
  }

  async #response(): Promise<string | null> {
    const line = await this.#command()
    if (line === '*' && this.#has('auth-cancel-closes')) this.#over = true
    if (line === '*' && this.#has('auth-cancel-sticks')) this.#spoiled = true
    if (line === null) this.#over = true
    if (line === null || !this.#has('auth-commands-within') || !/^(?:QUIT|CAPA|NOOP|USER|STAT|RSET)\b/i.test(line))
      return line
    await this.#obey(line)
    return null
  }

  // --- the maildrop ---

  get #all(): readonly Message[] {
    const own = this.#has('messages-appear') ? null : this.#messages
    return own ?? this.#options.maildrop.messages
  }

  #isMarked = ({ uid }: Message): boolean => this.#marked.has(uid)

  get #first(): number {
    if (this.#has('list-from-zero')) return 0
    return this.#has('numbers-go-on') ? 1 + this.#options.maildrop.removed : 1
  }

  /** Number and message of all that a listing shows. */
  #shown(marked: boolean): [number: number, message: Message][] {
    const first = this.#first
    const numbered = this.#all.map((message, at): [number, Message] => [at + first, message])
    const shown = numbered.filter(([, message]) => marked || !this.#isMarked(message))
    return this.#has('list-renumbers') ? shown.map(([, message], at) => [at + first, message]) : shown
  }

  /** The message of that number; null when there is none, and the client was told. */
  #find(verb: 'list' | 'uidl' | 'retr' | 'top' | 'dele', argument: string): Message | null {
    const number = this.#numberOf(argument)
    const first = number === 0 && this.#has('zero-is-first') ? 0 : this.#first
    const listed = this.#has('list-renumbers') ? this.#shown(false).map(([, one]) => one) : this.#all
    const message = number === null ? undefined : listed[number - first]
    const shown = this.#has('deleted-given') || this.#has(`${verb}-deleted-given` as Pop3Fault)
    const torn = this.#has('maildrop-torn') && message && !this.#options.maildrop.messages.includes(message)
    const given = message && !torn && (!this.#isMarked(message) || shown)
    if (given) return message
    if (number === null) this.#reply('syntax')
    else if (this.#has(`missing-${verb}`) || !this.#messages) this.#missing(verb, number)
    else this.#reply(message && verb === 'dele' ? 'dele-twice' : 'no-message')
    return null
  }

  #numberOf(argument: string): number | null {
    const written = this.#has('negative-is-positive') ? argument.replace('-', '') : argument
    if (!/^\d+$/.test(written)) return this.#has('word-is-first') ? this.#first : null
    if (this.#has('numbers-32-bit')) return Number(BigInt.asUintN(32, BigInt(written)))
    if (this.#has('numbers-64-bit')) return Number(BigInt.asUintN(64, BigInt(written)))
    return Number(written)
  }

  #missing(verb: 'list' | 'uidl' | 'retr' | 'top' | 'dele', number: number): void {
    if (verb === 'dele') this.#reply('dele')
    else if (verb === 'list') this.#reply('list-one', `${number} 0`)
    else if (verb === 'uidl') this.#reply('uidl-one', `${number} none`)
    else this.#replyLines(verb, '0 octets', [])
  }

  #size({ text }: Message): number {
    if (this.#has('sizes-lf')) return text.replaceAll('\r\n', '\n').length
    if (this.#has('sizes-stuffed')) return text.replace(/(?<=^|\r\n)\./g, '..').length
    return text.length
  }

  #stat(): void {
    if (this.#has('stat-unmarks')) this.#marked.clear()
    const messages = this.#shown(this.#has('stat-with-deleted')).map(([, message]) => message)
    const count = messages.length + (this.#has('stat-one-more') && messages.length > 0 ? 1 : 0)
    const counted = this.#has('stat-octets-with-deleted') ? this.#all : messages
    const octets = counted.reduce((sum, message) => sum + this.#size(message), 0)
    const lines = messages.reduce((sum, { text }) => sum + text.split('\r\n').length - 1, 0)
    this.#reply('stat', `${count} ${octets - (this.#has('stat-octets-wrong') ? lines : 0)}`)
  }

  #list(argument: string): unknown {
    const describe = (number: number, message: Message): string =>
      this.#has('list-no-size') ? `${number}` : `${number} ${this.#size(message)}`
    const all = this.#shown(this.#has('list-with-deleted')).map(([number, message]) => describe(number, message))
    if (argument === '') return this.#replyLines('list', `${all.length} messages`, all)
    const message = this.#find('list', argument)
    if (!message) return
    if (this.#has('list-one-all')) return this.#replyLines('list', `${all.length} messages`, all)
    const size = this.#size(message) + (this.#has('list-one-size') ? 1 : 0)
    this.#reply('list-one', `${Number(argument)} ${size}`)
  }

  #uid(message: Message): string {
    if (this.#has('uidl-71')) return message.uid.padEnd(71, 'x')
    if (this.#has('uidl-space')) return `${message.uid} x`
    if (this.#has('uidl-eight-bit')) return `${message.uid}\xe9`
    if (this.#has('uidl-empty')) return ''
    if (this.#has('uidl-same')) return 'uid'
    if (this.#has('uidl-changes-when-read') && this.#read.has(message.uid)) return `${message.uid}-seen`
    if (this.#has('uidl-by-number')) return String(this.#options.maildrop.messages.indexOf(message) + 1)
    return this.#has('uidl-by-session')
      ? `${message.uid}-${createHash('md5').update(this.#timestamp).digest('hex')}`
      : message.uid
  }

  #uidl(argument: string): unknown {
    if (argument === '') {
      const shown = this.#shown(this.#has('uidl-with-deleted'))
      const listed = this.#has('uidl-last-missing') ? shown.slice(0, -1) : shown
      return this.#replyLines(
        'uidl',
        '',
        listed.map(([number, message]) => `${number} ${this.#uid(message)}`),
      )
    }
    const message = this.#find('uidl', argument)
    if (message)
      this.#reply('uidl-one', `${Number(argument)} ${this.#uid(message)}${this.#has('uidl-one-other') ? 'x' : ''}`)
  }

  #retr(argument: string): unknown {
    const message = this.#find('retr', argument === '' && this.#has('retr-default') ? '1' : argument)
    if (!message) return
    let lines = linesOf(message)
    if (this.#has('retr-header-only')) lines = lines.slice(0, lines.indexOf('') + 1)
    if (this.#has('retr-status-line') && this.#read.has(message.uid)) lines = ['Status: RO', ...lines]
    if (this.#has('retr-seven-bit') || (this.#utf8 && this.#has('utf8-seven-bit')))
      lines = lines.map((line) =>
        line.replace(/[\x80-\xff]/g, (octet) => String.fromCharCode(octet.charCodeAt(0) & 127)),
      )
    if (this.#has('retr-bare-lf')) lines = [lines.join('\n')]
    this.#read.add(message.uid)
    if (this.#has('retr-marks')) this.#marked.add(message.uid)
    this.#replyLines('retr', `${this.#size(message)} octets`, lines, this.#has('retr-unstuffed'))
  }

  #top(argument: string): unknown {
    const [number = '', written] = argument.split(' ')
    if (argument === '' && this.#has('top-first-default')) return this.#top('1 0')
    const word = written ?? (this.#has('top-default') ? '0' : '')
    const count = this.#has('top-word-taken') && !/^-?\d+$/.test(word) && word !== '' ? '0' : word
    const negative = /^-\d+$/.test(count) && this.#has('top-negative-taken')
    if (!/^\d{1,9}$/.test(count) && !negative) return this.#reply('syntax')
    const message = this.#find('top', number)
    if (!message) return
    const lines = linesOf(message)
    const header = lines.indexOf('') + 1
    const wanted = negative ? 0 : Number(count)
    if (this.#has('top-short-refused') && wanted > lines.length - header) return this.#reply('syntax')
    const body = this.#has('top-short-cut') ? Math.min(3, wanted) : wanted + (this.#has('top-one-more') ? 1 : 0)
    const end = this.#has('top-counts-header') ? Math.max(header, wanted) : header + body
    const given = lines
      .slice(0, end)
      .filter((_, at) => at !== header - 1 || !this.#has('top-no-empty-line') || wanted > 0)
    this.#replyLines('top', '', given, this.#has('top-unstuffed'))
  }

  #dele(argument: string): unknown {
    const message = this.#find('dele', argument === '' && this.#has('dele-default') ? '1' : argument)
    if (!message) return
    this.#marked.add(message.uid)
    if (this.#has('dele-at-once')) this.#options.maildrop.remove(this.#marked)
    this.#reply('dele')
  }
}

/** Commands without arguments. */
const BARE = ['NOOP', 'STAT', 'RSET']

const linesOf = ({ text }: Message): string[] => text.split('\r\n').slice(0, -1)
