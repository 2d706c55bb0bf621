// The trace's tables, and how batches are found in them: by index alone, since the file may be large.

export const SCHEMA = `
  PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA journal_size_limit=4194304;
  CREATE TABLE IF NOT EXISTS batch (id INTEGER PRIMARY KEY, time INTEGER, texts TEXT, numbers BLOB);
  CREATE TABLE IF NOT EXISTS key (key TEXT, batch INTEGER, PRIMARY KEY (key, batch)) WITHOUT ROWID;
`

/** Adds the keys (?1, a JSON list) of a batch (?2). */
export const ADD_KEYS = 'INSERT OR IGNORE INTO key SELECT value, ?2 FROM json_each(?1)'

/** Batches that have the one key or the other, the newest first. */
export const FIND_BATCHES = 'SELECT DISTINCT batch FROM key WHERE key IN (?1, ?2) ORDER BY batch DESC'

export const READ_BATCH = 'SELECT time, texts, numbers FROM batch WHERE id = ?'
