// The data folder and its one owner: made when missing, refused when it is newer than this program or in use.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { permanent } from './failure.ts'
import { nodeFiles } from './node-files.ts'

/** Held from here as well: a handle that nobody keeps would be collected, and the lock let go with it. */
const held = new Set<DatabaseSync>()

/** The layout of the data folder that this program writes. */
const VERSION = 1

export interface DataFolder {
  /** Lets another process own the folder; the kernel does so at death. */
  release(): void
}

/**
 * Takes the data folder for this process. Throws a permanent Failure that names the folder when another process owns it,
 * when it was written by a newer version, or when it cannot be written.
 */
export function openData(path: string): DataFolder {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw permanent(`cannot make the data folder ${path}: ${(cause as Error).message}`, { cause })
  }
  const lock = takeLock(path)
  try {
    checkVersion(path)
  } catch (error) {
    lock.close()
    throw error
  }
  held.add(lock)
  return {
    release() {
      if (held.delete(lock)) lock.close()
    },
  }
}

/** SQLite's exclusive lock: Node has no flock, and a lock file would outlive its owner. */
function takeLock(path: string): DatabaseSync {
  let lock: DatabaseSync | null = null
  try {
    const file = join(path, 'lock.db')
    nodeFiles.close(nodeFiles.open(file, 'a', 0o600))
    lock = new DatabaseSync(file)
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (cause) {
    lock?.close()
    const busy = (cause as { errcode?: number }).errcode === 5
    const why = busy ? 'another Estafeta is using it' : (cause as Error).message
    throw permanent(`cannot own the data folder ${path}: ${why}`, { cause })
  }
}

function checkVersion(path: string): void {
  const file = join(path, 'version')
  if (nodeFiles.stat(file) === null) writeVersion(path, file)
  const text = nodeFiles.readFile(file).toString('latin1').trim()
  const version = Number(text)
  if (!/^\d+$/.test(text) || version < 1)
    throw permanent(`${file} should hold the data folder's version number, but says '${text.slice(0, 40)}'`)
  if (version > VERSION)
    throw permanent(
      `the data folder ${path} was written by a newer Estafeta (layout ${version}, this one knows ${VERSION}): install that version or newer`,
    )
}

function writeVersion(path: string, file: string): void {
  const fd = nodeFiles.open(`${file}.new`, 'w')
  try {
    nodeFiles.write(fd, [Buffer.from(`${VERSION}\n`)], 0)
    nodeFiles.fsync(fd)
  } finally {
    nodeFiles.close(fd)
  }
  nodeFiles.rename(`${file}.new`, file)
  nodeFiles.fsyncDir(path)
}
