// Runs under one user's id: delivers to that user's mail file or Maildir, reads .forward, runs commands. Started by the broker alone.
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { permanent, temporary } from '../base/failure.ts'
import { nodeFiles } from '../base/node-files.ts'
import { replies } from '../message/reply.ts'
import { storeFailure } from '../store/failures.ts'
import { LfStream } from '../store/line-ends.ts'
import { appendToMbox } from '../store/mbox-append.ts'
import { type Ran, runCommand } from '../store/run-command.ts'
import {
  type BrokerRequest,
  type DeliverRequest,
  type PipeRequest,
  refusalOf,
  type ToWorker,
  type Up,
} from './protocol.ts'

const MAX_FORWARD = 65_536

/** The octets of one message as they come in, each chunk acknowledged once it is taken. */
interface Intake {
  push(chunk: Uint8Array | null): void
  /** Nobody waits for it any more. */
  cancel(): void
  readonly cancelled: AbortSignal
  chunks(): AsyncIterable<Buffer>
}

const { homedir: home, username, shell } = userInfo()
const open = new Map<number, Intake | null>()
const answer = (up: Up): void => {
  if (process.connected) process.send!(up)
}
const endUnlessBusy = (): void => {
  if (!process.connected && open.size === 0) process.exit(0)
}

process.on('message', (down: ToWorker) => {
  if ('chunk' in down) return open.get(down.id)?.push(down.chunk)
  if ('cancel' in down) return open.get(down.id)?.cancel()
  const { id, request } = down
  open.set(id, null)
  perform(id, request)
    .then((value) => answer({ id, value }))
    .catch((thrown) => {
      const { kind, detail, reply } = refusalOf(request.ask === 'deliver' ? storeFailure(thrown) : thrown)
      answer({ id, error: { kind, detail: `${request.ask}: ${detail}`, reply } })
    })
    .finally(() => {
      open.delete(id)
      endUnlessBusy()
    })
})
process.on('disconnect', () => {
  for (const intake of open.values()) intake?.cancel()
  endUnlessBusy()
})

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
  const controller = new AbortController()
  let wake = (): void => {}
  return {
    push(chunk) {
      waiting.push(chunk)
      wake()
    },
    cancel() {
      controller.abort()
      wake()
    },
    cancelled: controller.signal,
    async *chunks() {
      for (;;) {
        while (waiting.length === 0 && !controller.signal.aborted)
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        if (controller.signal.aborted) throw temporary('given up')
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
  if (target.format === 'maildir') await deliverToMaildir(target.path, target.key, intake)
  else {
    if (target.spool) checkSpoolFile(target.path)
    await appendToMbox(target.path, intake.chunks(), { files: nodeFiles, clock: systemClock })
  }
  return null
}

/** The spool is shared: what stands there under a user's name must be that user's, and no way to another file. */
function checkSpoolFile(path: string): void {
  const stat = lstatOrNull(path)
  if (!stat) return
  const wrong = !stat.isFile()
    ? 'is no regular file'
    : stat.uid !== process.getuid!()
      ? 'belongs to someone else'
      : null
  if (wrong) throw temporary(`${path} ${wrong}`, { reply: replies.mailFileUnusable(wrong) })
}

async function deliverToMaildir(path: string, key: string, intake: Intake): Promise<void> {
  for (const folder of [path, ...['tmp', 'new', 'cur'].map((sub) => join(path, sub))]) {
    const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (made !== undefined) nodeFiles.fsyncDir(dirname(made))
  }
  const name = `${key}.${hostname().replace(/[/:]/g, '_')}`
  const temporaryPath = join(path, 'tmp', name)
  const fd = nodeFiles.open(temporaryPath, 'w', 0o600)
  try {
    const lines = new LfStream()
    for await (const chunk of intake.chunks()) nodeFiles.write(fd, [lines.write(chunk)], null)
    nodeFiles.write(fd, [lines.end()], null)
    nodeFiles.fsync(fd)
  } catch (thrown) {
    rmSync(temporaryPath, { force: true })
    throw thrown
  } finally {
    closeSync(fd)
  }
  renameSync(temporaryPath, join(path, 'new', name))
  nodeFiles.fsyncDir(join(path, 'new'))
}

function pipe({ command, environment, limit }: PipeRequest, intake: Intake): Promise<Ran> {
  const own = { HOME: home, LOGNAME: username, USER: username, SHELL: shell ?? '/bin/sh' }
  return runCommand(
    { command, cwd: canEnter(home) ? home : '/', environment: { ...own, ...environment }, limit },
    intake.chunks(),
    { clock: systemClock, signal: intake.cancelled },
  )
}

function canEnter(folder: string): boolean {
  try {
    accessSync(folder, constants.X_OK)
    return statSync(folder).isDirectory()
  } catch {
    return false
  }
}

function statOrNull(path: string) {
  return statSync(path, { throwIfNoEntry: false }) ?? null
}
function lstatOrNull(path: string) {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null
}
