// Runs under one user's id: delivers to that user's mail file or Maildir, reads .forward, runs commands. Started by the broker alone.
import { spawn } from 'node:child_process'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { asFailure, permanent, temporary } from '../base/failure.ts'
import { nodeFiles } from '../base/node-files.ts'
import { appendToMbox } from '../store/mbox-append.ts'
import type { BrokerRequest, DeliverRequest, Down, PipeRequest, Up } from './protocol.ts'

const MAX_FORWARD = 65_536
const MAX_OUTPUT = 4096
/** A command that takes longer is ended and the mail tried again later. */
const COMMAND_LIMIT_MS = 15 * 60_000

/** The octets of one message as they come in, each chunk acknowledged once it is taken. */
interface Intake {
  push(chunk: Uint8Array | null): void
  chunks(): AsyncIterable<Buffer>
}

const home = userInfo().homedir
const open = new Map<number, Intake>()
const answer = (up: Up): void => void process.send!(up)

process.on('message', (down: Down) => {
  if ('chunk' in down) return open.get(down.id)?.push(down.chunk)
  const { id, request } = down
  perform(id, request)
    .then((value) => answer({ id, value }))
    .catch((thrown) => {
      const failure = asFailure(thrown)
      answer({
        id,
        error: {
          kind: failure.kind === 'permanent' ? 'permanent' : 'temporary',
          detail: `${request.ask}: ${failure.detail}`,
        },
      })
    })
    .finally(() => open.delete(id))
})
process.on('disconnect', () => process.exit(0))

async function perform(id: number, request: BrokerRequest): Promise<unknown> {
  if (request.ask === 'readForward') return readForward(join(home, '.forward'))
  if (request.ask !== 'deliver' && request.ask !== 'pipe') throw permanent('not a request for a user')
  const intake = createIntake(() => answer({ id, more: true }))
  open.set(id, intake)
  answer({ id, more: true })
  return request.ask === 'deliver' ? deliver(request, intake) : pipe(request, intake)
}

function createIntake(taken: () => void): Intake {
  const waiting: (Uint8Array | null)[] = []
  let wake: (() => void) | null = null
  return {
    push(chunk) {
      waiting.push(chunk)
      wake?.()
    },
    async *chunks() {
      for (;;) {
        while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        const chunk = waiting.shift()!
        if (chunk === null) return
        yield Buffer.from(chunk)
        taken()
      }
    },
  }
}

/** Text of the file after the checks that keep others from steering a user's mail; null without one. */
export function readForward(path: string): string | null {
  const folder = statOrNull(dirname(path))
  if (!folder || !lstatOrNull(path)) return null
  if ((folder.mode & 0o022) !== 0) throw temporary(`${dirname(path)} can be written by others`)
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw temporary(`${path} is no regular file`)
    if (stat.uid !== process.getuid!() && stat.uid !== 0) throw temporary(`${path} belongs to someone else`)
    if ((stat.mode & 0o022) !== 0) throw temporary(`${path} can be written by others`)
    if (stat.size > MAX_FORWARD) throw temporary(`${path} is larger than ${MAX_FORWARD} octets`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

async function deliver({ target }: DeliverRequest, intake: Intake): Promise<null> {
  if (target.format === 'mbox') {
    await appendToMbox(target.path, intake.chunks(), { files: nodeFiles, clock: systemClock })
    return null
  }
  for (const folder of [target.path, ...['tmp', 'new', 'cur'].map((sub) => join(target.path, sub))])
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  const name = `${target.key}.${hostname().replace(/[/:]/g, '_')}`
  const temporaryPath = join(target.path, 'tmp', name)
  const fd = openSync(temporaryPath, 'w', 0o600)
  try {
    for await (const chunk of intake.chunks()) writeSync(fd, withLf(chunk))
    fsyncSync(fd)
  } catch (thrown) {
    rmSync(temporaryPath, { force: true })
    throw thrown
  } finally {
    closeSync(fd)
  }
  renameSync(temporaryPath, join(target.path, 'new', name))
  nodeFiles.fsyncDir(join(target.path, 'new'))
  return null
}

/** Mail files of this system end lines with LF. A CR that ends one chunk is followed by its LF in the next: both stay. */
const withLf = (chunk: Buffer): Buffer =>
  chunk.includes(13) ? Buffer.from(chunk.toString('latin1').replace(/\r\n/g, '\n'), 'latin1') : chunk

async function pipe({ command, environment }: PipeRequest, intake: Intake): Promise<{ code: number; output: string }> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: lstatOrNull(home) ? home : '/',
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: home,
      LOGNAME: basename(userInfo().username),
      USER: userInfo().username,
      SHELL: '/bin/sh',
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: COMMAND_LIMIT_MS,
  })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // a command may end without reading all of its input
  child.stdin.on('error', () => {})
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGTERM' ? 75 : 70)))
  })
  for await (const chunk of intake.chunks()) {
    if (!child.stdin.destroyed && !child.stdin.write(withLf(chunk))) {
      await Promise.race([new Promise((resolve) => child.stdin.once('drain', resolve)), ended])
    }
  }
  child.stdin.end()
  return { code: await ended, output }
}

function statOrNull(path: string) {
  return statSync(path, { throwIfNoEntry: false }) ?? null
}
function lstatOrNull(path: string) {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null
}
