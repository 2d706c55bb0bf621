// A small reference server for SMTP, submission and LMTP that keeps to the RFCs but for the one fault it is told to have.
import { type KeyPair, type LineSocket, type ReferenceServer, serve } from './line-socket.ts'
import { type SmtpFault, wrongKeywords, wrongReplies } from './smtp-faults.ts'
import { decodeBase64, decodeUtf8, isAscii, isHello, isXtext, type PathArgument, parsePath } from './smtp-grammar.ts'
import { REPLIES, type Situation } from './smtp-replies.ts'

export const DOMAIN = 'example.org'
export const USER = `ana@${DOMAIN}`
export const PASSWORD = 'plum stone'
const MAILBOXES = ['ana', 'berta', 'postmaster']
const SIZE_LIMIT = 1_000_000
const LINE_LIMIT = 2048
const AUTH_LINE_LIMIT = 12_288

export interface SmtpOptions {
  readonly protocol: 'smtp' | 'submission' | 'lmtp'
  readonly pair: KeyPair
  readonly implicitTls?: boolean
  readonly fault?: SmtpFault
  /** Gets each message once for each recipient, one character an octet. */
  readonly deliver?: (recipient: string, message: string) => void
}

interface Transaction {
  readonly from: PathArgument
  readonly body: string
  readonly utf8: boolean
  readonly recipients: string[]
  /** As many as were refused: nothing for a correct server. */
  refused: number
  /** What BDAT brought so far; null before the first. */
  chunks: string | null
}

export const startSmtpReference = (options: SmtpOptions): Promise<ReferenceServer> =>
  serve((line) => new SmtpSession(line, options).run(), options.implicitTls ? options.pair : null)

class SmtpSession {
  readonly #line: LineSocket
  readonly #options: SmtpOptions
  #hello: 'helo' | 'ehlo' | null = null
  #transaction: Transaction | null = null
  #user: string | null = null
  #over = false
  /** For faults with a memory. */
  #spoiled = false
  #held: string | null = null
  #leftover: string[] = []

  constructor(line: LineSocket, options: SmtpOptions) {
    this.#line = line
    this.#options = options
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

  #has(fault: SmtpFault): boolean {
    return this.#options.fault === fault
  }

  // --- lines in, replies out ---

