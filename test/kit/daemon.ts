// Runs one private daemon: its own folder, its output kept, ready by event, ended by its own process id.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Daemon {
  readonly pid: number
  /** All that it wrote to standard output and error so far (the last 256 KiB). */
  output(): string
  /** Resolves when its output matches; rejects when it ends first. */
  said(pattern: RegExp): Promise<void>
  /** Stops its process for a while: it keeps its sockets but answers nothing. */
  pause(): void
  resume(): void
  /** Ends it without notice. */
  kill(): Promise<void>
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>
  readonly ended: Promise<void>
}

const KEPT = 256 * 1024

// no daemon outlives this process, unless it is killed outright
const running = new Set<ChildProcess>()
const killAll = () => {
  for (const child of running) sendSignal(child, 'SIGKILL')
}
process.once('exit', killAll)
// without a handler of its own a signal ends the process with no 'exit'; a test worker whose parent is gone ends too
for (const event of ['SIGTERM', 'SIGINT', 'SIGHUP', 'disconnect'] as const)
  process.once(event, () => {
    killAll()
    process.exit(1)
  })

export interface DaemonOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** What `stop` sends: SIGTERM by default. */
  readonly signal?: NodeJS.Signals
  /** The program makes itself the leader of its process group. */
  readonly leadsItself?: boolean
}

/** Starts a program that stays in the foreground. It leads its own process group, so that its children end with it. */
export function startDaemon(command: string, args: readonly string[], options: DaemonOptions = {}): Daemon {
  const { signal = 'SIGTERM', leadsItself = false, ...rest } = options
  const child = spawn(command, args, { ...rest, detached: !leadsItself, stdio: ['ignore', 'pipe', 'pipe'] })
  return watchChild(child, command, signal)
}

function watchChild(child: ChildProcess, command: string, stopSignal: NodeJS.Signals): Daemon {
  let output = ''
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const check of [...waiting]) check()
  }
  const take = (chunk: Buffer) => {
    output = (output + chunk.toString('latin1')).slice(-KEPT)
    changed()
  }
  child.stdout?.on('data', take)
  child.stderr?.on('data', take)
  let over = false
  const ended = new Promise<void>((resolve) => {
    const finish = (text: string) => {
      if (over) return
      output += text
      over = true
      changed()
      resolve()
    }
    child.once('error', (error) => finish(`cannot start: ${error.message}`))
    child.once('exit', (code, signal) => finish(`\n[ended: ${code ?? signal}]`))
  })
  running.add(child)
  void ended.then(() => running.delete(child))
  const end = async (signal: NodeJS.Signals) => {
    sendSignal(child, 'SIGCONT')
    // a master stops its own children in order; what it leaves behind is killed after it
    if (signal === 'SIGKILL') sendSignal(child, signal)
    else child.kill(signal)
    await ended
    sendSignal(child, 'SIGKILL')
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (!pattern.test(output) && !over) return
          waiting.delete(check)
          if (pattern.test(output)) resolve()
          else reject(new Error(`${command} ended before it said ${pattern}:\n${output}`))
        }
        waiting.add(check)
        check()
      }),
    pause: () => sendSignal(child, 'SIGSTOP'),
    resume: () => sendSignal(child, 'SIGCONT'),
    kill: () => end('SIGKILL'),
    stop: () => end(stopSignal),
    ended,
  }
}

/** To the daemon's whole process group; to none other, and to nothing once it is gone. */
function sendSignal(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // the group is gone already
  }
}

/** Resolves at the first connection that is accepted; rejects when the daemon ends or 60 s pass. */
export async function listening(
  daemon: Daemon,
  target: { port: number; host?: string } | { path: string },
): Promise<void> {
  const limit = performance.now() + 60_000
  let over = false
  void daemon.ended.then(() => {
    over = true
  })
  while (!(await canConnect(target))) {
    if (over) throw new Error(`ended before it listened:\n${daemon.output()}`)
    if (performance.now() > limit) throw new Error(`does not listen after 60 s:\n${daemon.output()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function canConnect(target: { port: number; host?: string } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect('path' in target ? target : { host: '127.0.0.1', ...target })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export interface Scratch {
  readonly path: string
  remove(): void
}

/** A new folder for one peer, readable by the accounts that daemons change to. */
export function scratch(name: string): Scratch {
  const path = mkdtempSync(join(tmpdir(), `estafeta-${name}-`))
  chmodSync(path, 0o755)
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
