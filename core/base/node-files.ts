// The real file system behind the Files token.
import fs from 'node:fs'
import { promisify } from 'node:util'
import type { FileStat, Files } from './files.ts'

const read = promisify(fs.read)
const writev = promisify(fs.writev)

const describe = (stat: fs.Stats | undefined): FileStat | null =>
  stat === undefined
    ? null
    : {
        size: stat.size,
        mtimeMs: stat.mtimeMs,
        ino: stat.ino,
        uid: stat.uid,
        mode: stat.mode,
        isFile: stat.isFile(),
        isDirectory: stat.isDirectory(),
        isSymbolicLink: stat.isSymbolicLink(),
      }

/** What is left of the buffers after `written` octets of them. */
function rest(buffers: readonly Buffer[], written: number): Buffer[] {
  const left: Buffer[] = []
  for (const buffer of buffers) {
    if (written < buffer.length) left.push(buffer.subarray(written))
    written = Math.max(0, written - buffer.length)
  }
  return left
}

export const nodeFiles: Files = {
  open: (path, flags, mode = 0o600) => fs.openSync(path, flags, mode),
  close: (fd) => fs.closeSync(fd),
  read: (fd, buffer, offset, length, position) => fs.readSync(fd, buffer, offset, length, position),
  write(fd, buffers, position) {
    // most often it is one buffer, written at once
    let total = buffers.length === 1 ? fs.writeSync(fd, buffers[0]!, 0, buffers[0]!.length, position) : 0
    for (let left = rest(buffers, total); left.length > 0; ) {
      const written = fs.writevSync(fd, left, position === null ? undefined : position + total)
      total += written
      left = rest(left, written)
    }
    return total
  },
  async readAsync(fd, buffer, offset, length, position) {
    return (await read(fd, buffer, offset, length, position)).bytesRead
  },
  async writeAsync(fd, buffers, position) {
    let total = 0
    for (let left = rest(buffers, 0); left.length > 0; ) {
      const { bytesWritten } = await writev(fd, left, position === null ? undefined : position + total)
      total += bytesWritten
      left = rest(left, bytesWritten)
    }
    return total
  },
  truncate: (fd, size) => fs.ftruncateSync(fd, size),
  fdatasync: (fd) => fs.fdatasyncSync(fd),
  fsync: (fd) => fs.fsyncSync(fd),
  fsyncDir(path) {
    const fd = fs.openSync(path, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  },
  readFile: (path) => fs.readFileSync(path),
  stat: (path) => describe(fs.statSync(path, { throwIfNoEntry: false })),
  lstat: (path) => describe(fs.lstatSync(path, { throwIfNoEntry: false })),
  mkdir: (path, mode = 0o700) => fs.mkdirSync(path, mode),
  readdir: (path) => fs.readdirSync(path),
  rename: (from, to) => fs.renameSync(from, to),
  link: (from, to) => fs.linkSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  // as a Date: Node takes a number below 0 for the present
  futimes: (fd, mtimeMs) => fs.futimesSync(fd, new Date(mtimeMs), new Date(mtimeMs)),
  rmdir: (path) => fs.rmdirSync(path),
  free(path) {
    const { bavail, bsize } = fs.statfsSync(path)
    return bavail * bsize
  },
}
