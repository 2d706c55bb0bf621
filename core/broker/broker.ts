// The root parent: starts the server under its own user and does for it the three things that need root. Loads no plugin.
import { fork } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { constants } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { type Failure, permanent } from '../base/failure.ts'
import type { Site } from '../config/site.ts'
import { systemUsers } from '../directory/system-users.ts'
import { bindAddress } from '../net/bind.ts'
import type { SystemUser } from '../plugin/services.ts'
import { type BindRequest, type Down, type ReadKeyRequest, refusalOf, type Up } from './protocol.ts'
import { createUserWorkers } from './user-workers.ts'

export interface BrokerOptions {
  readonly site: Site
  /** The configuration as it is now: a reload may bring new addresses and keys. */
  readonly reread: () => Site
  /** Who the server runs as. */
  readonly user: string
  /** Module and arguments that start the server in the child. */
  readonly module: string
  readonly arguments: readonly string[]
}

/** Resolves with the server's exit code. Throws a permanent Failure that says what to mend before it can start. */
export async function runBroker(options: BrokerOptions): Promise<number> {
  const user = await systemUsers.find(options.user)
  if (!user)
    throw permanent(
      `no system user '${options.user}' to run the server as: adduser --system --group ${options.user}, or set 'user'`,
    )
  if (user.uid === 0) throw permanent("the server does not run as root: set 'user' to another")
  ownData(options.site.data, user)
  const child = fork(options.module, [...options.arguments], {
    uid: user.uid,
    gid: user.gid,
    env: {
      ...process.env,
      ...{ ESTAFETA_BROKER: '1', HOME: user.home, USER: user.name, LOGNAME: user.name },
      // what V8 has compiled is kept where the server may write
      NODE_COMPILE_CACHE: join(options.site.data, 'cache'),
    },
    execArgv: process.execArgv,
    serialization: 'advanced',
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  const workers = createUserWorkers(systemUsers, systemClock)
  const tell = (up: Up, handle?: Server): void => {
    if (child.connected) child.send(up, handle)
  }
  const refuse = (id: number, thrown: unknown): void => tell({ id, error: refusalOf(thrown) })
  let { site } = options
  const allowed = (test: (site: Site) => boolean, what: string): void => {
    if (test(site)) return
    site = options.reread()
    if (!test(site)) throw permanent(`${what} is not in the configuration`)
  }
  child.on('message', (down: Down) => {
    if (!('request' in down)) return workers.follow(down)
    const { id, request } = down
    if (request.ask === 'bind') {
      bind(request, () => site, allowed)
        .then((server) => {
          tell({ id, value: null }, server)
          server.close()
        })
        .catch((thrown) => refuse(id, thrown))
    } else if (request.ask === 'readKey') {
      try {
        tell({ id, value: readKey(request, allowed) })
      } catch (thrown) {
        refuse(id, thrown)
      }
    } else workers.request(id, request, tell).catch((thrown) => refuse(id, thrown))
  })
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      child.kill(stopping ? 'SIGKILL' : signal)
      stopping = true
    })
  const code = await new Promise<number>((resolve, reject) => {
    child.on('exit', (status, signal) => {
      if (signal !== null && !stopping) process.stderr.write(`estafeta: the server was ended by ${signal}\n`)
      resolve(status ?? exitCode(signal))
    })
    child.on('error', (error) => {
      // once it runs, what no longer reaches it is told by its end
      if (child.pid === undefined) reject(cannotStart(error, user))
    })
  })
  await workers.close()
  return code
}

/** The data folder belongs to the server's user; others may pass through to the sockets and the pickup folder. */
function ownData(data: string, user: SystemUser): void {
  if (mkdirSync(data, { recursive: true, mode: 0o711 }) !== undefined) chownSync(data, user.uid, user.gid)
  const stat = statSync(data)
  if (stat.uid === user.uid) return
  throw permanent(`${data} belongs to uid ${stat.uid}, not to ${user.name}: chown -R ${user.name}: ${data}`)
}

const cannotStart = (error: Error, { name }: SystemUser): Failure =>
  permanent(
    `the server cannot be started as ${name}: ${error.message}. That user must be able to read the program: a checkout below /root or in a home that is closed to others will not do`,
  )

/** Of a server that a signal ended: as a shell says it, but for one that was told to stop before it could listen to that. */
const exitCode = (signal: NodeJS.Signals | null): number =>
  signal === 'SIGTERM' || signal === 'SIGINT' ? 0 : 128 + (signal === null ? 0 : constants.signals[signal])

type Allowed = (test: (site: Site) => boolean, what: string) => void

/** Only what the configuration lists is bound. */
async function bind({ listener }: BindRequest, site: () => Site, allowed: Allowed): Promise<Server> {
  const { host, port, path } = listener
  const isListed = ({ listen }: Site): boolean =>
    path === null && listen.some((l) => l.host === host && l.port === port && l.path === path)
  allowed(isListed, `the address ${host}:${port}`)
  const server = createServer()
  await bindAddress(server, listener, site().protocols)
  return server
}

function readKey({ path }: ReadKeyRequest, allowed: Allowed): Buffer {
  allowed(({ tls }) => tls !== null && (path === tls.cert || path === tls.key), `the key ${path}`)
  return readFileSync(path)
}
