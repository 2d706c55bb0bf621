// A file system in memory that can lose power at any numbered operation: only what was synced survives, or that and a random part of the rest.
import { posix } from 'node:path'
import type { FileStat, Files } from '../../core/base/files.ts'
import { type Change, DirNode, DiskImage, FileNode, type Node, type Rename } from './crash-disk.ts'
import { createRandom } from './random.ts'

/** What every operation throws from the moment the power is lost. */
export class PowerLoss extends Error {
  constructor() {
    super('power lost')
  }
}

/** An operation that changes something: these are numbered, from 1. */
export interface FileOperation {
  readonly number: number
  readonly kind: 'create' | 'write' | 'truncate' | 'sync' | 'syncDir' | 'mkdir' | 'rename' | 'link' | 'unlink' | 'rmdir'
  readonly path: string
  /** The file becomes larger: needs room on the disk. */
  readonly grows: boolean
}

interface OpenFile {
  readonly node: FileNode
  readonly path: string
  readonly append: boolean
  position: number
}

export class CrashFiles implements Files {
  /** Octets that `free` tells. */
  freeBytes = 1e12
  /** Called before each numbered operation: an error code (ENOSPC, EIO …) makes it fail. */
  fault: (operation: FileOperation) => string | null = () => null
  /** The number of the operation at which the power is lost. */
  loseAt = Number.POSITIVE_INFINITY
  operations = 0
  /** Every numbered operation so far, for messages and counts. */
  readonly trace: FileOperation[] = []
  #root = new DirNode(1, 0o700)
  #inodes = 1
  #files = new Map<number, OpenFile>()
  #fds = 2
  /** Changes of directories not yet synced, in order; a rename is one. */
  #renames: Rename[] = []
  #dead = false

