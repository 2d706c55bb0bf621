// Changes a text file as a whole: locked against other editors, written beside it, synced, renamed into place.
import {
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { permanent, temporary } from '../base/failure.ts'

const LOCK_WAIT_MS = 10_000

/**
 * Gives `change` the file's text ('' when there is none) and writes what it gives back; a throw leaves the file alone.
 * Mode and owner stay; a new file is the folder owner's, mode 0600. Waits up to 10 s for another editor.
 */
export function editFile(path: string, change: (text: string) => string): void {
  const file = existsSync(path) ? realpathSync(path) : path
  const lock = takeLock(file)
  try {
    const old = existsSync(file) ? readFileSync(file, 'utf8') : ''
    const text = change(old)
    if (text !== old) replace(file, text)
  } finally {
    lock.close()
  }
}

/** The kernel lets go of it when the process dies: nothing stale is ever left behind. */
function takeLock(file: string): DatabaseSync {
  const path = join(dirname(file), `.${basename(file)}.lock`)
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    throw permanent(`${file} cannot be changed: ${(error as Error).message}`, { cause: error })
  }
  const lock = new DatabaseSync(path, { timeout: LOCK_WAIT_MS })
  try {
    giveTo(path, dirname(file))
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    throw temporary(`${file} is being changed by somebody else`, { cause: error })
  }
}

function replace(file: string, text: string): void {
  const fresh = `${file}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeSync(fd, text)
    if (existsSync(file)) fchmodSync(fd, statSync(file).mode & 0o777)
    giveTo(fresh, existsSync(file) ? file : dirname(file))
    fsyncSync(fd)
    renameSync(fresh, file)
  } catch (error) {
    unlinkSync(fresh)
    throw error
  } finally {
    closeSync(fd)
  }
  const folder = openSync(dirname(file), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

/** Root edits files that the server must be able to read: they keep the owner of `like`. */
function giveTo(path: string, like: string): void {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = statSync(like)
  chownSync(path, uid, gid)
}
