// The lock of mail files that every Unix mail program knows: `<file>.lock`, made by link(2) so that it also holds over NFS.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { temporary } from '../../base/failure.ts'
import type { Files } from '../../base/files.ts'
import { replies } from '../../message/reply.ts'

const RETRY_MS = 250
const GIVE_UP_MS = 30_000
/** A lock that nobody touches for so long is left over, whoever made it. */
const STALE_MS = 300_000

export interface DotLock {
  release(): void
}

/** Waits for the lock; a temporary Failure (450 4.2.0) when somebody keeps it. */
export async function lockMailFile(
  path: string,
  deps: { readonly files: Files; readonly clock: Clock },
): Promise<DotLock> {
  const { files, clock } = deps
  const start = clock.mono()
  const lock = `${path}.lock`
  const own = `${lock}.${hostname().replaceAll('/', '_')}.${process.pid}.${randomBytes(4).toString('hex')}`
  write(files, own)
  const made = identityOf(files, own)
  try {
    while (!tryLink(files, own, lock)) {
      removeStale(files, clock, lock)
      if (clock.mono() - start > GIVE_UP_MS) {
        throw temporary(`${path} stays locked`, { reply: replies.mailboxBusy() })
      }
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve))
    }
  } finally {
    files.unlink(own)
  }
  return {
    // somebody who took it for left over may have made one of his own
    release: () => {
      if (identityOf(files, lock) === made) files.unlink(lock)
    },
  }
}

/** Inodes are given anew. */
function identityOf(files: Files, path: string): string {
  const stat = files.stat(path)
  return stat ? `${stat.ino} ${stat.mtimeMs}` : ''
}

function write(files: Files, path: string): void {
  const fd = files.open(path, 'wx', 0o644)
  try {
    files.write(fd, [Buffer.from(`${process.pid}`)], null)
  } finally {
    files.close(fd)
  }
}

function tryLink(files: Files, own: string, lock: string): boolean {
  try {
    files.link(own, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function removeStale(files: Files, clock: Clock, lock: string): void {
  const stat = files.stat(lock)
  if (!stat || clock.now() - stat.mtimeMs < STALE_MS) return
  try {
    files.unlink(lock)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