  /** Begins with these folders, durable. */
  constructor(folders: readonly string[] = []) {
    for (const folder of folders) {
      let dir = this.#root
      for (const name of posix.normalize(folder).split('/').filter(Boolean)) {
        const next = dir.entries.get(name) ?? new DirNode(++this.#inodes, 0o700)
        dir.entries.set(name, next)
        dir.durable.set(name, next)
        dir = next as DirNode
      }
    }
  }

  get lost(): boolean {
    return this.#dead
  }

  /** Ends this file system, if the power is not lost yet, and gives what a start after that finds. Without a seed nothing unsynced is left. */
  reboot(seed?: number): CrashFiles {
    const next = this.image(seed)
    this.#dead = true
    return next
  }

  /** What a start would find if the power were lost now. */
  image(seed?: number): CrashFiles {
    const next = new CrashFiles()
    const random = seed === undefined ? null : createRandom(seed)
    const survivors = random ? this.#renames.filter(() => random() < 0.5) : []
    next.#inodes = this.#inodes
    next.#root = new DiskImage(survivors.flat(), random).copy(this.#root) as DirNode
    return next
  }

  // ------------------------------------------------------------ files

  open(path: string, flags: string, mode = 0o600): number {
    this.#live()
    const [dir, name] = this.#parent(path)
    let node = dir.entries.get(name)
    if (node instanceof DirNode) throw failure('EISDIR', 'open', path)
    if (node && flags.includes('x')) throw failure('EEXIST', 'open', path)
    if (!node) {
      if (flags.startsWith('r')) throw failure('ENOENT', 'open', path)
      const created = new FileNode(++this.#inodes, mode)
      node = created
      this.#numbered('create', path, () => this.#rename([[dir, name, created]]))
    } else if (flags.startsWith('w') && node.current.size > 0)
      this.#change('truncate', node, path, { at: 0, bytes: null })
    const fd = ++this.#fds
    this.#files.set(fd, { node, path, append: flags.startsWith('a'), position: 0 })
    return fd
  }

  close(fd: number): void {
    if (!this.#files.delete(fd)) throw failure('EBADF', 'close', String(fd))
  }

  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    this.#live()
    const { current } = this.#file(fd).node
    return current.bytes.copy(buffer, offset, position, Math.min(current.size, position + length))
  }

  write(fd: number, buffers: readonly Buffer[], position: number | null): number {
    this.#live()
    const file = this.#file(fd)
    const bytes = Buffer.concat(buffers)
    const at = file.append ? file.node.current.size : (position ?? file.position)
    this.#change('write', file.node, file.path, { at, bytes })
    if (position === null) file.position = at + bytes.length
    return bytes.length
  }

  async readAsync(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    return this.read(fd, buffer, offset, length, position)
  }

  async writeAsync(fd: number, buffers: readonly Buffer[], position: number | null): Promise<number> {
    return this.write(fd, buffers, position)
  }

  truncate(fd: number, size: number): void {
    this.#live()
    const { node, path } = this.#file(fd)
    this.#change('truncate', node, path, { at: size, bytes: null })
  }

  fdatasync(fd: number): void {
    this.#live()
    const { node, path } = this.#file(fd)
    try {
      this.#numbered('sync', path, () => {
        for (const change of node.pending) node.durable.apply(change)
        node.pending = []
      })
    } catch (error) {
      // as Linux does: the pages count as clean from now on, and are not on the disk
      if (!this.#dead) node.pending = []
      throw error
    }
  }

  fsync(fd: number): void {
    this.fdatasync(fd)
  }

  readFile(path: string): Buffer {
    this.#live()
    const node = this.#node(path)
    if (!(node instanceof FileNode)) throw failure(node ? 'EISDIR' : 'ENOENT', 'open', path)
    return Buffer.from(node.current.bytes.subarray(0, node.current.size))
  }

  // ------------------------------------------------------------ directories

  fsyncDir(path: string): void {
    this.#live()
    const dir = this.#dir(path)
    this.#numbered('syncDir', path, () => {
      dir.durable = new Map(dir.entries)
      this.#renames = this.#renames
        .map((rename) => rename.filter(([changed]) => changed !== dir))
        .filter((rename) => rename.length > 0)
    })
  }

  stat(path: string): FileStat | null {
    this.#live()
    const node = this.#node(path)
    if (!node) return null
    const isDirectory = node instanceof DirNode
    const size = isDirectory ? 0 : node.current.size
    const mtimeMs = isDirectory ? 0 : node.mtime
    const kind = { isFile: !isDirectory, isDirectory, isSymbolicLink: false }
    return { size, mtimeMs, ino: node.ino, uid: 0, mode: node.mode, ...kind }
  }

  lstat(path: string): FileStat | null {
    return this.stat(path)
  }

  mkdir(path: string, mode = 0o700): void {
    this.#live()
    const [dir, name] = this.#parent(path)
    if (dir.entries.has(name)) throw failure('EEXIST', 'mkdir', path)
    this.#numbered('mkdir', path, () => this.#rename([[dir, name, new DirNode(++this.#inodes, mode)]]))
  }

  readdir(path: string): string[] {
    this.#live()
    return [...this.#dir(path).entries.keys()]
  }

  rename(from: string, to: string): void {
    this.#live()
    const [oldDir, oldName] = this.#parent(from)
    const [newDir, newName] = this.#parent(to)
    const node = oldDir.entries.get(oldName)
    if (!node) throw failure('ENOENT', 'rename', from)
    this.#numbered('rename', from, () =>
      this.#rename([
        [oldDir, oldName, null],
        [newDir, newName, node],
      ]),
    )
  }

  link(from: string, to: string): void {
    this.#live()
    const node = this.#node(from)
    if (!(node instanceof FileNode)) throw failure(node ? 'EPERM' : 'ENOENT', 'link', from)
    const [dir, name] = this.#parent(to)
    if (dir.entries.has(name)) throw failure('EEXIST', 'link', to)
    this.#numbered('link', to, () => this.#rename([[dir, name, node]]))
  }

  unlink(path: string): void {
    this.#live()
    const [dir, name] = this.#parent(path)
    const node = dir.entries.get(name)
    if (!node) throw failure('ENOENT', 'unlink', path)
    if (node instanceof DirNode) throw failure('EISDIR', 'unlink', path)
    this.#numbered('unlink', path, () => this.#rename([[dir, name, null]]))
  }

  rmdir(path: string): void {
    this.#live()
    const [dir, name] = this.#parent(path)
    const node = dir.entries.get(name)
    if (!(node instanceof DirNode)) throw failure(node ? 'ENOTDIR' : 'ENOENT', 'rmdir', path)
    if (node.entries.size > 0) throw failure('ENOTEMPTY', 'rmdir', path)
    this.#numbered('rmdir', path, () => this.#rename([[dir, name, null]]))
  }

  free(): number {
    this.#live()
    return this.freeBytes
  }

  // ------------------------------------------------------------ the inside

  #live(): void {
    if (this.#dead) throw new PowerLoss()
  }

  /** Syncs do not happen at the moment of the power loss; other changes do, and are lost or not as anything unsynced. */
  #numbered(kind: FileOperation['kind'], path: string, run: () => void, grows = false): void {
    const operation = { number: ++this.operations, kind, path, grows }
    this.trace.push(operation)
    const lost = operation.number >= this.loseAt
    if (lost) this.#dead = true
    const code = lost ? null : this.fault(operation)
    if (code !== null) throw failure(code, kind, path)
    if (!lost || (kind !== 'sync' && kind !== 'syncDir')) run()
    if (lost) throw new PowerLoss()
  }

  #change(kind: 'write' | 'truncate', node: FileNode, path: string, change: Change): void {
    const apply = (made: Change) => {
      node.current.apply(made)
      node.pending.push(made)
      node.mtime = this.operations
    }
    try {
      const grows = change.bytes !== null && change.at + change.bytes.length > node.current.size
      this.#numbered(kind, path, () => apply(change), grows)
    } catch (error) {
      // a write that fails may have got halfway
      if (!this.#dead && change.bytes)
        apply({ at: change.at, bytes: change.bytes.subarray(0, change.bytes.length >> 1) })
      throw error
    }
  }

  #rename(changes: Rename): void {
    for (const [dir, name, node] of changes) {
      if (node) dir.entries.set(name, node)
      else dir.entries.delete(name)
    }
    this.#renames.push(changes)
  }

  #file(fd: number): OpenFile {
    const file = this.#files.get(fd)
    if (!file) throw failure('EBADF', 'file', String(fd))
    return file
  }

  #node(path: string): Node | null {
    let node: Node = this.#root
    for (const name of posix.normalize(path).split('/').filter(Boolean)) {
      const next: Node | undefined = node instanceof DirNode ? node.entries.get(name) : undefined
      if (!next) return null
      node = next
    }
    return node
  }

  #dir(path: string): DirNode {
    const node = this.#node(path)
    if (!(node instanceof DirNode)) throw failure(node ? 'ENOTDIR' : 'ENOENT', 'directory', path)
    return node
  }

  #parent(path: string): [DirNode, string] {
    return [this.#dir(posix.dirname(path)), posix.basename(path)]
  }
}

function failure(code: string, what: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${what} '${path}'`), { code, path, syscall: what })
}
