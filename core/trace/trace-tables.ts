// The trace's tables, and how rows are found in them: by indexes alone, since the file may be large.

/** Each partial index serves a query only where the query repeats its condition. */
export const SCHEMA = `
  PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA journal_size_limit=4194304;
  CREATE TABLE IF NOT EXISTS trace (id INTEGER PRIMARY KEY, time INTEGER, sid TEXT, tid TEXT, qid TEXT, mid TEXT, events TEXT);
  CREATE INDEX IF NOT EXISTS trace_qid ON trace (qid) WHERE qid <> '';
  CREATE INDEX IF NOT EXISTS trace_tid ON trace (tid) WHERE tid <> '';
  CREATE INDEX IF NOT EXISTS trace_session ON trace (sid) WHERE tid = '';
  CREATE INDEX IF NOT EXISTS trace_mid ON trace (mid) WHERE mid <> '';
  DROP INDEX IF EXISTS trace_sid;
  DROP INDEX IF EXISTS trace_time;
  CREATE TABLE IF NOT EXISTS address (address TEXT, id INTEGER, PRIMARY KEY (address, id)) WITHOUT ROWID;
`

/** Rows with this id of a message, a transaction or a session (its own, and those of its transactions `<sid>.<n>`). */
const OF_ID = `
  SELECT id FROM trace WHERE qid = ?1 AND qid <> ''
  UNION SELECT id FROM trace WHERE tid = ?1 AND tid <> ''
  UNION SELECT id FROM trace WHERE sid = ?1 AND tid = ''
  UNION SELECT id FROM trace WHERE tid > ?1 || '.' AND tid < ?1 || '/' AND tid <> ''`
const OF_NAME = `
  SELECT id FROM trace WHERE mid = ?2 AND mid <> ''
  UNION SELECT * FROM (SELECT id FROM address WHERE address = lower(?1) ORDER BY id DESC LIMIT ?3)`
/** Rows of the transactions that brought a message, from before it had its queue id. */
const OF_TRANSACTION = `
  SELECT id FROM trace WHERE tid <> '' AND tid IN (SELECT tid FROM trace WHERE qid = ?1 AND qid <> '' AND tid <> '')`

/** Of an id, a Message-ID or an address (?1; ?2: in angle brackets), the newest first. */
export const SEEDS = `SELECT tid, qid, sid FROM trace WHERE id IN (${OF_ID} UNION ${OF_NAME}) ORDER BY time DESC LIMIT ?3`

/** All of an id (?1), the oldest first. */
export const ROWS_OF = `
  SELECT id, time, sid, tid, qid, events FROM trace
  WHERE id IN (${OF_ID} UNION ${OF_TRANSACTION}) ORDER BY time, id`
