// Flags and keywords of one mailbox as bits of a number: five system flags, then at most 26 keywords, as Maildir names them.
import { badKeyword, tooManyKeywords } from './errors.ts'

export const SYSTEM_FLAGS = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'] as const
export const ANSWERED = 1
export const FLAGGED = 2
export const DELETED = 4
export const SEEN = 8
export const DRAFT = 16
/** Keyword `n` is bit `FIRST_KEYWORD + n`. */
export const FIRST_KEYWORD = 5
export const MAX_KEYWORDS = 26

const SYSTEM_BITS = new Map(SYSTEM_FLAGS.map((flag, bit) => [flag.toLowerCase(), 1 << bit]))
const KEYWORD = /^[^\s\x00-\x1f\x7f(){%*"\\\]]{1,128}$/ // RFC 9051 §9 flag-keyword is an atom

/** The keywords of a mailbox, each in a slot that it keeps while a message has it. */
export class FlagTable {
  #keywords: (string | null)[]
  #names = new Map<number, readonly string[]>()

  constructor(keywords: readonly (string | null)[] = []) {
    this.#keywords = keywords.slice(0, MAX_KEYWORDS)
  }

  get keywords(): readonly (string | null)[] {
    return this.#keywords
  }

  replace(keywords: readonly (string | null)[]): void {
    this.#keywords = keywords.slice(0, MAX_KEYWORDS)
    this.#names.clear()
  }

  /** Bit of a flag in any letter case; 0 when no message can have it. */
  bit(flag: string): number {
    const system = SYSTEM_BITS.get(flag.toLowerCase())
    if (system !== undefined) return system
    const slot = this.#slot(flag)
    return slot < 0 ? 0 : 1 << (FIRST_KEYWORD + slot)
  }

  /** Bits of all these flags; the unknown ones are left out. */
  known(flags: readonly string[]): number {
    return flags.reduce((bits, flag) => bits | this.bit(flag), 0)
  }

  /**
   * Bits of these flags, giving new keywords a slot: one that `used()` shows to be free when all were given. `\Recent` and
   * unknown system flags are left out. Throws Failure('permanent') for a bad keyword or when no slot is free, and then none
   * has got one.
   */
  bits(flags: readonly string[], used: () => number): number {
    const before = [...this.#keywords]
    let bits = 0
    try {
      for (const flag of flags) {
        if (flag.startsWith('\\')) bits |= SYSTEM_BITS.get(flag.toLowerCase()) ?? 0
        else bits |= this.bit(flag) || this.#add(flag, used() | bits)
      }
    } catch (thrown) {
      this.replace(before)
      throw thrown
    }
    return bits
  }

  /** Names of the flags in `bits`; the same bits give the same array. */
  names(bits: number): readonly string[] {
    let names = this.#names.get(bits)
    if (!names) {
      names = Object.freeze(this.#list(bits))
      this.#names.set(bits, names)
    }
    return names
  }

  /** System flags, then every keyword that has a slot. */
  all(): readonly string[] {
    return [...SYSTEM_FLAGS, ...this.#keywords.filter((keyword) => keyword !== null)]
  }

  #list(bits: number): string[] {
    const names: string[] = SYSTEM_FLAGS.filter((_, bit) => bits & (1 << bit))
    this.#keywords.forEach((keyword, slot) => {
      if (keyword !== null && bits & (1 << (FIRST_KEYWORD + slot))) names.push(keyword)
    })
    return names
  }

  #slot(keyword: string): number {
    const key = keyword.toLowerCase()
    return this.#keywords.findIndex((known) => known?.toLowerCase() === key)
  }

  #add(keyword: string, used: number): number {
    if (!KEYWORD.test(keyword)) throw badKeyword(keyword)
    const slots = Array.from({ length: MAX_KEYWORDS }, (_, n) => n).filter(
      (n) => (used & (1 << (FIRST_KEYWORD + n))) === 0,
    )
    const slot = slots.find((n) => (this.#keywords[n] ?? null) === null) ?? slots[0]
    if (slot === undefined) throw tooManyKeywords()
    while (this.#keywords.length < slot) this.#keywords.push(null)
    this.#keywords[slot] = keyword
    this.#names.clear()
    return 1 << (FIRST_KEYWORD + slot)
  }
}
