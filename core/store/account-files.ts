// What stands once in an account's directory: subscriptions, special uses, and the UIDVALIDITY values given so far.
import type { Files } from '../base/files.ts'
import type { SpecialUse } from './mailbox-store.ts'
import { decodeUtf7, encodeUtf7 } from './maildir/folder-names.ts'

const SUBSCRIPTIONS = 'subscriptions'
const SPECIAL_USE = 'estafeta-special-use'
const UIDVALIDITY = 'dovecot-uidvalidity'

export class AccountFiles {
  readonly #files: Files
  readonly #path: string
  /** Its file may be gone with all others. */
  #lastUidValidity = 0

  constructor(files: Files, path: string) {
    this.#files = files
    this.#path = path
  }

  subscribe(name: string, on: boolean): void {
    const names = new Set(this.subscriptions())
    if (on) names.add(name)
    else names.delete(name)
    this.#replace(SUBSCRIPTIONS, formatSubscriptions([...names]))
  }

  /** Higher than all that this account gave before (RFC 9051 §2.3.1.1); stable when it returns. */
  nextUidValidity(now: number): number {
    const path = `${this.#path}/${UIDVALIDITY}`
    const last = this.#files.stat(path) ? Number.parseInt(this.#files.readFile(path).toString('latin1'), 16) || 0 : 0
    const next = Math.max(last + 1, this.#lastUidValidity + 1, Math.floor(now / 1000))
    this.#replace(UIDVALIDITY, next.toString(16).padStart(8, '0'))
    this.#lastUidValidity = next
    return next
  }

  subscriptions(): string[] {
    return parseSubscriptions(this.#read(SUBSCRIPTIONS))
  }

  specialUse(): Map<string, readonly SpecialUse[]> {
    const uses = new Map<string, readonly SpecialUse[]>()
    for (const line of this.#read(SPECIAL_USE).split('\n')) {
      const tab = line.indexOf('\t')
      if (tab >= 0) uses.set(line.slice(tab + 1), line.slice(0, tab).split(' ').filter(Boolean) as SpecialUse[])
    }
    return uses
  }

  changeSpecialUse(change: (uses: Map<string, readonly SpecialUse[]>) => unknown): void {
    const before = this.specialUse()
    const after = new Map(before)
    change(after)
    const format = (uses: Map<string, readonly SpecialUse[]>) =>
      [...uses].map(([name, use]) => `${use.join(' ')}\t${name}\n`).join('')
    if (format(before) !== format(after)) this.#replace(SPECIAL_USE, format(after))
  }

  #read(name: string): string {
    const path = `${this.#path}/${name}`
    return this.#files.stat(path) ? this.#files.readFile(path).toString('utf8') : ''
  }

  #replace(name: string, text: string): void {
    const path = `${this.#path}/${name}`
    const fd = this.#files.open(`${path}.estafeta`, 'w')
    try {
      this.#files.write(fd, [Buffer.from(text)], 0)
      this.#files.fdatasync(fd)
    } finally {
      this.#files.close(fd)
    }
    this.#files.rename(`${path}.estafeta`, path)
    this.#files.fsyncDir(this.#path)
  }
}

const VERSION_2 = 'V\t2\n\n'

/** Dovecot's file: version 2 parts levels by TAB, the older one is a name a line with Maildir's dots. */
function parseSubscriptions(text: string): string[] {
  if (text.startsWith(VERSION_2)) {
    const unescapePart = (part: string) =>
      part.replace(/\x01([01tnr])/g, (_, c: string) => ({ '0': '\0', '1': '\x01', t: '\t', n: '\n', r: '\r' })[c] ?? '')
    return lines(text.slice(VERSION_2.length)).map((line) =>
      line.split('\t').map(unescapePart).map(decodeUtf7).join('/'),
    )
  }
  return lines(text).map((line) => line.split(/[./]/).map(decodeUtf7).join('/'))
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

const formatSubscriptions = (names: readonly string[]): string =>
  VERSION_2 + names.map((name) => `${name.split('/').map(encodeUtf7).join('\t')}\n`).join('')
