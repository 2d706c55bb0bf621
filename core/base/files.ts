// Every write of queue and store goes through this token, so that a test twin can lose power at any numbered operation.
import { token } from './token.ts'

export interface FileStat {
  readonly size: number
  readonly mtimeMs: number
  readonly ino: number
  readonly uid: number
  readonly mode: number
  /** A regular file: no folder, device or pipe. */
  readonly isFile: boolean
  readonly isDirectory: boolean
  readonly isSymbolicLink: boolean
}

/**
 * Synchronous file operations (run on worker threads where they may block). Errors are Node's, with `code`.
 * Data is stable only after `fdatasync`/`fsync` of the file; a name only after `fsyncDir` of its directory.
 */
export interface Files {
  open(path: string, flags: string, mode?: number): number
  close(fd: number): void
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number
  /** Writes all of the buffers at `position` (null: at the file's own offset); gives the octets written, which is all of them. */
  write(fd: number, buffers: readonly Buffer[], position: number | null): number
  /** As `read`, `write`, without blocking the thread: for bodies. */
  readAsync(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number>
  writeAsync(fd: number, buffers: readonly Buffer[], position: number | null): Promise<number>
  truncate(fd: number, size: number): void
  fdatasync(fd: number): void
  fsync(fd: number): void
  fsyncDir(path: string): void
  readFile(path: string): Buffer
  /** null when there is no such file. */
  stat(path: string): FileStat | null
  lstat(path: string): FileStat | null
  mkdir(path: string, mode?: number): void
  readdir(path: string): string[]
  rename(from: string, to: string): void
  link(from: string, to: string): void
  unlink(path: string): void
  /** Sets the modification time, where the back end keeps one. */
  futimes?(fd: number, mtimeMs: number): void
  rmdir(path: string): void
  /** Octets free for this user on the file system that holds `path`. */
  free(path: string): number
}

export const FILES = token<Files>('Files')
