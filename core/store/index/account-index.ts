// The index of one account: what IMAP asks for most, written from the messages and made again from them when it is lost.
import { rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { fieldSelector } from '../header-text.ts'
import { subtract, uidSet, unite } from '../uid-set.ts'
import { gramChunks } from './gram-index.ts'

/** One mailbox within the index of its account. */
export interface IndexKey {
  /** Path of the index. */
  readonly file: string
  readonly mailboxId: string
  readonly uidValidity: number
}

interface KnownMailbox {
  readonly id: number
  readonly validity: number
  /** UIDs that are in the index, ascending. */
  uids: Uint32Array
}

/** What one message leaves in the index. */
export interface IndexedMessage {
  readonly uid: number
  readonly envelope: string
  readonly body: string
  readonly bodyStructure: string
  /** The header block, CRLF line ends, with its empty line. */
  readonly header: Buffer
  /** Day of the Date field, '' without one. */
  readonly sent: string
  /** Folded text of these fields, one instance a line. */
  readonly fields: { readonly [K in FastField]: string }
  /** Folded text of header and body, UTF-8; null when it is too long to be kept twice. */
  readonly text: { readonly head: Buffer; readonly body: Buffer } | null
}

export const FAST_FIELDS = ['from', 'to', 'cc', 'bcc', 'subject'] as const
export type FastField = (typeof FAST_FIELDS)[number]

/** To be raised with every change of the schema or of what a column holds: older indexes are then made anew. */
const VERSION = 4
const TABLES = ['known', 'structure', 'header', 'common', 'field', 'text'] as const
/** Row ids: the mailbox's number above 32 bits of UID. */
const UIDS = 2 ** 32

const SCHEMA = `
CREATE TABLE mailbox (id INTEGER PRIMARY KEY, guid TEXT NOT NULL UNIQUE, validity INTEGER NOT NULL);
CREATE TABLE known (id INTEGER PRIMARY KEY);
CREATE TABLE structure (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE header (id INTEGER PRIMARY KEY, block TEXT NOT NULL);
CREATE TABLE common (id INTEGER PRIMARY KEY, block TEXT NOT NULL);
CREATE TABLE field (id INTEGER PRIMARY KEY, sent TEXT NOT NULL,
  "from" TEXT NOT NULL, "to" TEXT NOT NULL, cc TEXT NOT NULL, bcc TEXT NOT NULL, subject TEXT NOT NULL);
CREATE TABLE text (id INTEGER PRIMARY KEY, chunk INTEGER, head BLOB, body BLOB);
CREATE INDEX text_loose ON text (id) WHERE chunk IS NULL;
CREATE TABLE chunk (id INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, uids BLOB NOT NULL);
CREATE TABLE gram (chunk INTEGER NOT NULL, gram INTEGER NOT NULL, at BLOB NOT NULL, PRIMARY KEY (chunk, gram)) WITHOUT ROWID;
PRAGMA user_version = ${VERSION};
`

/** Opens for writing; a damaged index, or one of another version, is made anew. */
export function openIndex(file: string): DatabaseSync {
  try {
    return prepare(new DatabaseSync(file))
  } catch {
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
    return prepare(new DatabaseSync(file))
  }
}

function prepare(db: DatabaseSync): DatabaseSync {
  // what is lost in a crash is written again from the messages
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -4096')
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT`)
  else if (version !== VERSION) {
    db.close()
    throw new Error('another version')
  }
  return db
}

export const rowId = (mailbox: number, uid: number): number => mailbox * UIDS + uid
export const uidOf = (id: number): number => id % UIDS

export class AccountIndex {
  readonly #db: DatabaseSync
  readonly #mailboxes = new Map<string, KnownMailbox>()
  readonly #statements = new Map<string, StatementSync>()

  constructor(file: string) {
    this.#db = openIndex(file)
  }

  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#db.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  transaction<T>(run: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const result = run()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
  }

  /** The mailbox's number. */
  mailbox(key: IndexKey): number {
    return this.#known(key).id
  }

  add(key: IndexKey, messages: readonly IndexedMessage[]): void {
    const known = this.#known(key)
    this.transaction(() => {
      for (const message of messages) this.#addOne(rowId(known.id, message.uid), message)
    })
    known.uids = unite(known.uids, uidSet(messages.map(({ uid }) => uid)))
  }

  /** Those of these (ascending) UIDs that are not in the index. */
  missing(key: IndexKey, uids: Uint32Array): Uint32Array {
    return subtract(uids, this.#known(key).uids)
  }

  /** `uids` (ascending) are all that the mailbox has: others go. */
  keepOnly(key: IndexKey, uids: Uint32Array): void {
    const gone = subtract(this.#known(key).uids, uids)
    if (gone.length > 0) this.remove(key, gone)
  }

  remove(key: IndexKey, uids: Uint32Array): void {
    const known = this.#known(key)
    known.uids = subtract(known.uids, uids)
    this.transaction(() => {
      for (const table of TABLES) {
        const statement = this.statement(`DELETE FROM ${table} WHERE id = ?`)
        for (const uid of uids) statement.run(rowId(known.id, uid))
      }
    })
  }

  /** Puts text that is not yet in the substring index there, a part at each call; false when there is nothing left to do. */
  tidy(key: IndexKey): boolean {
    return gramChunks(this, this.mailbox(key))
  }

  close(): void {
    this.#db.close()
  }

  #addOne(id: number, message: IndexedMessage): void {
    const { envelope, body, bodyStructure, header, sent, fields, text } = message
    const run = (sql: string, ...values: (string | number | Buffer | null)[]) => this.statement(sql).run(id, ...values)
    run(
      'INSERT OR REPLACE INTO structure VALUES (?, ?)',
      `${envelope.length} ${body.length}\n${envelope}${body}${bodyStructure}`,
    )
    const block = header.toString('latin1')
    run('INSERT OR REPLACE INTO header VALUES (?, ?)', block)
    run('INSERT OR REPLACE INTO common VALUES (?, ?)', commonFields(block))
    run('INSERT OR REPLACE INTO field VALUES (?, ?, ?, ?, ?, ?, ?)', sent, ...FAST_FIELDS.map((name) => fields[name]))
    run('INSERT OR REPLACE INTO known VALUES (?)')
    run('INSERT OR REPLACE INTO text (id, head, body) VALUES (?, ?, ?)', text?.head ?? null, text?.body ?? null)
  }

  /** Rows of an earlier UIDVALIDITY go. */
  #known({ mailboxId, uidValidity }: IndexKey): KnownMailbox {
    const known = this.#mailboxes.get(mailboxId)
    if (known?.validity === uidValidity) return known
    const row = this.statement('SELECT id, validity FROM mailbox WHERE guid = ?').get(mailboxId) as
      | { id: number; validity: number }
      | undefined
    if (row && row.validity !== uidValidity) this.transaction(() => this.#drop(row.id))
    const made = {
      id: row?.validity === uidValidity ? row.id : this.#insert(mailboxId, uidValidity),
      validity: uidValidity,
    }
    const rows = this.statement('SELECT id FROM known WHERE id BETWEEN ? AND ?').all(
      rowId(made.id, 0),
      rowId(made.id, UIDS - 1),
    ) as { id: number }[]
    const loaded = { ...made, uids: Uint32Array.from(rows, ({ id }) => uidOf(id)) }
    this.#mailboxes.set(mailboxId, loaded)
    return loaded
  }

  #insert(mailboxId: string, uidValidity: number): number {
    return Number(
      this.statement('INSERT INTO mailbox (guid, validity) VALUES (?, ?)').run(mailboxId, uidValidity).lastInsertRowid,
    )
  }

  #drop(mailbox: number): void {
    for (const table of TABLES) {
      this.statement(`DELETE FROM ${table} WHERE id BETWEEN ? AND ?`).run(rowId(mailbox, 0), rowId(mailbox, UIDS - 1))
    }
    this.statement('DELETE FROM gram WHERE chunk IN (SELECT id FROM chunk WHERE mailbox = ?)').run(mailbox)
    this.statement('DELETE FROM chunk WHERE mailbox = ?').run(mailbox)
    this.statement('DELETE FROM mailbox WHERE id = ?').run(mailbox)
  }
}

/** Fields that clients list by; asked for together with others, the whole block is read. */
export const COMMON_FIELDS = new Set([
  'date',
  'subject',
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'message-id',
  'in-reply-to',
  'references',
  'content-type',
  'importance',
  'x-priority',
  'list-id',
  'newsgroups',
])

const commonFields = fieldSelector([...COMMON_FIELDS])
