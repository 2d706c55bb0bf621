// What the reference POP3 server does with the messages of one session: STAT, LIST, UIDL, RETR, TOP, DELE.
import { createHash } from 'node:crypto'
import type { Pop3Fault } from './pop3-faults.ts'
import type { Maildrop, Message } from './pop3-maildrop.ts'
import type { Pop3Voice } from './pop3-voice.ts'

export interface MessagesOptions {
  readonly maildrop: Maildrop
  readonly voice: Pop3Voice
  readonly has: (fault: Pop3Fault) => boolean
  /** Another text for each session. */
  readonly session: string
}

export class Pop3Messages {
  readonly marked = new Set<string>()
  readonly read = new Set<string>()
  utf8 = false
  readonly #maildrop: Maildrop
  readonly #voice: Pop3Voice
  readonly #has: (fault: Pop3Fault) => boolean
  readonly #session: string
  /** The messages as they were at the login; null before it. */
  #opened: readonly Message[] | null = null

  constructor({ maildrop, voice, has, session }: MessagesOptions) {
    this.#maildrop = maildrop
    this.#voice = voice
    this.#has = has
    this.#session = session
  }

  get opened(): boolean {
    return this.#opened !== null
  }

  open(): void {
    this.#opened = [...this.#maildrop.messages]
  }

