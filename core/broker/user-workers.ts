// The broker's children, one a user, each under that user's id; they end when nobody has needed them for a while.
import { type ChildProcess, fork } from 'node:child_process'
import { statSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { permanent, temporary } from '../base/failure.ts'
import { modulePath } from '../base/program.ts'
import type { SystemUser, SystemUsers } from '../plugin/services.ts'
import type { AsUserRequest, ToWorker, Up } from './protocol.ts'

const IDLE_MS = 30_000
const MAX_WORKERS = 64
/** What is left of them when the broker ends. */
const CLOSE_MS = 2_000
/** A user can stop a process of their own, or have it wait on a pipe or a dead file server. */
const FORWARD_LIMIT_MS = 30_000
const DELIVER_LIMIT_MS = 5 * 60_000
/** The worker ends a command itself; this is for one that no longer does. */
const PIPE_GRACE_MS = 30_000

interface Task {
  readonly told: (up: Up) => void
  readonly deadline: Timer
}

interface UserWorker {
  readonly process: ChildProcess
  readonly tasks: Map<number, Task>
  idle: Timer | null
}

export interface UserWorkers {
  /** Sends a request; `told` gets every answer, the last of which has a value or an error. */
  request(id: number, request: AsUserRequest, told: (up: Up) => void): Promise<void>
  /** What follows a request of that id; for one that has been answered it is dropped. */
  follow(message: ToWorker & { readonly id: number }): void
  /** Ends them all, and resolves when none is left. */
  close(): Promise<void>
}

export function createUserWorkers(users: SystemUsers, clock: Clock): UserWorkers {
  const workers = new Map<string, UserWorker>()
  const alive = new Set<ChildProcess>()
  const owners = new Map<number, UserWorker>()
  /** Requests that wait for a worker; one that is cancelled goes. */
  const waiting = new Set<number>()
  const roomless: (() => void)[] = []

  const start = (user: SystemUser, gid: number, key: string): UserWorker => {
    const child = forkWorker(user.uid, gid)
    const worker: UserWorker = { process: child, tasks: new Map(), idle: null }
    alive.add(child)
    workers.set(key, worker)
    child.on('message', (up: Up) => {
      const task = worker.tasks.get(up.id)
      if (!task) return
      if (!('more' in up)) finish(worker, key, up.id)
      task.told(up)
    })
    const gone = (why: string): void => {
      alive.delete(child)
      drop(worker, key, why)
    }
    child.on('exit', () => gone('the process of this user ended'))
    // it cannot be started, or a message no longer reaches it: the users themselves can bring about both
    child.on('error', (error) => gone(`the process of this user: ${error.message}`))
    return worker
  }
  /** Nothing more is asked of it, and nothing it still says is heard. */
  const drop = (worker: UserWorker, key: string, why: string): void => {
    if (workers.get(key) === worker) workers.delete(key)
    worker.idle?.cancel()
    for (const [id, { told, deadline }] of worker.tasks) {
      deadline.cancel()
      owners.delete(id)
      told({ id, error: { kind: 'temporary', detail: why, reply: null } })
    }
    worker.tasks.clear()
    worker.process.kill('SIGKILL')
    roomless.shift()?.()
  }
  const finish = (worker: UserWorker, key: string, id: number): void => {
    worker.tasks.get(id)?.deadline.cancel()
    worker.tasks.delete(id)
    owners.delete(id)
    if (worker.tasks.size > 0) return
    roomless.shift()?.()
    worker.idle = clock.after(IDLE_MS, () => retire(worker, key))
  }
  const retire = (worker: UserWorker, key: string): void => {
    worker.idle?.cancel()
    if (workers.get(key) === worker) workers.delete(key)
    if (worker.process.connected) worker.process.disconnect()
  }
  /** Resolves when another worker may be started: the one that has been idle longest makes room. */
  const room = async (): Promise<void> => {
    while (workers.size >= MAX_WORKERS) {
      const [key, worker] = [...workers].find(([, { tasks }]) => tasks.size === 0) ?? []
      if (key !== undefined && worker) retire(worker, key)
      else await new Promise<void>((resolve) => roomless.push(resolve))
    }
  }
  const send = (worker: UserWorker, message: ToWorker): void => {
    if (worker.process.connected) worker.process.send(message)
  }

  return {
    async request(id, request, told) {
      const user = await users.find(request.user)
      if (!user) throw permanent(`no system user ${request.user}`)
      if (user.uid === 0) throw permanent('nothing is done as root')
      if (request.ask === 'readForward' && (await hasNoForward(user))) return told({ id, value: null })
      const gid = request.ask === 'deliver' && request.target.spool ? spoolGroup(request.target.path, user) : user.gid
      const key = `${user.uid}:${gid}`
      waiting.add(id)
      if (!workers.has(key)) await room()
      if (!waiting.delete(id)) throw temporary('given up')
      const worker = workers.get(key) ?? start(user, gid, key)
      worker.idle?.cancel()
      worker.idle = null
      const deadline = clock.after(limitOf(request), () =>
        drop(worker, key, 'the process of this user does not answer'),
      )
      worker.tasks.set(id, { told, deadline })
      owners.set(id, worker)
      send(worker, { id, request })
    },
    follow(message) {
      if ('cancel' in message) waiting.delete(message.id)
      const worker = owners.get(message.id)
      if (worker) send(worker, message)
    },
    async close() {
      const last = [...alive].map((child) => new Promise((resolve) => child.once('exit', resolve)))
      for (const child of alive) if (child.connected) child.disconnect()
      const cut = clock.after(CLOSE_MS, () => {
        for (const child of alive) child.kill('SIGKILL')
      })
      await Promise.all(last)
      cut.cancel()
    },
  }
}

function forkWorker(uid: number, gid: number): ChildProcess {
  return fork(modulePath('core/broker/user-worker'), [], {
    uid,
    gid,
    cwd: '/',
    env: {},
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}

/** Most users have none: no process is started to find that out. Any other answer is the user's own process to give. */
async function hasNoForward({ home }: SystemUser): Promise<boolean> {
  try {
    await lstat(join(home, '.forward'))
    return false
  } catch (thrown) {
    return ['ENOENT', 'ENOTDIR'].includes((thrown as NodeJS.ErrnoException).code ?? '')
  }
}

function limitOf(request: AsUserRequest): number {
  if (request.ask === 'pipe') return request.limit + PIPE_GRACE_MS
  return request.ask === 'deliver' ? DELIVER_LIMIT_MS : FORWARD_LIMIT_MS
}

/**
 * The mail spool's own group where it lets its group write: that is how a user makes the lock file beside the mail file.
 * For the user's own mail file only: in any other place the group's rights are not the user's.
 */
function spoolGroup(path: string, user: SystemUser): number {
  if (basename(path) !== user.name) return user.gid
  const stat = statSync(dirname(path), { throwIfNoEntry: false })
  return stat && (stat.mode & 0o022) === 0o020 ? stat.gid : user.gid
}
