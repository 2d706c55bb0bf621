// The Estafeta that is measured: bin/estafeta serve, in its own folder, under an unprivileged user when we are root.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { controlJson } from '../../core/admin/control-client.ts'
import { socketPath } from '../../core/base/socket-path.ts'
import { type Daemon, listening, startDaemon } from '../kit/daemon.ts'

const ROOT = fileURLToPath(new URL(import.meta.url.includes('/dist/test/') ? '../../../' : '../../', import.meta.url))

const SERVICES = ['smtp', 'submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s']

/** Owner of our mail and of Dovecot's and Postfix's: needs no account. */
export const MAIL_UID = 5000

export interface Measured {
  readonly daemon: Daemon
  readonly pids: readonly number[]
  /** Messages accepted and not yet done with. */
  queued(): Promise<number>
  /** ms from the start of the program to its first accepted connection. */
  readonly startMs: number
  stop(): Promise<void>
}

export interface Estafeta extends Measured {
  readonly folder: string
}

/**
 * Starts it in `folder`, which keeps its state. `config` is merged over what every bench needs;
 * the server is up when it accepts on `ports`.
 */
export async function startEstafeta(
  folder: string,
  config: { readonly [key: string]: unknown },
  ports: readonly number[],
): Promise<Estafeta> {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  mkdirSync(data, { recursive: true })
  own(data)
  const path = join(folder, 'estafeta.yaml')
  const { plugins = {}, listen = {}, ...rest } = config
  const settings = {
    profile: 'internet-site',
    hostname: 'ours.test',
    domains: ['peer.test'],
    postmaster: 'm00@peer.test',
    data,
    log: { file: join(data, 'log') },
    // nothing but what is measured
    listen: { ...Object.fromEntries(SERVICES.map((name) => [name, []])), ...(listen as object) },
    limits: { connections: 20_000, connectionsPerClient: 20_000, connectionsPerMinute: 1_000_000 },
    plugins: {
      rbl: { enabled: false },
      'spf-dkim-dmarc': { enabled: false },
      ...(plugins as object),
    },
    ...rest,
  }
  writeFileSync(path, stringify(settings))
  const started = performance.now()
  const daemon = startDaemon(join(program(), 'bin/estafeta'), ['--config', path, 'serve'], {
    env: { ...process.env, HOME: data },
    ...(process.getuid?.() === 0 ? { uid: MAIL_UID, gid: MAIL_UID } : {}),
  })
  for (const port of ports) await listening(daemon, { port })
  const startMs = performance.now() - started
  const control = socketPath(data, 'control')
  return {
    daemon,
    folder,
    pids: [daemon.pid],
    startMs,
    async queued() {
      const { queue } = await controlJson<{ queue: { items: number } }>(control, 'GET', '/health')
      return queue.items
    },
    stop: () => daemon.stop(),
  }
}

let copied: string | null = null

/** Where the mail user can run the program from: the checkout itself, or a copy when others may not look into it. */
function program(): string {
  const entry = join(ROOT, 'dist/run/core/cli/main.js')
  const isRoot = process.getuid?.() === 0
  if (!isRoot || spawnSync('test', ['-r', entry], { uid: MAIL_UID, gid: MAIL_UID }).status === 0) return ROOT
  if (copied !== null) return copied
  const place = mkdtempSync(join(tmpdir(), 'estafeta-program-'))
  chmodSync(place, 0o755)
  process.once('exit', () => rmSync(place, { recursive: true, force: true }))
  for (const name of ['bin', 'dist', 'node_modules', 'plugins', 'profiles', 'package.json'])
    execFileSync('cp', ['-a', join(ROOT, name), place])
  copied = place
  return place
}

export function own(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, MAIL_UID, MAIL_UID)
}

export const ourVersion = (): string => JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version as string

/** Users m00 … m99 of peer.test, password `secret`, for both servers. */
export const USERS = Array.from({ length: 100 }, (_, n) => `m${String(n).padStart(2, '0')}`)
export const PASSWORD = 'secret'

/** Writes users.yaml into the data folder; passwords stand there plain, as in Dovecot's file. */
export function writeUsers(data: string): void {
  mkdirSync(data, { recursive: true })
  own(data)
  const path = join(data, 'users.yaml')
  const users = USERS.map((name) => `  ${name}@peer.test: { password: "{PLAIN}${PASSWORD}" }\n`)
  writeFileSync(path, `users:\n${users.join('')}`, { mode: 0o600 })
  own(path)
}
