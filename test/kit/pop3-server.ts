// A POP3 server in this process over any store: users ana and paco of example.com, password secret; eva's directory is down.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../core/base/clock.ts'
import { type LogFields, type Logger, silentLogger } from '../../core/base/log.ts'
import { memoryContent } from '../../core/message/content.ts'
import { createAdmission } from '../../core/net/admission.ts'
import { openListener } from '../../core/net/listener.ts'
import type { ProtocolService } from '../../core/net/service.ts'
import { openTls } from '../../core/net/tls.ts'
import { buildChains } from '../../core/plugin/chains.ts'
import type { Hooks, Identity } from '../../core/plugin/contract.ts'
import type { Generation } from '../../core/plugin/generation.ts'
import { ChainRunner } from '../../core/plugin/runner.ts'
import { createPop3Service } from '../../core/pop3/service.ts'
import type { MailboxStore } from '../../core/store/mailbox-store.ts'
import { createMemoryStore } from '../../core/store/memory-store.ts'
import { testSite } from './site.ts'

export interface Pop3ServerOptions {
  /** Messages in ana's INBOX, CRLF line ends. */
  readonly messages?: readonly (string | Buffer)[]
  readonly store?: MailboxStore
  readonly clock?: Clock
  readonly hooks?: Hooks
  /** Files of a certificate; true (the default) makes one; without there is no STLS and no pop3s. */
  readonly tls?: boolean | { readonly cert: string; readonly key: string }
  /** Clients come through a proxy, from where it says. */
  readonly proxy?: boolean
  readonly apop?: boolean
  /** Failed logins ban nobody. */
  readonly lenient?: boolean
}

export interface Pop3Server {
  readonly port: number
  readonly tlsPort: number
  readonly store: MailboxStore
  readonly service: ProtocolService
  readonly logged: readonly string[]
  /** Sessions that hold a generation. */
  readonly held: number
  deliver(account: string, messages: readonly (string | Buffer)[]): Promise<void>
  end(): Promise<void>
}

const PASSWORD = 'secret'
const USERS: { readonly [login: string]: string } = { ana: 'ana@example.com', paco: 'paco@example.com' }

export async function startPop3Server(options: Pop3ServerOptions = {}): Promise<Pop3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-pop3-'))
  const clock = options.clock ?? systemClock
  const site = testSite(folder)
  const logged: string[] = []
  const log = keepingLog(logged)
  const store = options.store ?? createMemoryStore({ clock })
  let held = 0
  const runner = new ChainRunner(buildChains([plugin('users', usersHooks), plugin('gate', options.hooks ?? {})]), {
    clock,
    log,
    isLocalDomain: () => true,
    record: () => {},
  })
  const generation: Generation = {
    number: 1,
    site,
    hooks: runner,
    quota: async () => 0,
    hold() {
      held += 1
    },
    release() {
      held -= 1
    },
  }
  const tls =
    options.tls === false
      ? null
      : await openTls({
          files: typeof options.tls === 'object' ? options.tls : null,
          data: folder,
          hostname: 'localhost',
          clock,
          log: silentLogger,
        })
  const admission = createAdmission(
    { connections: 10_000, connectionsPerClient: 10_000, connectionsPerMinute: 100_000 },
    clock,
    () => options.lenient === true,
  )
  const service = createPop3Service({ generations: { current: () => generation }, store, clock, log, tls, admission })
  const settings = {
    host: '127.0.0.1',
    port: 0,
    path: null,
    options: { ...(options.proxy ? { proxyProtocol: true } : {}), ...(options.apop ? { apop: true } : {}) },
  }
  const deps = { clock, log, tls, protocols: 'all' as const }
  const plain = await openListener({ ...settings, service: 'pop3' }, service, deps)
  const secure = tls ? await openListener({ ...settings, service: 'pop3s' }, service, deps) : null
  const deliver = async (account: string, messages: readonly (string | Buffer)[]): Promise<void> => {
    const opened = await store.account(account)
    const inbox = await opened.open('INBOX')
    const made = messages.map((text) => ({
      content: memoryContent(Buffer.from(text as string)),
      flags: [],
      internalDate: clock.now(),
    }))
    if (made.length > 0) await inbox.append(made)
    inbox.close()
    opened.close()
  }
  await deliver(USERS.ana!, options.messages ?? [])
  return {
    port: plain.port,
    tlsPort: secure?.port ?? 0,
    store,
    service,
    logged,
    get held() {
      return held
    },
    deliver,
    async end() {
      await Promise.all([service.drain(0), plain.close(), secure?.close()])
      runner.close()
      admission.close()
      if (!options.store) await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const identity = (login: string): Identity => {
  const account = USERS[login]!
  return { account, authcid: login, authzid: account, addresses: [account] }
}

const usersHooks: Hooks = {
  auth: {
    verify(user, password) {
      if (user === 'eva') throw new Error('the directory is down')
      if (!USERS[user]) return null
      return password === PASSWORD ? identity(user) : 'wrong'
    },
    secret: (user) => (USERS[user] ? { identity: identity(user), secret: PASSWORD } : null),
  },
}

/** What a client answers to the timestamp of a greeting. */
export const apopDigest = (greeting: string, password = PASSWORD): string =>
  createHash('md5')
    .update(/<.*>/.exec(greeting)![0] + password)
    .digest('hex')

const plugin = (name: string, hooks: Hooks) => ({
  entry: {
    name,
    use: name,
    folder: '.',
    enabled: true,
    onError: 'defer' as const,
    timeout: null,
    listeners: null,
    authenticated: null,
    before: [],
    after: [],
    settings: {},
  },
  definition: { name, description: name, setup: () => hooks },
  hooks,
})

function keepingLog(logged: string[]): Logger {
  const keep = (event: string, fields: LogFields = {}): void => void logged.push(`${event} ${JSON.stringify(fields)}`)
  const log: Logger = { debug() {}, info: keep, warn: keep, error: keep, with: () => log }
  return log
}