  async #command(): Promise<string | null> {
    const end = this.#has('command-ends-lf')
      ? /\r?\n/
      : this.#has('command-ends-cr')
        ? /\r\n?/
        : this.#has('command-per-packet')
          ? /\r\n|$/
          : /\r\n/
    const taken = await this.#line.takeUntil(end)
    if (taken === null) return null
    if (this.#has('pipelining-flush')) this.#line.drop()
    if (this.#has('pipelining-tail-dropped') && !this.#line.waiting.includes('\r\n')) this.#line.drop()
    return taken.text
  }

  #reply(situation: Situation, value = ''): false {
    const spoken = this.#spoken(situation).replace('{}', value)
    if (spoken === '') return false
    if (this.#has('pipelining-refusal-drops-rest') && spoken.startsWith('5')) this.#line.drop()
    const [first = '', ...further] = spoken.split('\n').filter((line, at) => at === 0 || !line.startsWith('\r'))
    if (spoken.includes('\r\n')) return this.#send(`${spoken}\r\n`)
    const code = first.slice(0, 3)
    const texts = [first.slice(4), ...further].map((text) => this.#spoil(text))
    if (first.length === 3 && texts.length === 1) return this.#send(`${code}\r\n`)
    const lines = texts.map((text, at) => `${code}${at < texts.length - 1 ? '-' : ' '}${text}`)
    const between = this.#has('continuation-bare-lf') ? '\n' : '\r\n'
    return this.#send(this.#has('replies-bare-lf') ? `${lines.join('\n')}\n` : `${lines.join(between)}\r\n`)
  }

  /** The words for a situation, with the fault's in their place. */
  #spoken(situation: Situation): string {
    const { fault } = this.#options
    const right: string = REPLIES[situation]
    const kind = right.startsWith('503') ? '503' : situation
    if (fault === `enhanced-missing-${kind}`) return right.replace(/(?<=^\d{3} )[245]\.\d+\.\d+ /, '')
    if (fault === `enhanced-class-${kind}`)
      return right.replace(/(?<=^\d{3} )[245](?=\.)/, (digit) => (digit === '2' ? '5' : '2'))
    return wrongReplies(fault)[situation] ?? right
  }

  #spoil(text: string): string {
    if (this.#has('replies-8bit')) return `${text} \xe9`
    if (this.#has('replies-control')) return `${text} \x07`
    if (this.#has('replies-long')) return text.padEnd(600, '.')
    return text
  }

  #send(text: string): false {
    if (this.#has('pipelining-reversed') && this.#line.waiting.includes('\r\n') && this.#held === null) {
      this.#held = text
      return false
    }
    this.#line.send(text + (this.#held ?? ''))
    this.#held = null
    return false
  }

  // --- commands ---

  async #obey(line: string): Promise<void> {
    if (line.length + 2 > (this.#has('line-limit-511') ? 511 : LINE_LIMIT)) return this.#tooLong(line)
    const tidy = this.#has('trailing-space-refused') ? line : line.replace(/[ \t]+$/, '')
    const space = tidy.indexOf(' ')
    const [word, argument] = space < 0 ? [tidy, ''] : [tidy.slice(0, space), tidy.slice(space + 1)]
    const verb = word.toUpperCase()
    const [upper, lower] = [word === verb, word === word.toLowerCase()]
    if (/[\r\n]/.test(line)) this.#reply('unknown')
    else if (this.#has('verbs-lower-refused') && lower && !upper) this.#reply('unknown')
    else if (this.#has('verbs-mixed-refused') && !lower && !upper) this.#reply('unknown')
    else if (this.#has('trailing-space-refused') && /[ \t]$/.test(line)) this.#reply('parameter-value')
    else await this.#dispatch(verb, argument)
  }

  #tooLong(line: string): void {
    const pieces = this.#has('line-too-long-cut') ? Math.ceil(line.length / 512) : 1
    for (let piece = 0; piece < pieces; piece++) this.#reply('line-too-long')
  }

  async #dispatch(verb: string, argument: string): Promise<unknown> {
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
      case 'NOOP':
        return this.#noop(argument)
      case 'HELP':
        if (this.#has('help-clears')) this.#transaction = null
        return this.#reply('help')
      case 'VRFY':
        return this.#vrfy(argument)
      case 'EXPN':
        return this.#reply(argument === '' ? 'expn-syntax' : argument === 'staff' ? 'expn' : 'expn-unknown')
      case 'QUIT':
        return this.#quit(argument)
      case 'STARTTLS':
        return this.#startTls(argument)
      case 'AUTH':
        return this.#auth(argument)
      default:
        return this.#unknown(verb)
    }
  }

  #unknown(verb: string): void {
    if (this.#has('unknown-closes')) this.#over = true
    if (this.#has('unknown-clears')) this.#transaction = null
    if (this.#has('unknown-421-closes')) this.#over = true
    this.#reply(/^(?:TURN|ETRN|SEND|SOML|SAML)$/.test(verb) ? 'not-implemented' : 'unknown')
  }

  #hail(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): unknown {
    const lmtp = this.#options.protocol === 'lmtp'
    const taken = (verb === 'HELO' && this.#has('lmtp-takes-helo')) || (verb === 'EHLO' && this.#has('lmtp-takes-ehlo'))
    // RFC 2033 §4.1
    if (lmtp ? verb !== 'LHLO' && !taken : verb === 'LHLO') return this.#reply('wrong-hello')
    if (lmtp && this.#has('lhlo-refused')) return this.#reply('unknown')
    const picky =
      (this.#has('ehlo-literal-refused') && name.startsWith('[')) ||
      (this.#has('ehlo-ipv6-refused') && name.startsWith('[IPv6:'))
    if (!isHello(name) || picky) {
      if (this.#has('ehlo-failure-clears')) this.#transaction = null
      if (this.#has('ehlo-failure-forgets')) this.#reset()
      return this.#reply('hello-syntax')
    }
    if (!this.#has('ehlo-keeps-transaction')) this.#transaction = null // RFC 5321 §4.1.4
    this.#hello = verb === 'HELO' ? 'helo' : 'ehlo'
    if (verb === 'HELO' && !this.#has('helo-lists-extensions')) return this.#reply('helo')
    const first = this.#spoken('ehlo')
    return /^25/.test(first) ? this.#replyLines([first, ...this.#keywords()]) : this.#reply('ehlo')
  }

  #replyLines([first = '', ...keywords]: readonly string[]): void {
    const code = first.slice(0, 3)
    const lines = [first.slice(4), ...keywords].map((text) => this.#spoil(text))
    const ends = this.#has('replies-bare-lf') || this.#has('continuation-bare-lf') ? '\n' : '\r\n'
    const text = lines.map((line, at) => `${code}${at < lines.length - 1 ? '-' : ' '}${line}`).join(ends)
    this.#send(text + (this.#has('replies-bare-lf') ? '\n' : '\r\n'))
  }

  #keywords(): string[] {
    const { fault } = this.#options
    const secure = this.#line.encrypted
    const lines = [
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
      ...(secure ? ['AUTH PLAIN LOGIN'] : []),
      'HELP',
    ]
    const replaced = wrongKeywords(fault)
    return lines
      .map((line) => ({ line, other: replaced[line.split(' ')[0]!] }))
      .flatMap(({ line, other }) => (other === undefined ? [line] : other === null ? [] : [other]))
  }

  #mail(argument: string): unknown {
    const { protocol } = this.#options
    const early = this.#hello === null && !this.#has('mail-before-hello')
    if (early || (this.#hello === 'helo' && this.#has('helo-no-transaction'))) return this.#reply('mail-early')
    if (this.#spoiled && (this.#has('data-once') || this.#has('data-refusal-sticks'))) return this.#reply('mail-early')
    if (this.#transaction && !this.#has('mail-nested-taken')) {
      if (this.#has('mail-nested-clears')) this.#transaction = null
      return this.#reply('mail-nested')
    }
    const loggedIn = this.#user !== null && !this.#has('submission-login-ignored')
    if (protocol === 'submission' && !loggedIn && !this.#has('submission-open')) return this.#reply('mail-login')
    const from = this.#path('reverse', argument)
    if (!from) {
      if (this.#has('mail-bad-path-closes')) this.#over = true
      return this.#reply('mail-syntax')
    }
    if (this.#has('ehlo-name-verified-mail')) return this.#reply('rcpt-relay')
    const parameters = this.#parameters('MAIL', from)
    if (!parameters) return false
    if (!isAscii(from.path) && !parameters.has('SMTPUTF8')) return this.#reply('utf8-needed')
    this.#transaction = {
      from,
      body: (parameters.get('BODY') ?? '7BIT').toUpperCase(),
      utf8: parameters.has('SMTPUTF8'),
      recipients: [...this.#leftover],
      refused: 0,
      chunks: null,
    }
    return this.#reply('mail')
  }

  /** The path that MAIL or RCPT names, unless it is none, or the fault dislikes it. */
  #path(kind: 'reverse' | 'forward', argument: string): PathArgument | null {
    const keyword = kind === 'reverse' ? 'FROM:' : 'TO:'
    const command = kind === 'reverse' ? 'mail' : 'rcpt'
    const path = parsePath(kind, argument) ?? this.#wrongPath(command, argument)
    if (!path || path.keyword.toUpperCase() !== keyword) return null
    const { local, domain } = path
    const long = local.length > 63
    const refused =
      (this.#has(`${command}-keyword-case`) && path.keyword !== keyword) ||
      (this.#has(`${command}-local-part-63`) && long) ||
      (this.#has('mail-null-refused') && path.path === '<>') ||
      (this.#has('mail-quoted-refused') && local.startsWith('"')) ||
      (this.#has('mail-quoted-at-refused') && local.includes('@')) ||
      (this.#has('mail-atext-refused') && !local.startsWith('"') && /[^\w.+-]/.test(local)) ||
      (this.#has('mail-literal-refused') && domain.startsWith('[')) ||
      (this.#has('utf8-mailbox-refused') && !isAscii(path.path)) ||
      (this.#has('rcpt-source-route-refused') && path.route) ||
      (this.#has('postmaster-bare-refused') && domain === '' && local !== '')
    return refused ? null : path
  }

  /** What faults take for a path. */
  #wrongPath(command: 'mail' | 'rcpt', argument: string): PathArgument | null {
    const none = { keyword: command === 'mail' ? 'FROM:' : 'TO:', path: '<>', route: false, parameters: [] }
    if (this.#has(`${command}-bad-path-taken`)) return { ...none, local: 'ana', domain: DOMAIN }
    if (this.#has('utf8-not-checked') && decodeUtf8(argument) === null) return { ...none, local: 'ana', domain: DOMAIN }
    if (this.#has('rcpt-null-taken') && /^to:<>/i.test(argument)) return { ...none, local: 'ana', domain: DOMAIN }
    return null
  }

  /** The parameters by upper-case name; null when one was refused, and answered. */
  #parameters(command: 'MAIL' | 'RCPT', { parameters }: PathArgument): Map<string, string> | null {
    const taken = new Map<string, string>()
    for (const [written, value] of parameters) {
      const name = this.#has('parameter-names-case') ? written : written.toUpperCase()
      const rule = this.#parameterRules(command)[name]
      if (!rule && !this.#has(`${command === 'MAIL' ? 'mail' : 'rcpt'}-parameter-ignored`)) {
        this.#reply('parameter-unknown')
        return null
      }
      const situation = rule?.(value) ?? null
      const twice = taken.has(name) && !this.#has('parameters-twice')
      if (twice || situation !== null) {
        this.#reply(twice ? 'parameter-value' : situation!)
        return null
      }
      taken.set(name, value ?? '')
    }
    return taken
  }

  #parameterRules(command: 'MAIL' | 'RCPT'): { readonly [name: string]: (value: string | null) => Situation | null } {
    const has = (fault: SmtpFault): boolean => this.#has(fault)
    const judge = (good: boolean): Situation | null => (good ? null : 'parameter-value')
    const word = (value: string | null): string =>
      has('parameter-values-case') ? (value ?? '') : (value ?? '').toUpperCase()
    if (this.#hello !== 'ehlo' && !has('mail-before-hello')) return {}
    if (command === 'RCPT')
      return {
        ...(has('notify-refused')
          ? {}
          : { NOTIFY: (value) => judge(has('notify-word-taken') || this.#isNotify(word(value))) }),
        ...(has('orcpt-refused')
          ? {}
          : { ORCPT: (value) => judge((has('orcpt-no-type-taken') && value !== null) || isOrcpt(value ?? '')) }),
      }
    return {
      SIZE: (value) => {
        if (!/^\d{1,20}$/.test(value ?? '')) return has('size-word-taken') ? null : 'parameter-value'
        const large = BigInt(value!) > SIZE_LIMIT && !has('size-too-large-taken')
        return large || has('size-refused') ? 'size-declared' : null
      },
      BODY: (value) => judge(has('body-word-taken') || this.#isBody(word(value))),
      ...(has('utf8-parameter-refused') ? {} : { SMTPUTF8: (value: string | null) => judge(value === null) }),
      ...(has('ret-refused')
        ? {}
        : { RET: (value: string | null) => judge(has('ret-word-taken') || this.#isRet(word(value))) }),
      ENVID: (value) => judge(this.#isEnvid(value ?? '')),
      ...(has('auth-parameter-refused') || !this.#line.encrypted
        ? {}
        : { AUTH: (value: string | null) => judge(value !== null && isXtext(value)) }),
    }
  }

  #isBody(word: string): boolean {
    if (this.#has('body-8bitmime-refused') && word === '8BITMIME') return false
    if (this.#has('body-7bit-refused') && word === '7BIT') return false
    return ['7BIT', '8BITMIME', 'BINARYMIME'].includes(word)
  }

  #isRet(word: string): boolean {
    return word === 'FULL' || (word === 'HDRS' && !this.#has('ret-hdrs-refused'))
  }

  #isEnvid(value: string): boolean {
    if (this.#has('envid-word-taken')) return true
    if (this.#has('envid-xtext-refused') && value.includes('+')) return false
    return value !== '' && isXtext(value) && value.length <= (this.#has('envid-50') ? 50 : 100)
  }

  #isNotify(list: string): boolean {
    const values = list.split(',')
    if (this.#has('notify-list-refused') && values.length > 1) return false
    if (values.includes('NEVER') && values.length > 1) return this.#has('notify-never-with-others')
    return values.every((value) => ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'].includes(value))
  }

  #rcpt(argument: string): unknown {
    if (!this.#transaction && !this.#has('rcpt-without-mail-taken')) return this.#reply('rcpt-early')
    const to = this.#path('forward', argument)
    if (!to) return this.#refuseRcpt('rcpt-syntax')
    if (!this.#parameters('RCPT', to)) return false
    if (!isAscii(to.path) && !this.#transaction?.utf8) return this.#refuseRcpt('utf8-needed')
    if (this.#has('ehlo-name-verified-rcpt')) return this.#refuseRcpt('rcpt-relay')
    const refusal = this.#refusal(to)
    if (refusal) return this.#refuseRcpt(refusal)
    if (this.#has('rcpt-limit-99') && this.#transaction!.recipients.length === 99) return this.#refuseRcpt('rcpt-relay')
    this.#transaction?.recipients.push(to.local.toLowerCase())
    return this.#reply('rcpt')
  }

  #refusal({ local, domain }: PathArgument): Situation | null {
    const name = local.replace(/^"(.*)"$/, '$1').toLowerCase()
    if (domain === '') return this.#has('postmaster-case') && local !== 'postmaster' ? 'rcpt-unknown' : null
    const own = this.#has('rcpt-domain-case') ? domain === DOMAIN : domain.toLowerCase() === DOMAIN
    const relay = this.#options.protocol === 'submission' && this.#user !== null
    if (!own) return relay || this.#has('submission-open') ? null : 'rcpt-relay'
    if (name === 'postmaster' && this.#has('postmaster-domain-refused')) return 'rcpt-unknown'
    return MAILBOXES.includes(name) || this.#has('rcpt-unknown-taken') ? null : 'rcpt-unknown'
  }

  #refuseRcpt(situation: Situation): unknown {
    if (this.#transaction) this.#transaction.refused += 1
    if (this.#has('rcpt-refusal-ends')) this.#transaction = null
    return this.#reply(situation)
  }

  // --- messages ---

  async #data(argument: string): Promise<unknown> {
    if (argument !== '' && !this.#has('data-argument-taken')) return this.#reply('no-argument')
    const refusal = this.#dataRefusal()
    if (refusal) {
      if (this.#has('data-refusal-sticks')) this.#spoiled = true
      if (this.#has('data-refusal-closes')) this.#over = true
      if (this.#has('data-refusal-clears')) this.#transaction = null
      return this.#reply(refusal)
    }
    this.#reply('data')
    const message = await this.#readMessage()
    if (message === null) {
      this.#over = true
      return
    }
    if (this.#has('pipelining-message-drops-rest')) this.#line.drop()
    return this.#finish(message, 'lmtp-one-reply')
  }

  #dataRefusal(): Situation | null {
    const transaction = this.#transaction
    if (!transaction) return this.#has('data-early-taken') ? null : 'data-early'
    if (transaction.chunks !== null && !this.#has('chunk-then-data')) return 'data-after-bdat'
    if (transaction.body === 'BINARYMIME' && !this.#has('binary-data-taken')) return 'data-binary'
    return transaction.recipients.length === 0 && !this.#has('data-nobody-taken') ? 'data-nobody' : null
  }

  /** The message with the added periods taken away; null when the client has gone. */
  async #readMessage(): Promise<string | null> {
    const { fault = '' } = this.#options
    // The CR LF of the DATA command is the first half of an end that follows at once: RFC 5321 §4.1.1.4.
    let text = '\r\n'
    const ends = WRONG_ENDS[fault] ?? /\r\n\.\r\n/
    for (;;) {
      if (text === '\r\n' && (await this.#line.takeStart('.\r\n'))) return ''
      const taken = await this.#line.takeUntil(ends)
      if (taken === null) return null
      text += taken.text
      if (!taken.cuts.some((back) => fault === `data-cut-${back}`)) break
      text += taken.end
    }
    return text.slice(2).replace(/(?<=^|\r\n)\./g, (dot) => (this.#has('data-line-counts-dot') ? dot : ''))
  }

  #finish(message: string, oneReply: SmtpFault): void {
    const transaction = this.#transaction
    const refusal = this.#messageRefusal(message, transaction)
    if (this.#has('data-once')) this.#spoiled = true
    if (!this.#has('data-keeps-transaction')) this.#transaction = null
    if (!refusal)
      for (const name of transaction?.recipients ?? []) this.#options.deliver?.(`${name}@${DOMAIN}`, message)
    const replies = this.#options.protocol === 'lmtp' && !this.#has(oneReply) ? this.#repliesFor(transaction) : 1
    for (let reply = 0; reply < replies; reply++) this.#reply(refusal ?? 'message')
  }

  // RFC 2033 §4.2
  #repliesFor(transaction: Transaction | null): number {
    const recipients = transaction?.recipients ?? []
    const counted = this.#has('lmtp-recipients-merged') ? new Set(recipients).size : recipients.length
    return counted + (this.#has('lmtp-refused-answered') ? (transaction?.refused ?? 0) : 0)
  }

  #messageRefusal(message: string, transaction: Transaction | null): Situation | null {
    const lines = message.split('\r\n')
    const header = lines.slice(0, Math.max(0, lines.indexOf('')))
    const has = (name: RegExp): boolean => header.some((line) => name.test(line))
    const longest = lines.reduce((most, line) => Math.max(most, line.length), 0)
    const limit = this.#has('data-32k') ? 32_768 : SIZE_LIMIT
    if (message.length > limit) return 'message-size'
    if (this.#has('data-line-998') && longest > 996) return 'message-line'
    if (this.#has('data-line-counts-dot') && longest > 998) return 'message-line'
    const refused =
      (this.#has('data-header-wanted') && !has(/^[!-9;-~]+:/)) ||
      (this.#has('data-resent-checked') && has(/^Resent-To:/i) && !has(/^Resent-(?:From|Date):/i)) ||
      (this.#has('data-received-checked') && header.some((line) => /^Received:(?!.*; \w{3}, \d)/i.test(line))) ||
      (this.#has('data-null-refused') && transaction?.from.path === '<>') ||
      (this.#has('message-8bit-refused') && !isAscii(message)) ||
      (this.#has('utf8-header-refused') && !isAscii(header.join(''))) ||
      (this.#has('binary-message-refused') && /\0|[^\r]\n|\r[^\n]/.test(message)) ||
      this.#has('submission-message-refused') ||
      (this.#has('submission-date-wanted') && !(has(/^Date:/i) && has(/^Message-ID:/i)))
    return refused ? 'message-line' : null
  }

  async #bdat(argument: string): Promise<unknown> {
    const lenient = this.#has('chunk-size-lenient') ? '.*?' : '\\d{1,18}'
    const groups = new RegExp(`^(?<size>${lenient})(?<last> LAST)?$`, 'i').exec(argument)?.groups
    const last = groups?.last !== undefined
    const size = Number.parseInt(groups?.size ?? '', 10) || 0
    if (!groups || (last && this.#has('chunk-last-refused')) || (size === 0 && this.#has('chunk-empty-refused')))
      return this.#reply('chunk-syntax')
    const refusal = this.#chunkRefusal()
    if (refusal && this.#has('chunk-refused-obeyed')) return this.#reply(refusal)
    const octets = await this.#line.takeOctets(size)
    if (octets === null) {
      this.#over = true
      return
    }
    if (refusal) return this.#reply(refusal)
    const transaction = this.#transaction
    if (transaction) transaction.chunks = (transaction.chunks ?? '') + octets
    if (this.#has('chunk-lines-wanted') && octets !== '' && !octets.endsWith('\r\n')) return this.#reply('chunk-syntax')
    const ended = this.#has('chunk-dot-ends') && /(^|\r\n)\.\r\n/.test(octets)
    if (!last && !ended) return this.#reply('chunk')
    if (ended && last) this.#reply('message')
    this.#finish(transaction?.chunks ?? '', 'lmtp-chunk-one-reply')
    if (this.#has('chunk-after-last-taken')) this.#transaction = transaction
  }

  #chunkRefusal(): Situation | null {
    if (this.#has('chunk-early-taken')) return null
    if (!this.#transaction) return 'chunk-early'
    return this.#transaction.recipients.length === 0 ? 'chunk-nobody' : null
  }

  // --- the other commands ---

  #rset(argument: string): unknown {
    if (argument !== '' && !this.#has('rset-argument-taken')) return this.#reply('no-argument')
    if (this.#hello === null && this.#has('rset-wants-hello')) return this.#reply('mail-early')
    const chunks = this.#transaction?.chunks ?? null
    if (this.#has('rset-forgets-greeting')) this.#hello = null
    if (this.#has('rset-closes')) this.#over = true
    const kept = this.#has('rset-keeps-transaction') || (this.#has('chunk-rset-ignored') && chunks !== null)
    if (this.#has('rset-keeps-recipients')) this.#leftover = this.#transaction?.recipients ?? []
    if (!kept) this.#transaction = null
    return this.#reply('rset')
  }

  #noop(argument: string): unknown {
    if (this.#hello === null && this.#has('noop-wants-hello')) return this.#reply('mail-early')
    if (argument !== '' && this.#has('noop-argument-refused')) return this.#reply('no-argument')
    if (this.#has('noop-clears')) this.#transaction = null
    return this.#reply('noop')
  }

  #vrfy(argument: string): unknown {
    if (argument === '') return this.#reply('vrfy-syntax')
    if (this.#has('vrfy-clears')) this.#transaction = null
    const [, name = ''] = /^<?([^@>]*)(?:@example\.org)?>?(?: SMTPUTF8)?$/i.exec(argument) ?? []
    const known = MAILBOXES.includes(name.toLowerCase())
    return this.#reply(known ? 'vrfy' : 'vrfy-unknown', `${name.toLowerCase()}@${DOMAIN}`)
  }

  #quit(argument: string): unknown {
    if (argument !== '' && !this.#has('quit-argument-taken')) return this.#reply('no-argument')
    if (this.#hello === null && this.#has('quit-wants-hello')) return this.#reply('mail-early')
    if (this.#transaction && this.#has('quit-in-transaction-refused')) return this.#reply('mail-nested')
    this.#over = true
    return this.#reply('quit')
  }

  async #startTls(argument: string): Promise<unknown> {
    if (argument !== '' && !this.#has('starttls-argument-taken')) return this.#reply('no-argument')
    if (this.#line.encrypted) return this.#reply(this.#has('starttls-twice') ? 'starttls' : 'starttls-again')
    if (this.#hello === null) return this.#reply('starttls-early')
    this.#reply('starttls')
    if (this.#has('starttls-in-clear')) return
    if (!this.#has('starttls-keeps-commands')) this.#line.drop() // RFC 3207 §4.2
    await this.#line.startTls(this.#options.pair)
    if (!this.#has('starttls-keeps-transaction')) this.#reset()
  }

  #reset(): void {
    this.#hello = null
    this.#transaction = null
    this.#user = null
  }

  // --- login ---

  async #auth(argument: string): Promise<unknown> {
    const [written = '', initial = null] = argument.split(' ')
    const refusal = this.#authRefusal(written)
    if (refusal) return this.#reply(refusal)
    const mechanism = this.#has('auth-unknown-taken') ? 'PLAIN' : written.toUpperCase()
    const first = this.#has('auth-initial-ignored') ? null : initial === '=' ? '' : initial
    const credentials = mechanism === 'LOGIN' ? await this.#login(first) : await this.#plain(first)
    if (!credentials) return
    const right =
      credentials.user === USER && (credentials.password === PASSWORD || this.#has('auth-password-unchecked'))
    if (right && !this.#spoiled) {
      this.#user = credentials.user
      return this.#reply('auth-ok')
    }
    if (this.#has('auth-failure-sticks')) this.#spoiled = true
    if (this.#has('auth-failure-closes')) this.#over = true
    return this.#reply('auth-wrong')
  }

  #authRefusal(written: string): Situation | null {
    const known = this.#has('auth-mechanism-case')
      ? ['PLAIN', 'LOGIN'].includes(written)
      : /^(plain|login)$/i.test(written)
    if (this.#hello === null) return 'auth-early'
    if (this.#user !== null && !this.#has('auth-twice')) return 'auth-again'
    if (this.#transaction && !this.#has('auth-in-transaction')) return 'auth-transaction'
    if (written === '') return 'auth-syntax'
    if (!known && !this.#has('auth-unknown-taken')) return 'auth-mechanism'
    if (this.#has('auth-plain-refused') && /plain/i.test(written)) return 'auth-mechanism'
    return this.#line.encrypted ? null : 'auth-clear'
  }

  async #plain(initial: string | null): Promise<{ user: string; password: string } | null> {
    if (initial === null && this.#has('auth-initial-wanted')) {
      this.#reply('auth-syntax')
      return null
    }
    const response = await this.#response(initial, '')
    if (response === null) return null
    const [identity = '', user = '', password = ''] = response.split('\0')
    return { user: identity === '' || identity === user ? user : '', password }
  }

  async #login(initial: string | null): Promise<{ user: string; password: string } | null> {
    const user = await this.#response(initial, 'Username:')
    const password = user === null ? null : await this.#response(null, 'Password:')
    return user === null || password === null ? null : { user, password }
  }

  /** The response to a challenge, decoded; null when there was none, and the client was told. */
  async #response(initial: string | null, challenge: string): Promise<string | null> {
    const line = initial ?? (await this.#challenge(challenge))
    if (line === null) return null
    const decoded = this.#has('auth-base64-lenient') ? Buffer.from(line, 'base64').toString() : decodeBase64(line)
    if (decoded !== null && line !== '*') return decoded
    this.#reply(line === '*' ? 'auth-cancelled' : 'auth-base64')
    return null
  }

  async #challenge(challenge: string): Promise<string | null> {
    this.#reply('auth-challenge', Buffer.from(challenge).toString('base64'))
    const line = await this.#command()
    if (line === null) this.#over = true
    if (line === '*' && this.#has('auth-cancel-ignored')) return this.#challenge(challenge)
    const limit = this.#has('auth-line-1000') ? 1000 : AUTH_LINE_LIMIT
    if (line === null || line.length + 2 <= limit) return line
    for (let at = 0; at < line.length; at += limit) this.#reply('auth-long')
    return null
  }
}

const isOrcpt = (value: string): boolean =>
  /^[A-Za-z0-9-]+;[^;]*$/.test(value) && isXtext(value.slice(value.indexOf(';') + 1))

/** What ends a message for each fault that gets it wrong. */
const WRONG_ENDS: { readonly [fault: string]: RegExp } = {
  'ends-lf-dot-lf': /\r\n\.\r\n|\n\.\n/,
  'ends-crlf-dot-lf': /\r\n\.\r\n|\r\n\.\n/,
  'ends-lf-dot-crlf': /\r\n\.\r\n|\n\.\r\n/,
  'ends-cr-dot-cr': /\r\n\.\r\n|\r\.\r/,
  'ends-cr-dot-crlf': /\r\n\.\r\n|\r\.\r\n/,
  'ends-crlf-dot-cr': /\r\n\.\r\n|\r\n\.\r/,
  'data-two-dots-end': /\r\n\.\.?\r\n/,
  'data-commands-obeyed': /\r\n\.\r\n|\r\n(?=(?:MAIL|RCPT|DATA|RSET|NOOP|QUIT|EHLO|HELO)\b)/i,
}
