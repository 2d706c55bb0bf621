// How the reference POP3 server speaks: replies and lists, as its fault has them.
import type { LineSocket } from './line-socket.ts'
import { type Pop3Fault, wrongReplies } from './pop3-faults.ts'
import { REPLIES, type Situation } from './pop3-replies.ts'

export class Pop3Voice {
  readonly #line: LineSocket
  readonly #fault: Pop3Fault | undefined
  #held: string | null = null

  constructor(line: LineSocket, fault: Pop3Fault | undefined) {
    this.#line = line
    this.#fault = fault
  }

  say(situation: Situation, value = ''): void {
    const words = (wrongReplies(this.#fault)[situation] ?? REPLIES[situation]).replace('{}', value)
    if (words === '') return
    const line = this.#fault === 'replies-long' ? words.padEnd(600, '.') : words
    this.#send(line + (this.#fault === 'replies-bare-lf' ? '\n' : '\r\n'))
  }

  /** A reply with lines behind it, periods added. */
  sayLines(situation: Situation, value: string, lines: readonly string[], unstuffed = false): void {
    this.say(situation, value)
    const end = this.#fault === 'lists-bare-lf' ? '\n' : '\r\n'
    const stuffable = this.#fault === 'stuffs-lone-periods' ? /^\.$/ : /^\./
    const stuffed = lines.map((line) => (stuffable.test(line) && !unstuffed ? `.${line}` : line))
    this.#send(
      [...stuffed, ...(this.#fault === `${situation}-without-end` ? [] : ['.'])].map((line) => line + end).join(''),
    )
  }

  #send(text: string): void {
    if (this.#fault === 'pipelining-reversed' && this.#line.waiting.includes('\r\n') && this.#held === null) {
      this.#held = text
      return
    }
    this.#line.send(text + (this.#held ?? ''))
    this.#held = null
  }
}