  get #all(): readonly Message[] {
    const own = this.#has('messages-appear') ? null : this.#opened
    return own ?? this.#maildrop.messages
  }

  #isMarked = ({ uid }: Message): boolean => this.marked.has(uid)

  get #first(): number {
    if (this.#has('list-from-zero')) return 0
    return this.#has('numbers-go-on') ? 1 + this.#maildrop.removed : 1
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
    const torn = this.#has('maildrop-torn') && message && !this.#maildrop.messages.includes(message)
    const given = message && !torn && (!this.#isMarked(message) || shown)
    if (given) return message
    if (number === null) this.#voice.say('syntax')
    else if (this.#has(`missing-${verb}`) || !this.#opened) this.#missing(verb, number)
    else this.#voice.say(message && verb === 'dele' ? 'dele-twice' : 'no-message')
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
    if (verb === 'dele') this.#voice.say('dele')
    else if (verb === 'list') this.#voice.say('list-one', `${number} 0`)
    else if (verb === 'uidl') this.#voice.say('uidl-one', `${number} none`)
    else this.#voice.sayLines(verb, '0 octets', [])
  }

  #size({ text }: Message): number {
    if (this.#has('sizes-lf')) return text.replaceAll('\r\n', '\n').length
    if (this.#has('sizes-stuffed')) return text.replace(/(?<=^|\r\n)\./g, '..').length
    return text.length
  }

  stat(): void {
    if (this.#has('stat-unmarks')) this.marked.clear()
    const messages = this.#shown(this.#has('stat-with-deleted')).map(([, message]) => message)
    const count = messages.length + (this.#has('stat-one-more') && messages.length > 0 ? 1 : 0)
    const counted = this.#has('stat-octets-with-deleted') ? this.#all : messages
    const octets = counted.reduce((sum, message) => sum + this.#size(message), 0)
    const lines = messages.reduce((sum, { text }) => sum + text.split('\r\n').length - 1, 0)
    this.#voice.say('stat', `${count} ${octets - (this.#has('stat-octets-wrong') ? lines : 0)}`)
  }

  list(argument: string): unknown {
    const describe = (number: number, message: Message): string =>
      this.#has('list-no-size') ? `${number}` : `${number} ${this.#size(message)}`
    const all = this.#shown(this.#has('list-with-deleted')).map(([number, message]) => describe(number, message))
    if (argument === '') return this.#voice.sayLines('list', `${all.length} messages`, all)
    const message = this.#find('list', argument)
    if (!message) return
    if (this.#has('list-one-all')) return this.#voice.sayLines('list', `${all.length} messages`, all)
    const size = this.#size(message) + (this.#has('list-one-size') ? 1 : 0)
    this.#voice.say('list-one', `${Number(argument)} ${size}`)
  }

  #uid(message: Message): string {
    if (this.#has('uidl-71')) return message.uid.padEnd(71, 'x')
    if (this.#has('uidl-space')) return `${message.uid} x`
    if (this.#has('uidl-eight-bit')) return `${message.uid}\xe9`
    if (this.#has('uidl-empty')) return ''
    if (this.#has('uidl-same')) return 'uid'
    if (this.#has('uidl-changes-when-read') && this.read.has(message.uid)) return `${message.uid}-seen`
    if (this.#has('uidl-by-number')) return String(this.#maildrop.messages.indexOf(message) + 1)
    return this.#has('uidl-by-session')
      ? `${message.uid}-${createHash('md5').update(this.#session).digest('hex')}`
      : message.uid
  }

  uidl(argument: string): unknown {
    if (argument === '') {
      const shown = this.#shown(this.#has('uidl-with-deleted'))
      const listed = this.#has('uidl-last-missing') ? shown.slice(0, -1) : shown
      return this.#voice.sayLines(
        'uidl',
        '',
        listed.map(([number, message]) => `${number} ${this.#uid(message)}`),
      )
    }
    const message = this.#find('uidl', argument)
    if (message)
      this.#voice.say('uidl-one', `${Number(argument)} ${this.#uid(message)}${this.#has('uidl-one-other') ? 'x' : ''}`)
  }

  retr(argument: string): unknown {
    const message = this.#find('retr', argument === '' && this.#has('retr-default') ? '1' : argument)
    if (!message) return
    let lines = linesOf(message)
    if (this.#has('retr-header-only')) lines = lines.slice(0, lines.indexOf('') + 1)
    if (this.#has('retr-status-line') && this.read.has(message.uid)) lines = ['Status: RO', ...lines]
    if (this.#has('retr-seven-bit') || (this.utf8 && this.#has('utf8-seven-bit')))
      lines = lines.map((line) =>
        line.replace(/[\x80-\xff]/g, (octet) => String.fromCharCode(octet.charCodeAt(0) & 127)),
      )
    if (this.#has('retr-bare-lf')) lines = [lines.join('\n')]
    this.read.add(message.uid)
    if (this.#has('retr-marks')) this.marked.add(message.uid)
    this.#voice.sayLines('retr', `${this.#size(message)} octets`, lines, this.#has('retr-unstuffed'))
  }

  top(argument: string): unknown {
    const [number = '', written] = argument.split(' ')
    if (argument === '' && this.#has('top-first-default')) return this.top('1 0')
    const word = written ?? (this.#has('top-default') ? '0' : '')
    const count = this.#has('top-word-taken') && !/^-?\d+$/.test(word) && word !== '' ? '0' : word
    const negative = /^-\d+$/.test(count) && this.#has('top-negative-taken')
    if (!/^\d+$/.test(count) && !negative) return this.#voice.say('syntax')
    const message = this.#find('top', number)
    if (!message) return
    const lines = linesOf(message)
    const header = lines.indexOf('') + 1
    const wanted = negative ? 0 : Number(count)
    if (this.#has('top-short-refused') && wanted > lines.length - header) return this.#voice.say('syntax')
    const body = this.#has('top-short-cut') ? Math.min(3, wanted) : wanted + (this.#has('top-one-more') ? 1 : 0)
    const end = this.#has('top-counts-header') ? Math.max(header, wanted) : header + body
    const given = lines
      .slice(0, end)
      .filter((_, at) => at !== header - 1 || !this.#has('top-no-empty-line') || wanted > 0)
    if (this.#has('top-marks')) this.marked.add(message.uid)
    this.#voice.sayLines('top', '', given, this.#has('top-unstuffed'))
  }

  dele(argument: string): unknown {
    const message = this.#find('dele', argument === '' && this.#has('dele-default') ? '1' : argument)
    if (!message) return
    this.marked.add(message.uid)
    if (this.#has('dele-at-once')) this.#maildrop.remove(this.marked)
    this.#voice.say('dele')
  }
}

const linesOf = ({ text }: Message): string[] => text.split('\r\n').slice(0, -1)
