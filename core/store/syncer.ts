// Makes many files and directories stable at once: one by one where they are few, with one sync of the file system where they are many.
import { type ChildProcess, spawn } from 'node:child_process'
import fs, { closeSync, openSync } from 'node:fs'
import { promisify } from 'node:util'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/files.ts'

const fdatasync = promisify(fs.fdatasync)
const fsync = promisify(fs.fsync)

export interface Syncer {
  /** Contents of `files` and names in `directories` are stable when it resolves. Rejects when that cannot be known. */
  sync(files: Iterable<string>, directories: Iterable<string>): Promise<void>
  close(): void
}

/** Each on its own, in order: files before the names that make them visible. */
export function createPlainSyncer(files: Files): Syncer {
  return {
    async sync(paths, directories) {
      for (const path of new Set(paths)) syncFile(files, path)
      for (const directory of new Set(directories)) files.fsyncDir(directory)
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
const MANY = 30
/** When syncing the file system takes this much longer than its own files explain, somebody else writes a lot there. */
const SLOW_MS = 250
const PAUSE_MS = 10_000

/**
 * Hands large sets to `sync -f` of coreutils, in a shell that stays (forking from a small process is cheap); Node cannot
 * call syncfs. Errors of earlier writes are reported to it, since Linux 5.8, as they are to fdatasync.
 */
export function createSyncer(clock: Clock, folder: string): Syncer {
  let shell: SyncShell | null = null
  let missing = process.platform !== 'linux'
  let pausedUntil = 0
  return {
    async sync(paths, directories) {
      const set = new Set(paths)
      const names = new Set(directories)
      const start = clock.mono()
      if (missing || set.size + names.size < MANY || start < pausedUntil) return together(set, names)
      shell ??= new SyncShell(folder)
      const answer = await shell.sync()
      if (answer === 'ok') {
        if (clock.mono() - start > SLOW_MS + 2 * set.size) pausedUntil = clock.mono() + PAUSE_MS
        return
      }
      missing = true
      shell.close()
      shell = null
      return together(set, names)
    },
    close() {
      shell?.close()
      shell = null
    },
  }
}

/** At the same time, so that they share the journal's commits. */
async function together(paths: ReadonlySet<string>, directories: ReadonlySet<string>): Promise<void> {
  const each = async (path: string, flags: string, sync: (fd: number) => Promise<void>) => {
    const fd = openSync(path, flags)
    try {
      await sync(fd)
    } finally {
      closeSync(fd)
    }
  }
  await Promise.all([
    ...Array.from(paths, (path) => each(path, 'r+', fdatasync)),
    ...Array.from(directories, (path) => each(path, 'r', fsync)),
  ])
}

const SCRIPT = 'while read -r go; do if sync -f . 2>/dev/null; then echo ok; else echo failed; fi; done'

class SyncShell {
  readonly #child: ChildProcess
  #waiting: ((answer: 'ok' | 'failed') => void)[] = []
  #ended = false

  constructor(folder: string) {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT], { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] })
    this.#child.unref()
    for (const pipe of [this.#child.stdin, this.#child.stdout]) {
      ;(pipe as { unref?(): void } | null)?.unref?.()
      pipe?.on('error', () => this.#fail())
    }
    this.#child.on('error', () => this.#fail())
    this.#child.on('exit', () => this.#fail())
    this.#child.stdout?.on('data', (octets: Buffer) => {
      for (const line of octets.toString().trim().split('\n')) this.#waiting.shift()?.(line === 'ok' ? 'ok' : 'failed')
    })
  }

  async sync(): Promise<'ok' | 'failed'> {
    if (this.#ended) return 'failed'
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin?.write('go\n')
    })
  }
  close(): void {
    this.#child.stdin?.end()
  }
  #fail(): void {
    this.#ended = true
    for (const resolve of this.#waiting.splice(0)) resolve('failed')
  }
}
