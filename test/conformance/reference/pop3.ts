// A small reference server for POP3 that keeps to the RFCs but for the one fault it is told to have.
import { createHash } from 'node:crypto'
import { type KeyPair, type LineSocket, type ReferenceServer, serve } from './line-socket.ts'
import { type Pop3Fault, wrongCapabilities } from './pop3-faults.ts'
import type { Maildrop } from './pop3-maildrop.ts'
import { Pop3Messages } from './pop3-messages.ts'
import type { Situation } from './pop3-replies.ts'
import { Pop3Voice } from './pop3-voice.ts'
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
  readonly #voice: Pop3Voice
  readonly #messages: Pop3Messages
  #user: string | null = null
  #holds = false
  #failed = false
  #asked = false
  #over = false
  /** For faults with a memory. */
  #spoiled = false

  constructor(line: LineSocket, options: Pop3Options) {
    this.#line = line
    this.#options = options
    this.#timestamp = this.#has('apop-same-timestamp')
      ? '<1.1@example.org>'
      : `<${++greetings}.${Date.now()}@example.org>`
    this.#voice = new Pop3Voice(line, options.fault)
    const { maildrop } = options
    this.#messages = new Pop3Messages({ maildrop, voice: this.#voice, has: this.#has, session: this.#timestamp })
  }

  async run(): Promise<void> {
    this.#voice.say('greeting', this.#timestamp)
    while (!this.#over || this.#has('quit-goes-on')) {
      const line = await this.#command()
      if (line === null) break
      await this.#obey(line)
    }
    if (this.#messages.opened && this.#has('dele-at-close')) this.#options.maildrop.remove(this.#messages.marked)
    if (!this.#has('lock-kept-after-loss')) this.#unlock()
    if (this.#over && this.#has('quit-stays-open')) await this.#line.takeUntil(/$^/)
  }

  #unlock(): void {
    if (this.#messages.opened && this.#holds) this.#options.maildrop.locked = false
    this.#holds = false
  }

  #has = (fault: Pop3Fault): boolean => this.#options.fault === fault

  async #command(): Promise<string | null> {
    const taken = await this.#line.takeUntil(this.#has('command-per-packet') ? /\r\n|$/ : /\r\n/)
    if (this.#has('pipelining-flush')) this.#line.drop()
    if (this.#has('input-1k') && this.#line.waiting.length > 1024) this.#line.drop()
    if (this.#has('pipelining-quit-hurries') && /^QUIT\r\n/im.test(this.#line.waiting)) this.#over = true
    return taken?.text ?? null
  }

  // --- commands ---

  async #obey(line: string): Promise<unknown> {
    if (line === '' && this.#has('empty-line-ignored')) return
    if (line === '' && this.#has('empty-line-taken')) return this.#voice.say('noop')
    if (this.#has('line-cut-at-200') && line.length > 200) this.#voice.say('unknown')
    if (line.length + 2 > LINE_LIMIT) {
      this.#voice.say('line-too-long')
      return this.#has('long-line-tail-obeyed') ? this.#obey(line.slice(510)) : undefined
    }
    const space = line.indexOf(' ')
    const [word, argument] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)]
    const handler = this.#knows(word) ? this.#handler(this.#verbOf(word)) : null
    if (!handler && this.#has('unknown-closes')) this.#over = true
    return handler ? handler(argument) : this.#voice.say('unknown')
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
    const loggedIn = this.#messages.opened
    const family = `${loggedIn ? 'late' : 'early'}-${verb.toLowerCase()}` as Pop3Fault
    const handler = loggedIn ? late : early
    if (handler && BARE.includes(verb) && !this.#has('superfluous-taken'))
      return (argument) => (argument === '' ? handler('') : this.#voice.say('syntax'))
    if (handler) return handler
    if (!early && !late) return null
    return this.#has(family) ? (early ?? late)! : () => this.#voice.say('wrong-state')
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
        const good = argument === ''
        this.#messages.utf8 ||= good
        return this.#voice.say(good ? 'utf8' : 'syntax')
      },
    }
  }

  #transaction(): { readonly [verb: string]: Handler } {
    return {
      NOOP: () => {
        if (this.#has('noop-unmarks')) this.#messages.marked.clear()
        this.#voice.say('noop')
      },
      STAT: () => this.#messages.stat(),
      LIST: (argument) => this.#messages.list(argument),
      UIDL: (argument) => this.#messages.uidl(argument),
      RETR: (argument) => this.#messages.retr(argument),
      TOP: (argument) => this.#messages.top(argument),
      DELE: (argument) => this.#messages.dele(argument),
      RSET: () => {
        if (!this.#has('rset-keeps-marks')) this.#messages.marked.clear()
        this.#voice.say('rset')
      },
    }
  }

  #quit(): unknown {
    const refused =
      (!this.#messages.opened && this.#has('quit-early-refused')) ||
      (this.#failed && this.#has('quit-refused-after-failure')) ||
      (this.#user !== null && this.#has('quit-refused-behind-user'))
    if (refused) return this.#voice.say('wrong-state')
    const { maildrop } = this.#options
    if (this.#messages.opened && !this.#has('quit-removes-nothing')) maildrop.remove(this.#messages.marked)
    if (this.#messages.opened && this.#messages.marked.size > 0 && this.#has('quit-removes-all')) maildrop.messages = []
    if (this.#messages.opened && this.#has('quit-removes-read')) maildrop.remove(this.#messages.read)
    if (!this.#has('lock-kept-after-quit')) this.#unlock()
    else this.#holds = false
    this.#over = true
    this.#voice.say('quit')
  }

  // --- capabilities ---

  #capa(): unknown {
    const refused =
      (this.#messages.opened && this.#has('capa-late-refused')) ||
      (this.#asked && this.#has('capa-once')) ||
      (this.#user !== null && this.#has('capa-behind-user-refused'))
    this.#asked = true
    return refused ? this.#voice.say('wrong-state') : this.#voice.sayLines('capa', '', this.#capabilities())
  }

  #capabilities(): string[] {
    const secure = this.#line.encrypted
    const lines = [
      ...(this.#messages.opened && this.#has('capa-late-shorter') ? [] : ['TOP', 'UIDL']),
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
    if (tag === '') this.#voice.sayLines('lang-list', '', [this.#has('lang-list-tagless') ? '(English)' : 'en English'])
    else if (tag === 'en' || tag === '*') this.#voice.say('lang', 'en')
    else this.#voice.say('lang-unknown')
  }

  async #stls(argument: string): Promise<unknown> {
    if (argument !== '') return this.#voice.say('syntax')
    if (this.#line.encrypted) return this.#voice.say('stls-again')
    this.#voice.say('stls')
    if (this.#has('stls-in-clear') || this.#has('stls-err')) return
    if (!this.#has('stls-keeps-commands')) this.#line.drop() // RFC 2595 §4
    await this.#line.startTls(this.#options.pair)
    this.#asked = false
    if (this.#has('tls-logs-in')) this.#messages.open()
    if (!this.#has('stls-keeps-user')) this.#user = null
  }

  // --- login ---

  #name(name: string): unknown {
    if (name === '') return this.#voice.say('user-syntax')
    if (this.#user === null || !this.#has('first-user-counts')) this.#user = name
    this.#voice.say('user')
  }

  #pass(password: string): unknown {
    if (this.#messages.opened) return this.#voice.say('login')
    const user = this.#user ?? (this.#has('pass-without-user') ? USER : null)
    if (user === null) return this.#voice.say('pass-early')
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
    this.#login(argument === right || this.#has('apop-unchecked') || digestless)
  }

  #login(right: boolean): unknown {
    const { maildrop } = this.#options
    const barred =
      (this.#messages.utf8 && this.#has('utf8-login-refused')) ||
      (this.#line.encrypted && this.#has('tls-login-refused'))
    if (!right || this.#spoiled || barred) {
      this.#failed = true
      if (this.#has('failure-logs-in')) this.#messages.open()
      if (this.#has('failure-closes')) this.#over = true
      if (this.#has('failure-sticks')) this.#spoiled = true
      return this.#voice.say('login-wrong')
    }
    if (this.#has('login-hollow')) return this.#voice.say('login')
    if (maildrop.locked && !this.#messages.opened && !this.#has('maildrop-torn')) return this.#voice.say('login-locked')
    maildrop.locked = true
    this.#holds = true
    this.#messages.open()
    this.#voice.say('login')
  }

  get #mechanisms(): readonly string[] {
    if (!this.#line.encrypted) return []
    return this.#messages.opened && this.#has('sasl-late-shorter') ? ['LOGIN'] : MECHANISMS
  }

  async #auth(argument: string): Promise<unknown> {
    const [name = '', initial = null] = argument.split(' ')
    if (name === '') return this.#voice.sayLines('auth-list', '', this.#mechanisms)
    const plain = /^plain$/i.test(name) && this.#has('auth-plain-refused')
    const known = this.#mechanisms.length > 0 && isMechanism(name, this.#has) && !plain
    if (!known && !this.#has('auth-unknown-taken')) return this.#voice.say('auth-mechanism')
    const say = (situation: Situation, value = ''): void => this.#voice.say(situation, value)
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
}

/** Commands without arguments. */
const BARE = ['NOOP', 'STAT', 'RSET']
