// Hands a message to a command: LF line ends on its standard input, bounded in time and output.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Clock } from '../base/clock.ts'
import { LfStream } from './line-ends.ts'

const MAX_OUTPUT = 4096
/** What a command leaves behind may keep its output open; it is listened to no longer than this. */
const LINGER_MS = 1_000
/** sysexits.h */
const EX_TEMPFAIL = 75
const EX_SOFTWARE = 70

export interface Command {
  /** For /bin/sh. */
  readonly command: string
  readonly cwd: string
  /** Beside PATH and SHELL. */
  readonly environment: { readonly [name: string]: string }
  /** Milliseconds after which it is ended, with all that it started. */
  readonly limit: number
}

export interface Ran {
  /** 75 for a command that was ended. */
  readonly code: number
  /** The last of what it wrote. */
  readonly output: string
}

/** Runs it in a process group of its own, which ends with the limit or with `signal`. */
export async function runCommand(
  { command, cwd, environment, limit }: Command,
  chunks: AsyncIterable<Buffer>,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<Ran> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd,
    detached: true,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', SHELL: '/bin/sh', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = endOf(child, clock)
  const end = (): void => endGroup(child)
  const timer = clock.after(limit, end)
  signal?.addEventListener('abort', end)
  try {
    if (signal?.aborted) end()
    await feed(child, chunks, ended)
    return await ended
  } catch (thrown) {
    end()
    throw thrown
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', end)
  }
}

function endGroup({ pid }: ChildProcessWithoutNullStreams): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended already
  }
}

function endOf(child: ChildProcessWithoutNullStreams, clock: Clock): Promise<Ran> {
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // a command may end without reading all of its input
  child.stdin.on('error', () => {})
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      const told = (): void => {
        linger.cancel()
        for (const stream of child.stdio) stream?.destroy()
        resolve({ code: code ?? (signal === null ? EX_SOFTWARE : EX_TEMPFAIL), output })
      }
      const linger = clock.after(LINGER_MS, told)
      child.on('close', told)
    })
  })
  // whoever runs it may still wait for the message
  ended.catch(() => {})
  return ended
}

async function feed(
  { stdin }: ChildProcessWithoutNullStreams,
  chunks: AsyncIterable<Buffer>,
  ended: Promise<unknown>,
): Promise<void> {
  const lines = new LfStream()
  for await (const chunk of chunks) {
    if (stdin.destroyed) return
    if (!stdin.write(lines.write(chunk)))
      await Promise.race([new Promise((resolve) => stdin.once('drain', resolve)), ended])
  }
  stdin.end(lines.end())
}
