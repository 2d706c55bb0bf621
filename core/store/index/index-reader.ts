// Reads structures from an account's index on the main thread: a few hundred rows at a time, in well under a millisecond.
import { existsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { MessageStructure } from '../mailbox-store.ts'
import { findUid } from '../uid-set.ts'
import { type IndexKey, rowId, uidOf } from './account-index.ts'

/** The index may be missing, or go away: then it has nothing. */
export class IndexReader {
  readonly #file: string
  #db: DatabaseSync | null = null
  #mailbox: StatementSync | null = null
  #rows: StatementSync | null = null

  constructor(file: string) {
    this.#file = file
  }

  /** Those of these (ascending) UIDs that are in the index. */
  structures(key: IndexKey, uids: Uint32Array): MessageStructure[] {
    if (uids.length === 0) return []
    try {
      if (!this.#open()) return []
      const mailbox = this.#mailbox!.get(key.mailboxId, key.uidValidity) as { id: number } | undefined
      if (!mailbox) return []
      const rows = this.#rows!.all(rowId(mailbox.id, uids[0]!), rowId(mailbox.id, uids.at(-1)!)) as {
        id: number
        text: string
      }[]
      const all = rows.length === uids.length
      return rows.filter(({ id }) => all || findUid(uids, uidOf(id)) >= 0).map(({ id, text }) => split(uidOf(id), text))
    } catch {
      this.close()
      return []
    }
  }

  close(): void {
    this.#db?.close()
    this.#db = null
  }

  #open(): boolean {
    if (this.#db) return true
    if (!existsSync(this.#file)) return false
    this.#db = new DatabaseSync(this.#file, { readOnly: true })
    this.#db.exec('PRAGMA cache_size = -1024')
    this.#mailbox = this.#db.prepare('SELECT id FROM mailbox WHERE guid = ? AND validity = ?')
    this.#rows = this.#db.prepare('SELECT id, text FROM structure WHERE id BETWEEN ? AND ?')
    return true
  }
}

/** The lengths of the first two strings, a line end, then the three strings. */
function split(uid: number, text: string): MessageStructure {
  const start = text.indexOf('\n') + 1
  const body = start + Number.parseInt(text, 10)
  const bodyStructure = body + Number.parseInt(text.slice(text.indexOf(' ') + 1, start), 10)
  return {
    uid,
    envelope: text.slice(start, body),
    body: text.slice(body, bodyStructure),
    bodyStructure: text.slice(bodyStructure),
  }
}
