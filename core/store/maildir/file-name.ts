// Names of Maildir files: a unique base with the sizes, then the flags as letters.
import { ANSWERED, DELETED, DRAFT, FIRST_KEYWORD, FLAGGED, MAX_KEYWORDS, SEEN } from '../flags.ts'

const INFO = ':2,'
const LETTERS: readonly (readonly [string, number])[] = [
  ['D', DRAFT],
  ['F', FLAGGED],
  ['R', ANSWERED],
  ['S', SEEN],
  ['T', DELETED],
]
const CODE_A = 97

/** All flags that a name may tell: five of the system, and a letter a keyword. */
export const MAX_LETTERS = LETTERS.length + MAX_KEYWORDS
const MAX_NAME = 255
const USABLE = new RegExp(`^[\\x20-\\x39\\x3b-\\x7e][\\x20-\\x7e]{0,${MAX_NAME - INFO.length - MAX_LETTERS - 1}}$`)

/** Printable ASCII with a base, and room for all flags: a name that fits into the UID list and that any flag can be added to. */
export const isUsable = (name: string): boolean => USABLE.test(name)

export interface FileName {
  /** All before the flags: what stays the same for the life of the message. */
  readonly base: string
  /** As they stand in the name; null without `:2,`. */
  readonly letters: string | null
}

export function parseFileName(name: string): FileName {
  const info = name.lastIndexOf(INFO)
  if (info >= 0) return { base: name.slice(0, info), letters: name.slice(info + INFO.length) }
  const colon = name.indexOf(':')
  return { base: colon < 0 ? name : name.slice(0, colon), letters: null }
}

/** Flag bits as letters in ASCII order. */
export function flagLetters(bits: number): string {
  let letters = ''
  for (const [letter, bit] of LETTERS) if (bits & bit) letters += letter
  for (let slot = 0, rest = bits >>> FIRST_KEYWORD; rest !== 0; slot++, rest >>>= 1) {
    if (rest & 1) letters += String.fromCharCode(CODE_A + slot)
  }
  return letters
}

/** Bits of the keyword slots that these letters stand for. */
export function slotBits(letters: string): number {
  let bits = 0
  for (const letter of letters) {
    const slot = letter.charCodeAt(0) - CODE_A
    if (slot >= 0 && slot < MAX_KEYWORDS) bits |= 1 << (FIRST_KEYWORD + slot)
  }
  return bits
}

/** Bits of the letters; `unknown` are those that mean nothing here and stay in the name. */
export function letterFlags(letters: string, keywords: readonly (string | null)[]): { bits: number; unknown: string } {
  let bits = 0
  let unknown = ''
  for (const letter of letters) {
    const slot = letter.charCodeAt(0) - CODE_A
    const system = LETTERS.find(([known]) => known === letter)
    if (system) bits |= system[1]
    else if (slot >= 0 && slot < MAX_KEYWORDS && keywords[slot]) bits |= 1 << (FIRST_KEYWORD + slot)
    else unknown += letter
  }
  return { bits, unknown }
}

export const fileName = (base: string, letters: string): string => `${base}${INFO}${letters}`

/** Sizes that the base tells: S= of the file, W= with CRLF line ends. */
export function namedSizes(base: string): { file: number | null; wire: number | null } {
  const of = (key: string) => {
    const at = base.indexOf(`,${key}=`)
    const digits = at < 0 ? null : /^\d+/.exec(base.slice(at + 3, at + 20))
    return digits ? Number(digits[0]) : null
  }
  return { file: of('S'), wire: of('W') }
}

export const withSizes = (base: string, file: number, wire: number): string => `${base},S=${file},W=${wire}`

/** The base without its sizes: what a delivery key decides. */
export function unsized(base: string): string {
  const comma = base.indexOf(',')
  return comma < 0 ? base : base.slice(0, comma)
}

/** When the message entered the folder, as its name says; null when it does not. */
export function savedAt(base: string): number | null {
  const m = /^(\d{9,11})\./.exec(base)
  return m ? Number(m[1]) * 1000 : null
}

/** The order in which messages that have no UID yet get theirs. */
export function inOrderOfArrival(bases: Iterable<string>): string[] {
  const dated = Array.from(bases, (base) => ({ base, saved: savedAt(base) ?? 0 }))
  dated.sort((a, b) => a.saved - b.saved || (a.base < b.base ? -1 : 1))
  return dated.map(({ base }) => base)
}

const escapeHost = (host: string): string =>
  host.replace(/[/:,\s]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)

/** Makes names that are unique on this machine, and names that a delivery key decides. */
export class FileNamer {
  readonly #host: string
  readonly #process: number
  #count = 0

  constructor(host: string, process: number) {
    this.#host = escapeHost(host)
    this.#process = process
  }

  unique(now: number): string {
    const second = Math.floor(now / 1000)
    return `${second}.M${Math.floor((now % 1000) * 1000)}P${this.#process}Q${++this.#count}.${this.#host}`
  }

  /** The same key and date give the same name. */
  keyed(key: string, date: number): string {
    const safe = key.replace(/[^A-Za-z0-9]/g, (c) => `_${c.codePointAt(0)!.toString(16)}_`)
    return `${Math.floor(date / 1000)}.K${safe}.${this.#host}`
  }
}
