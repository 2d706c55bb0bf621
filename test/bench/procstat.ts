// CPU and memory of process trees, from /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** Ticks of a second in /proc, fixed by the kernel's interface. */
const TICKS = 100

/** Fields of /proc/<pid>/stat after the command name; null when the process is gone. */
function stat(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/** A process and all its living descendants. */
export function tree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? stat(Number(name)) : null
    if (!fields) continue
    const parent = Number(fields[1])
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found: number[] = []
  const todo = [root]
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    if (stat(pid) === null || found.includes(pid)) continue
    found.push(pid)
    todo.push(...(children.get(pid) ?? []))
  }
  return found
}

/** CPU seconds of the trees, those of ended and awaited children included. */
export const cpuSeconds = (roots: readonly number[]): number =>
  roots
    .flatMap(tree)
    .map((pid) => stat(pid) ?? [])
    .reduce((sum, fields) => sum + [11, 12, 13, 14].reduce((all, i) => all + Number(fields[i] ?? 0), 0), 0) / TICKS

/** Resolves when the trees have hardly worked for a second: what they do in the background is done. */
export async function atRest(roots: readonly number[]): Promise<void> {
  for (let before = cpuSeconds(roots); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const now = cpuSeconds(roots)
    if (now - before < 0.05) return
    before = now
  }
}

/** CPU seconds of this process's children that have ended: of the clients, while the servers run. */
export function endedChildrenSeconds(): number {
  const fields = stat(process.pid) ?? []
  return (Number(fields[13]) + Number(fields[14])) / TICKS
}

/** Proportional set size of the trees, MiB: memory shared by several processes counts once. */
export function pssMiB(roots: readonly number[]): number {
  let kib = 0
  for (const pid of roots.flatMap(tree)) {
    try {
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0)
    } catch {
      // it ended meanwhile
    }
  }
  return kib / 1024
}

/** CPU seconds that the whole machine has spent working. */
export function machineBusy(): number {
  const fields = readFileSync('/proc/stat', 'latin1').split('\n')[0]!.split(/\s+/).slice(1, 9).map(Number)
  return (fields.reduce((a, b) => a + b, 0) - fields[3]! - fields[4]!) / TICKS
}
