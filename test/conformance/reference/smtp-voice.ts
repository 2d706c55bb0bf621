// How the reference server for SMTP, submission and LMTP speaks: replies and the list of extensions, as its fault has them.
import type { LineSocket } from './line-socket.ts'
import type { SmtpFault } from './smtp-faults.ts'
import { REPLIES, type Situation } from './smtp-replies.ts'
import { wrongKeywords, wrongReplies } from './smtp-wordings.ts'

export class SmtpVoice {
  readonly #line: LineSocket
  readonly #fault: SmtpFault | undefined
  #held: string | null = null
  /** Whether EHLO was used, for a fault. */
  extended = false

  constructor(line: LineSocket, fault: SmtpFault | undefined) {
    this.#line = line
    this.#fault = fault
  }

  /** A reply; `value` takes the place of `{}` in its words. */
  say(situation: Situation, value = ''): void {
    const words = this.#words(situation).replace('{}', value)
    if (words.startsWith('5') && this.#fault === 'pipelining-refusal-drops-rest') this.#line.drop()
    for (const reply of words === '' ? [] : words.split('\r\n')) this.#sayLines(reply.split('\n'))
  }

  /** The reply to EHLO or LHLO; false when the fault refuses it. */
  hail(extensions: readonly string[]): boolean {
    this.extended = true
    const first = this.#words('ehlo')
    const taken = first.startsWith('25')
    this.#sayLines(taken ? [first, ...this.#announced(extensions)] : [first])
    return taken
  }

  /** The words for a situation, with the fault's in their place; `\n` between lines, CR LF between replies. */
  #words(situation: Situation): string {
    const right: string = REPLIES[situation]
    const kind = right.startsWith('503') ? '503' : situation
    const bare = this.#fault === 'enhanced-ehlo-only' && !this.extended
    if (bare || this.#fault === `enhanced-missing-${kind}`) return right.replace(/(?<=^\d{3} )[245]\.\d+\.\d+ /, '')
    if (this.#fault === `enhanced-class-${kind}`)
      return right.replace(/(?<=^\d{3} )[245](?=\.)/, (digit) => (digit === '2' ? '5' : '2'))
    return wrongReplies(this.#fault)[situation] ?? right
  }

  #announced(extensions: readonly string[]): string[] {
    const replaced = wrongKeywords(this.#fault)
    return extensions
      .map((line) => replaced[line.split(' ')[0]!] ?? (line.split(' ')[0]! in replaced ? null : line))
      .filter((line) => line !== null)
  }

  #sayLines([first = '', ...further]: readonly string[]): void {
    const code = first.slice(0, 3)
    const texts = [first.slice(4), ...further].map((text) => this.#spoil(text))
    const lines = texts.map((text, at) => {
      const last = at === texts.length - 1
      const own = at > 0 && this.#fault === 'codes-differ' ? '251' : code
      const bare = last && this.#fault === (at > 0 ? 'last-line-bare' : 'replies-bare')
      return bare || first.length === 3 ? own : `${own}${last ? ' ' : '-'}${text}`
    })
    const last = this.#fault === 'replies-bare-lf' ? '\n' : '\r\n'
    const between = this.#fault === 'continuation-bare-lf' ? '\n' : last
    this.#send(lines.join(between) + last)
  }

  #spoil(text: string): string {
    if (this.#fault === 'replies-8bit') return `${text} \xe9`
    if (this.#fault === 'replies-control') return `${text} \x07`
    return this.#fault === 'replies-long' ? text.padEnd(600, '.') : text
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
