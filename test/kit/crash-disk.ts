// What the crash twin knows of its disk: of every file and directory what is there now, and what would be there after a power loss.

const SECTOR = 512

export interface Change {
  readonly at: number
  /** null: the file was cut to `at`. */
  readonly bytes: Buffer | null
}

export class FileNode {
  readonly ino: number
  readonly mode: number
  current = new Contents()
  durable = new Contents()
  /** In `current`, not in `durable`. */
  pending: Change[] = []
  mtime = 0

  constructor(ino: number, mode: number) {
    this.ino = ino
    this.mode = mode
  }
}

class Contents {
  bytes = Buffer.alloc(0)
  size = 0

  apply({ at, bytes }: Change): void {
    if (bytes === null) {
      this.#reserve(at)
      if (at < this.size) this.bytes.fill(0, at, this.size)
      this.size = at
      return
    }
    this.#reserve(at + bytes.length)
    this.bytes.set(bytes, at)
    this.size = Math.max(this.size, at + bytes.length)
  }

  #reserve(size: number): void {
    if (size <= this.bytes.length) return
    const larger = Buffer.alloc(Math.max(size, 2 * this.bytes.length, 256))
    this.bytes.copy(larger, 0, 0, this.size)
    this.bytes = larger
  }
}

export type Node = FileNode | DirNode
/** Entries of directories that change together. */
export type Rename = readonly [dir: DirNode, name: string, node: Node | null][]

export class DirNode {
  readonly ino: number
  readonly mode: number
  entries = new Map<string, Node>()
  durable = new Map<string, Node>()

  constructor(ino: number, mode: number) {
    this.ino = ino
    this.mode = mode
  }
}

/** Copies what is durable, and what survives by chance besides: of the directories' changes each as a whole. */
export class DiskImage {
  readonly #survivors: Rename
  readonly #random: (() => number) | null
  readonly #known = new Map<Node, Node>()

  constructor(survivors: Rename, random: (() => number) | null) {
    this.#survivors = survivors
    this.#random = random
  }

  copy(node: Node): Node {
    const known = this.#known.get(node)
    if (known) return known
    return node instanceof DirNode ? this.#directory(node) : this.#file(node)
  }

  #directory(node: DirNode): DirNode {
    const dir = new DirNode(node.ino, node.mode)
    this.#known.set(node, dir)
    const entries = new Map(node.durable)
    for (const [changed, name, entry] of this.#survivors) {
      if (changed !== node) continue
      if (entry) entries.set(name, entry)
      else entries.delete(name)
    }
    for (const [name, entry] of entries) dir.entries.set(name, this.copy(entry))
    dir.durable = new Map(dir.entries)
    return dir
  }

  #file(node: FileNode): FileNode {
    const file = new FileNode(node.ino, node.mode)
    this.#known.set(node, file)
    const survivors = this.#random ? survivingChanges(node.pending, this.#random) : []
    for (const contents of [file.current, file.durable]) {
      contents.apply({ at: 0, bytes: Buffer.from(node.durable.bytes.subarray(0, node.durable.size)) })
      for (const change of survivors) contents.apply(change)
    }
    return file
  }
}

/** Either the first of the unsynced changes, the last of them torn, or each sector by the toss of a coin. */
function survivingChanges(pending: readonly Change[], random: () => number): Change[] {
  if (random() < 0.5) {
    const whole = Math.floor(random() * (pending.length + 1))
    const torn = pending[whole]
    const kept = pending.slice(0, whole)
    if (torn?.bytes) kept.push({ at: torn.at, bytes: torn.bytes.subarray(0, Math.floor(random() * torn.bytes.length)) })
    return kept
  }
  const kept: Change[] = []
  for (const change of pending) {
    if (change.bytes === null) {
      if (random() < 0.5) kept.push(change)
      continue
    }
    for (let at = 0; at < change.bytes.length; ) {
      const end = Math.min(change.bytes.length, at + SECTOR - ((change.at + at) % SECTOR))
      if (random() < 0.5) kept.push({ at: change.at + at, bytes: change.bytes.subarray(at, end) })
      at = end
    }
  }
  return kept
}
