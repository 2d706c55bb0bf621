// The built command as an operator starts it: servers that run until told to stop, and single commands with their output.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const BIN = fileURLToPath(new URL('../../bin/', import.meta.url))

export interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  readonly env?: { readonly [name: string]: string }
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
}

/** Runs `bin/<name>` to its end. */
export function runBin(name: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return runCommand(`${BIN}${name}`, args, options)
}

export function runCommand(path: string, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const { input, env, ...rest } = options
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { ...rest, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}

export interface RunningCommand {
  readonly process: ChildProcess
  readonly lines: readonly string[]
  /** Resolves with the first line, past or to come, that matches; rejects with the output when the process ends before. */
  printed(pattern: RegExp): Promise<string>
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>
  kill(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts `bin/<name>` and leaves it running. */
export function startBin(name: string, args: readonly string[], options: RunOptions = {}): RunningCommand {
  return startCommand(`${BIN}${name}`, args, options)
}

export function startCommand(path: string, args: readonly string[], options: RunOptions = {}): RunningCommand {
  const { env, ...rest } = options
  const child = spawn(path, args, {
    ...rest,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const waiting: { pattern: RegExp; resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  const readLines = (): ((text: string) => void) => {
    let rest = ''
    return (text) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      for (const line of parts) {
        lines.push(line)
        for (const one of waiting.filter((w) => w.pattern.test(line))) {
          waiting.splice(waiting.indexOf(one), 1)
          one.resolve(line)
        }
      }
    }
  }
  child.stdout.setEncoding('utf8').on('data', readLines())
  child.stderr.setEncoding('utf8').on('data', readLines())
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      for (const one of waiting.splice(0))
        one.reject(new Error(`ended with code ${code} before ${one.pattern}:\n${lines.join('\n')}`))
      resolve(code)
    })
  })
  const kill = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    return ended
  }
  return {
    process: child,
    lines,
    printed(pattern) {
      const past = lines.find((line) => pattern.test(line))
      if (past !== undefined) return Promise.resolve(past)
      return new Promise((resolve, reject) => waiting.push({ pattern, resolve, reject }))
    },
    stop: () => kill('SIGTERM'),
    kill,
  }
}
