// Makes many files and directories stable at once: one by one where they are few, with one sync of the file system where they are many.
import fs, { closeSync, openSync, statfsSync, statSync } from 'node:fs'
import { release } from 'node:os'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Clock, Timer } from '../base/clock.ts'
import { temporary } from '../base/failure.ts'
import type { Files } from '../base/files.ts'
import { createThread, type Thread } from './thread.ts'

const fdatasync = promisify(fs.fdatasync)
const fsync = promisify(fs.fsync)

export interface Syncer {
  /** Contents of `files` and names in `directories` are stable when it resolves. Rejects when that cannot be known. */
  sync(files: readonly string[], directories: readonly string[]): Promise<void>
  close(): void
}

/** Each on its own, in order: files before the names that make them visible. */
export function createPlainSyncer(files: Files): Syncer {
  return {
    async sync(paths, directories) {
      for (const path of paths) syncFile(files, path)
      for (const directory of directories) files.fsyncDir(directory)
    },
    close() {},
  }
}

function syncFile(files: Files, path: string): void {
  const fd = files.open(path, 'r+')
  try {
    files.fdatasync(fd)
  } finally {
    files.close(fd)
  }
}

/** From this many on, one sync of the file system costs less than theirs. */
const MANY = 6
/** When syncing the file system takes this much longer than its own files explain, somebody else writes a lot there. */
const SLOW_MS = 250
const PAUSE_MS = 10_000
const MAX_KNOWN = 10_000
/** A thread takes some memory: it ends when nothing was synced for so long. */
const IDLE_MS = 60_000

/** File systems on which syncfs does all that fsync does for each file, by their type in statfs: ext4, XFS, Btrfs, F2FS, ZFS, tmpfs. */
const LOCAL = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x01021994])

/** What the sync thread does. */
export interface SyncService {
  /** False when something that was written there did not reach the disk. */
  syncFileSystem(): Promise<boolean>
}

/** Hands large sets to a thread that calls syncfs(2) for the file system of `folder`, where that is as good. */
export function createSyncer(clock: Clock, folder: string): Syncer {
  const start = () =>
    createThread<SyncService>({
      module: 'core/store/sync-worker',
      name: 'sync',
      data: folder,
      onEvent() {},
      onLost() {},
    })
  let thread: Thread<SyncService> | null = null
  let idle: Timer | null = null
  const device = statSync(folder).dev
  const here = new Map<string, boolean>()
  let missing = !reportsErrors() || !LOCAL.has(statfsSync(folder).type)
  let pausedUntil = 0

  /** Mail may lie on other file systems, mounted or linked into the folder. */
  const isHere = (directory: string): boolean => {
    const known = here.get(directory)
    if (known !== undefined) return known
    if (here.size >= MAX_KNOWN) here.clear()
    const found = statSync(directory).dev === device
    here.set(directory, found)
    return found
  }

  const stop = (): void => {
    idle?.cancel()
    void thread?.stop()
    thread = null
  }

  return {
    async sync(paths, directories) {
      const started = clock.mono()
      const few = paths.length + directories.length < MANY
      if (missing || few || started < pausedUntil) return together(paths, directories)
      idle?.cancel()
      thread ??= start()
      const synced = await thread.target.syncFileSystem().catch(() => null)
      idle?.cancel()
      idle = clock.after(IDLE_MS, stop)
      missing = synced === null
      if (synced === false) throw temporary('the file system could not be synced')
      if (clock.mono() - started > SLOW_MS + 2 * paths.length) pausedUntil = clock.mono() + PAUSE_MS
      const elsewhere = (directory: string) => synced === null || !isHere(directory)
      await together(
        paths.filter((path) => elsewhere(dirname(path))),
        directories.filter(elsewhere),
      )
    },
    close: stop,
  }
}

/** Since Linux 5.8 syncfs tells of writes that failed before it was called, as fsync does. */
function reportsErrors(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  return process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 8))
}

/** At the same time, so that they share the journal's commits. */
async function together(paths: readonly string[], directories: readonly string[]): Promise<void> {
  const each = async (path: string, flags: string, sync: (fd: number) => Promise<void>) => {
    const fd = openSync(path, flags)
    try {
      await sync(fd)
    } finally {
      closeSync(fd)
    }
  }
  await Promise.all([
    ...paths.map((path) => each(path, 'r+', fdatasync)),
    ...directories.map((path) => each(path, 'r', fsync)),
  ])
}
