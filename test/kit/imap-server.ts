// An IMAP server in this process: real listener, TLS, spool and hook runner over any store; users ana and paco, password secret.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../core/base/clock.ts'
import { type LogFields, type Logger, silentLogger } from '../../core/base/log.ts'
import { nodeFiles } from '../../core/base/node-files.ts'
import type { Site } from '../../core/config/site.ts'
import { createImapService } from '../../core/imap/service.ts'
import { createBodySpool } from '../../core/message/body-spool.ts'
import { createAdmission } from '../../core/net/admission.ts'
import { openListener } from '../../core/net/listener.ts'
import type { ProtocolService } from '../../core/net/service.ts'
import { openTls, type TlsService } from '../../core/net/tls.ts'
import { buildChains, type RunningPlugin } from '../../core/plugin/chains.ts'
import type { Hooks } from '../../core/plugin/contract.ts'
import type { Generation } from '../../core/plugin/generation.ts'
import { ChainRunner } from '../../core/plugin/runner.ts'
import type { MailboxStore } from '../../core/store/mailbox-store.ts'
import { openMaildirStore } from '../../core/store/maildir-store.ts'
import { createMemoryStore } from '../../core/store/memory-store.ts'
import type { TraceEvent } from '../../core/trace/trace.ts'
import { testSite } from './site.ts'

export interface ImapServerOptions {
  readonly store?: MailboxStore
  /** Mailboxes in Maildirs under the server's folder, instead of memory. */
  readonly maildir?: boolean
  readonly clock?: Clock
  readonly site?: Partial<Site>
  readonly hooks?: Hooks
  /** Without a certificate there is no STARTTLS and no imaps. True when left out. */
  readonly tls?: boolean
  /** Clients from elsewhere than loopback, as the PROXY protocol tells. */
  readonly proxy?: boolean
}

export interface ImapServer {
  readonly port: number
  /** 0 without TLS. */
  readonly tlsPort: number
  readonly store: MailboxStore
  readonly service: ProtocolService
  readonly tls: TlsService | null
  readonly folder: string
  /** What went to the log at `warn` and `error`. */
  readonly troubles: string[]
  readonly traced: readonly TraceEvent[]
  end(): Promise<void>
}

export async function startImapServer(options: ImapServerOptions = {}): Promise<ImapServer> {
  const folder = mkdtempSync(join(tmpdir(), 'estafeta-imap-'))
  const clock = options.clock ?? systemClock
  const site = testSite(folder, options.site)
  const troubles: string[] = []
  const traced: TraceEvent[] = []
  const log = troubleLog(troubles)
  const store =
    options.store ??
    (options.maildir
      ? await openMaildirStore({ directory: join(folder, 'mail'), clock, log, hostname: 'localhost' })
      : createMemoryStore({ clock }))
  const runner = new ChainRunner(
    buildChains([usersPlugin, ...(options.hooks ? [asPlugin('gate', options.hooks)] : [])]),
    {
      clock,
      log,
      isLocalDomain: () => true,
      record: () => {},
    },
  )
  const generation: Generation = {
    number: 1,
    site,
    hooks: runner,
    quota: async () => site.limits.mailboxSize,
    hold() {},
    release() {},
  }
  const tls =
    options.tls === false
      ? null
      : await openTls({ files: null, data: folder, hostname: 'localhost', clock, log: silentLogger })
  const service = createImapService({
    generations: { current: () => generation },
    store,
    clock,
    log,
    tls,
    admission: createAdmission(
      { connections: 10_000, connectionsPerClient: 10_000, connectionsPerMinute: 100_000 },
      clock,
      () => true,
    ),
    spool: createBodySpool({ directory: folder, files: nodeFiles, memoryBudget: site.limits.bodyMemory }),
    trace: { record: (event) => traced.push(event), find: async () => [], close: async () => {} },
  })
  const listen = (name: string) =>
    openListener(
      { service: name, host: '127.0.0.1', port: 0, path: null, options: options.proxy ? { proxyProtocol: true } : {} },
      service,
      { clock, log, tls, protocols: 'all' },
    )
  const plain = await listen('imap')
  const secure = tls ? await listen('imaps') : null
  return {
    port: plain.port,
    tlsPort: secure?.port ?? 0,
    store,
    service,
    tls,
    folder,
    troubles,
    traced,
    async end() {
      await Promise.all([service.drain(0), plain.close(), secure?.close()])
      runner.close()
      if (!options.store) await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const USERS: { readonly [name: string]: string } = {
  ana: 'ana@example.com',
  'ana@example.com': 'ana@example.com',
  paco: 'paco@example.com',
  'paco@example.com': 'paco@example.com',
}

const usersPlugin = asPlugin('users', {
  auth: {
    verify(user, password) {
      const account = USERS[user]
      if (user === 'broken') throw new Error('the directory is down')
      if (!account) return null
      return password === 'secret' ? { account, authcid: user, authzid: account, addresses: [account] } : 'wrong'
    },
  },
})

function asPlugin(name: string, hooks: Hooks): RunningPlugin {
  return {
    entry: {
      name,
      use: name,
      folder: '.',
      enabled: true,
      onError: 'defer',
      timeout: null,
      listeners: null,
      authenticated: null,
      before: [],
      after: [],
      settings: {},
    },
    definition: { name, description: name, setup: () => hooks },
    hooks,
  }
}

function troubleLog(troubles: string[]): Logger {
  const keep = (event: string, fields?: LogFields) => {
    troubles.push(fields?.hook ? `${event} ${fields.hook}` : event)
  }
  const log: Logger = { debug() {}, info() {}, warn: keep, error: keep, with: () => log }
  return log
}

/** A message of the size of most, LF made CRLF. */
export const sampleMessage = (n: number, more = ''): Buffer =>
  Buffer.from(
    `From: Sender ${n} <sender${n}@example.net>
To: ana@example.com
Subject: Message ${n}
Date: Mon, 2 Feb 2026 10:${String(n % 60).padStart(2, '0')}:00 +0000
Message-ID: <m${n}@example.net>
${more}
Text of message ${n}.
`.replaceAll('\n', '\r\n'),
  )
