// Where the log's lines go: the standard output, or a file that is opened anew after it was moved aside.
import { closeSync, openSync, writeSync } from 'node:fs'

export interface LogOutput {
  write(lines: string): void
  /** Goes on in the file that has its path now. Throws, and stays with the old one, when that cannot be opened. */
  reopen(): void
}

/** `path` null: the standard output. Throws when the file cannot be opened. */
export function openLogOutput(path: string | null): LogOutput {
  const open = (): number => (path === null ? 1 : openSync(path, 'a', 0o640))
  let fd = open()
  return {
    write(lines) {
      try {
        writeSync(fd, lines)
      } catch {
        // a full pipe or disk, a terminal that is gone: none must stop the mail
      }
    },
    reopen() {
      if (path === null) return
      const old = fd
      fd = open()
      closeSync(old)
    },
  }
}
