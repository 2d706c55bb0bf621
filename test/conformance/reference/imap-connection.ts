// One connection of the reference IMAP server: octets to commands, literals, STARTTLS, logging in, IDLE (RFC 9051 §2.2, §6.1, §6.2).
import { createHmac } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib'
import { Rewriter } from '../fault.ts'
import type { ImapOptions } from './imap.ts'
import { capabilities, enable, readId } from './imap-capabilities.ts'
import { extensionCommands } from './imap-extensions.ts'
import { mailboxCommands } from './imap-mailboxes.ts'
import { appendCommand, messageCommands } from './imap-messages.ts'
import { type ServerSide, Session } from './imap-session.ts'
import { Bad, No, Syntax } from './imap-syntax.ts'

const MAX_LINE = 64 * 1024
const MAX_LITERAL = 32 * 1024 * 1024

class Closed extends Error {}

export class Connection {
  #socket: Socket
  readonly #options: ImapOptions
  readonly #session: Session
  readonly #rewriter: Rewriter
  #buffer = Buffer.alloc(0)
  #ended = false
  #wake: (() => void) | null = null
  #secured = false
  #isBusy = false
  #deflate: DeflateRaw | null = null
  #inflate: InflateRaw | null = null

  constructor(socket: Socket, side: ServerSide, options: ImapOptions, armed: () => boolean) {
    this.#socket = socket
    this.#options = options
    this.#rewriter = new Rewriter(options.rules ?? [], armed)
    this.#session = new Session(side, false, (unit) => this.#write(unit))
    this.#session.onChange(() => {
      this.#notify()
      this.#tell()
    })
  }

  async serve(): Promise<void> {
    if (this.#options.implicit) await this.#secure()
    else this.#attach(this.#socket)
    this.#session.untagged(`OK [CAPABILITY ${capabilities(this.#session)}] Reference ready`)
    try {
      while (!this.#session.loggedOut) await this.#command()
    } catch (error) {
      if (!(error instanceof Closed)) throw error
    } finally {
      this.#session.leave()
      if (this.#deflate === null) this.#socket.end()
      else this.#deflate.once('end', () => this.#socket.end()).end()
    }
  }

  #write(unit: string): void {
    for (const text of this.#rewriter.say(unit)) this.#send(text)
  }

  #send(text: string): void {
    if (this.#deflate === null) this.#socket.write(text, 'latin1')
    else {
      this.#deflate.write(Buffer.from(text, 'latin1'))
      this.#deflate.flush(constants.Z_SYNC_FLUSH)
    }
  }

  /** RFC 4978: from here on both ways are compressed. */
  #compress(): void {
    const deflate = createDeflateRaw()
    const inflate = createInflateRaw()
    deflate.on('data', (bytes: Buffer) => this.#socket.write(bytes))
    inflate.on('data', (bytes: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, bytes])
      this.#notify()
    })
    inflate.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => inflate.close())
    this.#deflate = deflate
    this.#inflate = inflate
  }

  #attach(socket: Socket): void {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      if (this.#inflate !== null) {
        this.#inflate.write(bytes)
        return
      }
      this.#buffer = Buffer.concat([this.#buffer, bytes])
      this.#notify()
    })
    socket.on('close', () => {
      this.#ended = true
      this.#notify()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#notify()
    })
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = null
  }
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** RFC 5465: told while no command is under way. */
  #tell(): void {
    const { notified } = this.#session
    if (notified !== null && !this.#isBusy) this.#session.sync(notified === 'at once')
  }

  async #secure(): Promise<void> {
    const { cert, key } = this.#options.tls!
    const plain = this.#socket
    plain.removeAllListeners('data')
    // what was sent in clear before the handshake must not be obeyed after it (RFC 9051 §6.2.1)
    if (!this.#session.faulty('starttls-injection')) this.#buffer = Buffer.alloc(0)
    const secured = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext({ cert, key }) })
    this.#socket = secured
    this.#attach(secured)
    await new Promise<void>((resolve, reject) => {
      secured.once('secure', resolve)
      secured.once('close', () => reject(new Closed()))
    })
    this.#secured = true
    this.#session.secure = true
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf(10)
      if (end >= 0) {
        const line = this.#buffer.toString('latin1', 0, end + 1)
        this.#buffer = this.#buffer.subarray(end + 1)
        return line
      }
      if (this.#buffer.length > MAX_LINE) {
        this.#session.untagged('BYE A line is too long')
        throw new Closed()
      }
      if (this.#ended) throw new Closed()
      await this.#pause()
    }
  }

  async #octets(count: number): Promise<string> {
    while (this.#buffer.length < count) {
      if (this.#ended) throw new Closed()
      await this.#pause()
    }
    const octets = this.#buffer.toString('latin1', 0, count)
    this.#buffer = this.#buffer.subarray(count)
    return octets
  }

  async #command(): Promise<void> {
    let head = (await this.#line()).replace(/\r?\n$/, '')
    if (this.#session.faulty('pipelined-backwards') && this.#buffer.includes(10)) {
      const next = await this.#line()
      this.#buffer = Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), this.#buffer])
      head = next.replace(/\r?\n$/, '')
    }
    if (this.#session.faulty('pipelined-lost')) this.#buffer = Buffer.alloc(0)
    const heard = this.#rewriter.hear(head)
    if (heard.kind === 'close') throw new Closed()
    if (heard.kind === 'answer') this.#send(heard.text)
    if (heard.kind !== 'pass') {
      const size = /\{(\d+)\+\}$/.exec(head)?.[1]
      if (size !== undefined && (await this.#octets(Number(size))) !== null) await this.#line()
      return
    }
    const text = await this.#literals(heard.line)
    this.#isBusy = true
    if (text !== null) await this.#execute(text)
    this.#isBusy = false
  }

  /** The whole command with its literals; null when it was refused on the way. */
  async #literals(head: string): Promise<string | null> {
    let text = head
    for (;;) {
      const found = /~?\{(\d+)(\+?)\}$/.exec(text)
      if (!found) return text
      const size = Number(found[1])
      const limit = /^\S+ APPEND /i.test(head) ? this.#session.server.appendLimit || MAX_LITERAL : MAX_LITERAL
      if (size > limit) {
        this.#session.say(`${/^[^ ]*/.exec(head)![0]} NO [TOOBIG] A literal is too big`)
        if (found[2] !== '') throw new Closed()
        return null
      }
      const isOver = this.#options.literalMinus && found[2] !== '' && size > 4096
      if (isOver && !this.#session.faulty('literal-minus-unlimited')) {
        await this.#octets(size)
        await this.#line()
        this.#session.say(`${/^[^ ]*/.exec(head)![0]} BAD [TOOBIG] A non-synchronizing literal is too big`)
        return null
      }
      const quiet =
        (size === 0 && this.#session.faulty('empty-literal-unasked')) ||
        (text !== head && this.#session.faulty('second-literal-unasked'))
      if (found[2] === '' ? !quiet : this.#session.faulty('plus-literal-asked')) this.#session.say('+ Go on')
      if (found[2] !== '' && this.#session.faulty('plus-literal-left')) return text
      text += `\r\n${await this.#octets(size)}`
      if (this.#session.faulty('literal-ends-command')) return text
      text += (await this.#line()).replace(/\r?\n$/, '')
    }
  }

  async #execute(text: string): Promise<void> {
    const session = this.#session
    const syntax = new Syntax(text, session.unicode)
    if (session.faulty('literal-unescaped')) syntax.literalOf = (octets) => octets.replace(/["\\]/g, '')
    let tag = '*'
    try {
      tag = syntax.tag()
      syntax.sp()
      const name = syntax.atom().toUpperCase()
      const done = await this.#run(name, syntax, tag)
      if (!NO_EXPUNGES.has(name) && !(name === 'APPEND' && session.faulty('append-untold'))) session.sync(true)
      session.say(`${tag} OK ${done}`)
      if (name === 'STARTTLS') await this.#secure()
      if (name === 'COMPRESS') this.#compress()
      if (name === 'STARTTLS' && session.faulty('starttls-greets')) session.untagged('OK Reference ready')
    } catch (error) {
      if (error instanceof Bad && session.faulty('searchres-cleared-by-bad')) session.saved = []
      if (error instanceof No) session.say(`${tag} NO ${error.code === '' ? '' : `[${error.code}] `}${error.message}`)
      else if (error instanceof Bad && session.faulty('bad-unselects')) {
        session.leave()
        session.say(`${tag} BAD ${error.message}`)
      } else if (error instanceof Bad) session.say(`${tag} BAD ${error.message}`)
      else throw error
    }
  }

  #run(name: string, syntax: Syntax, tag: string): string | Promise<string> {
    const session = this.#session
    const { state } = session
    switch (name) {
      case 'CAPABILITY':
        syntax.end()
        session.untagged(`CAPABILITY ${capabilities(session)}`)
        return 'Done'
      case 'NOOP':
        syntax.end()
        return 'Done'
      case 'LOGOUT':
        syntax.end()
        session.untagged('BYE Logging out')
        if (session.faulty('logout-expunges') && session.mailbox)
          messageCommands.EXPUNGE!(session, new Syntax('', false), tag)
        session.loggedOut = !session.faulty('logout-stays')
        return 'Done'
      case 'ID':
        syntax.sp()
        readId(syntax)
        if (session.faulty('id-enters')) session.account = session.server.somebody()
        session.untagged('ID ("name" "Reference")')
        return 'Done'
      case 'STARTTLS':
        syntax.end()
        if (!session.server.offersTls || this.#secured || state !== 'not authenticated') throw new Bad('no TLS here')
        if (session.faulty('starttls-enters')) session.account = session.server.somebody()
        return 'Shake hands'
      case 'COMPRESS':
        syntax.sp()
        // RFC 4978 §3: BAD for an unknown mechanism
        if (!session.server.extended || syntax.atom().toUpperCase() !== 'DEFLATE') throw new Bad('no such mechanism')
        syntax.end()
        if (this.#deflate !== null) throw new No('it is on', 'COMPRESSIONACTIVE')
        if (!session.account) throw new Bad('log in first')
        return 'Go on compressed'
      case 'LOGIN':
        return this.#login(syntax)
      case 'AUTHENTICATE':
        return this.#authenticate(syntax)
    }
    // RFC 9586 §3
    if (session.uidOnly && /^(FETCH|STORE|COPY|MOVE|SEARCH|REPLACE)$/.test(name) && !session.faulty('uidonly-numbers'))
      throw new Bad('[UIDREQUIRED] UIDs alone')
    const more = session.server.extended ? extensionCommands[name] : undefined
    const run = more ?? mailboxCommands[name] ?? messageCommands[name]
    if (!run && !['APPEND', 'ENABLE', 'IDLE'].includes(name)) throw new Bad(`no command ${name}`)
    if (state === 'not authenticated') throw new Bad('log in first')
    if ((name in messageCommands || name === 'REPLACE') && state !== 'selected') throw new Bad('select a mailbox first')
    if (name === 'APPEND') return appendCommand(session, syntax, tag)
    if (name === 'ENABLE') return enable(session, syntax)
    if (name === 'IDLE') return this.#idle(syntax)
    return run!(session, syntax, tag)
  }

  #needsNobody(): void {
    if (this.#session.account) throw new Bad('logged in already')
    const isOverlooked = this.#session.faulty('disabled-overlooked')
    if (this.#session.server.privacyRequired && !this.#secured && !isOverlooked)
      throw new No('TLS first', 'PRIVACYREQUIRED')
  }

  #login(syntax: Syntax): string {
    syntax.sp()
    const user = syntax.astring()
    syntax.sp()
    const password = syntax.astring()
    syntax.end()
    this.#needsNobody()
    return this.#enter(user, password)
  }

  #enter(user: string, password: string): string {
    const session = this.#session
    const isAny = session.faulty('any-password')
    const account = isAny ? session.server.somebody() : session.server.login(user, password)
    if (!account && session.faulty('failure-enters')) session.account = session.server.somebody()
    if (!account && session.faulty('failure-closes')) session.loggedOut = true
    const isKnown = Object.hasOwn(this.#options.users, user)
    if (!account && session.faulty('failure-tells')) throw new No(isKnown ? 'wrong password' : 'no such user')
    if (!account) throw new No('wrong name or password', 'AUTHENTICATIONFAILED')
    session.account = account
    return `[CAPABILITY ${capabilities(this.#session)}] Welcome`
  }

  async #authenticate(syntax: Syntax): Promise<string> {
    syntax.sp()
    const mechanism = syntax.atom().toUpperCase()
    const initial = syntax.take(' ') ? syntax.text.slice(syntax.at) : null
    this.#needsNobody()
    if (mechanism === 'CRAM-MD5' && this.#session.server.extended) return this.#cramMd5(initial)
    if (mechanism !== 'PLAIN') throw new No('no such mechanism', 'CANNOT')
    if (initial === null) this.#session.say('+ ')
    const response = initial ?? (await this.#line()).replace(/\r?\n$/, '')
    if (response === '*' && this.#session.faulty('failure-closes')) this.#session.loggedOut = true
    if (response === '*') throw new Bad('cancelled')
    if (!/^(=|(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.test(response))
      throw new Bad('no base64')
    const [authzid, user, password, ...more] = Buffer.from(response, 'base64').toString('latin1').split('\0')
    if (user === undefined || password === undefined || more.length > 0) {
      if (!this.#session.faulty('plain-lenient')) throw new Bad('no PLAIN message')
      this.#session.account = this.#session.server.somebody()
      return 'Welcome'
    }
    if (authzid !== '' && authzid !== user && !this.#session.faulty('authzid-overlooked'))
      throw new No('not allowed', 'AUTHORIZATIONFAILED')
    return this.#enter(user, password)
  }

  /** RFC 2195; the server speaks first, so that no initial response may be (RFC 4959 §3). */
  async #cramMd5(initial: string | null): Promise<string> {
    if (initial !== null) throw new Bad('no initial response here')
    const challenge = `<${Date.now()}@reference.example>`
    this.#session.say(`+ ${Buffer.from(challenge).toString('base64')}`)
    const response = (await this.#line()).replace(/\r?\n$/, '')
    if (response === '*') throw new Bad('cancelled')
    const text = Buffer.from(response, 'base64').toString('utf8')
    const user = text.slice(0, Math.max(0, text.lastIndexOf(' ')))
    const password = this.#options.users[user] ?? ''
    const expected = createHmac('md5', password).update(challenge).digest('hex')
    return this.#enter(user, text === `${user} ${expected}` ? password : `not ${password}`)
  }

  async #idle(syntax: Syntax): Promise<string> {
    syntax.end()
    this.#session.say('+ idling')
    for (;;) {
      this.#session.sync(true)
      if (this.#buffer.includes(10)) break
      if (this.#ended) throw new Closed()
      await this.#pause()
    }
    const line = (await this.#line()).trim()
    const isDone = this.#session.faulty('idle-done-minds-case') ? line === 'DONE' : line.toUpperCase() === 'DONE'
    if (!isDone && !this.#session.faulty('idle-any-line')) throw new Bad('expected DONE')
    return 'Idled'
  }
}

/** RFC 9051 §7.5.1: no EXPUNGE while these are answered. */
const NO_EXPUNGES = new Set(['FETCH', 'STORE', 'SEARCH', 'UID', 'LOGOUT', 'STARTTLS'])
