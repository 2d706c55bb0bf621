// The broker's children, one a user, each under that user's id; they end when nobody has needed them for a while.
import { type ChildProcess, fork } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
import { permanent, temporary } from '../base/failure.ts'
import type { SystemUsers } from '../plugin/services.ts'
import type { AsUserRequest, Down, Up } from './protocol.ts'

const IDLE_MS = 30_000
const MAX_WORKERS = 64

interface UserWorker {
  readonly process: ChildProcess
  readonly waiting: Map<number, (up: Up) => void>
  idle: Timer | null
}

export interface UserWorkers {
  /** Sends a request; `told` gets every answer, the last of which has a value or an error. */
  request(id: number, request: AsUserRequest, told: (up: Up) => void): Promise<void>
  chunk(id: number, chunk: Uint8Array | null): void
  close(): void
}

export function createUserWorkers(users: SystemUsers, clock: Clock): UserWorkers {
  const workers = new Map<string, UserWorker>()
  const owners = new Map<number, UserWorker>()

  const start = (uid: number, gid: number, key: string): UserWorker => {
    const file = new URL(`./user-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
    const child = fork(file, [], {
      uid,
      gid,
      cwd: '/',
      env: {},
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const worker: UserWorker = { process: child, waiting: new Map(), idle: null }
    child.on('message', (up: Up) => {
      const told = worker.waiting.get(up.id)
      if (!('more' in up)) finish(worker, key, up.id)
      told?.(up)
    })
    child.on('exit', () => {
      workers.delete(key)
      for (const [id, told] of worker.waiting)
        told({ id, error: { kind: 'temporary', detail: 'the process of this user ended' } })
      worker.waiting.clear()
    })
    workers.set(key, worker)
    return worker
  }
  const finish = (worker: UserWorker, key: string, id: number): void => {
    worker.waiting.delete(id)
    owners.delete(id)
    if (worker.waiting.size > 0) return
    worker.idle = clock.after(IDLE_MS, () => {
      workers.delete(key)
      worker.process.disconnect()
    })
  }

  return {
    async request(id, request, told) {
      const user = await users.find(request.user)
      if (!user) throw permanent(`no system user ${request.user}`)
      if (user.uid === 0) throw permanent('nothing is done as root')
      const gid =
        request.ask === 'deliver' && request.target.format === 'mbox'
          ? spoolGroup(request.target.path, user.gid)
          : user.gid
      const key = `${user.uid}:${gid}`
      if (!workers.has(key) && workers.size >= MAX_WORKERS) throw temporary('too many users at once')
      const worker = workers.get(key) ?? start(user.uid, gid, key)
      worker.idle?.cancel()
      worker.idle = null
      worker.waiting.set(id, told)
      owners.set(id, worker)
      worker.process.send({ id, request } satisfies Down)
    },
    chunk(id, chunk) {
      owners.get(id)?.process.send({ id, chunk } satisfies Down)
    },
    close() {
      for (const worker of workers.values()) if (worker.process.connected) worker.process.disconnect()
    },
  }
}

/** The mail spool's own group where it lets its group write: that is how a user makes the lock file beside the mail file. */
function spoolGroup(path: string, otherwise: number): number {
  const stat = statSync(dirname(path), { throwIfNoEntry: false })
  return stat && (stat.mode & 0o020) !== 0 ? stat.gid : otherwise
}
