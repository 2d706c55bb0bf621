// The composition root: config → container → plugins → listeners → dispatch; and the way back down.
import 'reflect-metadata'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DependencyContainer, container as root } from 'tsyringe'
import { type Clock, systemClock } from './base/clock.ts'
import { openData } from './base/data-lock.ts'
import { asFailure } from './base/failure.ts'
import { createLogger, type Logger } from './base/log.ts'
import { type LogOutput, openLogOutput } from './base/log-output.ts'
import { nodeFiles } from './base/node-files.ts'
import { socketPath } from './base/socket-path.ts'
import type { Token } from './base/token.ts'
import { type Broker, noAsUser } from './broker/client.ts'
import { version } from './cli/version.ts'
import type { LoadedConfig } from './config/load.ts'
import { ConfigError } from './config/problems.ts'
import { settingRows } from './config/reference.ts'
import type { ListenerSettings, Site } from './config/site.ts'
import { DIRECTORY } from './directory/directory.ts'
import { type OpenDirectory, openDirectory } from './directory/open-directory.ts'
import { Passwords } from './directory/passwords.ts'
import { systemUsers } from './directory/system-users.ts'
import { DNS_RESOLVER, type DnsResolver } from './dns/resolver.ts'
import { createResolver } from './dns/stub-resolver.ts'
import { createBodySpool } from './message/body-spool.ts'
import { createAdmission } from './net/admission.ts'
import { createListenerSet } from './net/listener-set.ts'
import { createNetworks } from './net/networks.ts'
import type { ProtocolService } from './net/service.ts'
import { openTls } from './net/tls.ts'
import { startPickup } from './pipeline/pickup.ts'
import { createPipeline } from './pipeline/pipeline.ts'
import { createGenerations, type ReloadableGenerations } from './plugin/generations.ts'
import { reread } from './plugin/registry.ts'
import { AS_USER, CLOCK, LOGGER, SMTP_CLIENT, type SmtpClient, SPOOL, SYSTEM_USERS } from './plugin/services.ts'
import { openEmbeddedQueue } from './queue/embedded-queue.ts'
import type { Queue } from './queue/queue.ts'
import { createSmtpService } from './smtp/service.ts'
import type { SmtpClientOptions } from './smtp-client/client.ts'
import { MAILBOX_STORE, type MailboxStore } from './store/mailbox-store.ts'
import { openStore } from './store/open-store.ts'
import { observedTrace } from './trace/observed-trace.ts'
import type { Trace } from './trace/trace.ts'
import { openTrace } from './trace/trace-store.ts'

/** Services that are not SMTP's or LMTP's. */
const PROTOCOL_OF: { readonly [service: string]: string } = { imap: 'imap', imaps: 'imap', pop3: 'pop3', pop3s: 'pop3' }

/** Whoever watches the log sees its lines this much later. */
const LOG_GATHER_MS = 100

export interface ServerOptions {
  readonly loaded: LoadedConfig
  readonly clock?: Clock
  /** In the place of the DNS: for tests. */
  readonly resolver?: DnsResolver
  /** Gets the log's lines; the standard output or the configured file when left out. */
  readonly write?: (lines: string) => void
  readonly broker?: Broker | null
}

export interface Server {
  readonly log: Logger
  readonly site: Site
  readonly queue: Queue
  readonly store: MailboxStore
  readonly trace: Trace
  readonly generations: ReloadableGenerations
  /** The port of a service's first listener; throws for a service that does not listen. */
  port(service: string): number
  /** Throws, and leaves everything as it was, when the new configuration cannot be used (ConfigError) or an address not be bound. */
  reload(loaded: LoadedConfig): Promise<{ readonly generation: number; readonly notes: readonly string[] }>
  /** After the log file was moved aside. Trouble is logged, in the old file. */
  reopenLog(): void
  /** No new connections, sessions may finish for `ms`, then everything is closed and the data folder let go. Once is enough. */
  stop(ms: number): Promise<void>
}

/** Resolves when every listener accepts. Rejects, with everything closed again, when anything cannot start. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const undo: (() => unknown)[] = []
  try {
    return await assemble(options, undo)
  } catch (thrown) {
    for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => {})
    throw thrown
  }
}

/** Each part registers how it is undone, in case a later one fails; `stop` does the same in its own order. */
async function assemble(options: ServerOptions, undo: (() => unknown)[]): Promise<Server> {
  const { loaded } = options
  const { site } = loaded
  const clock = options.clock ?? systemClock
  const broker = options.broker ?? null
  const started = clock.now()

  // ------------------------------------------------------------ durable things
  mkdirSync(site.data, { recursive: true, mode: 0o700 })
  const lock = openData(site.data)
  undo.push(() => lock.release())
  const output = openLog(loaded)
  const log = createLogger({
    format: site.log.format,
    level: site.log.level,
    clock,
    hostname: site.hostname,
    write: options.write ?? output.write,
    gatherMs: options.write === undefined ? LOG_GATHER_MS : 0,
  })
  process.once('exit', log.flush)
  undo.push(() => process.off('exit', log.flush))
  const trace = observedTrace(
    openTrace({
      path: join(site.data, 'trace.db'),
      days: site.trace.days,
      maxSize: site.trace.maxSize,
      clock,
      log,
    }),
  )
  undo.push(() => trace.close())
  const spool = createBodySpool({
    directory: join(site.data, 'queue', 'body'),
    files: nodeFiles,
    memoryBudget: site.limits.bodyMemory,
  })
  const queue = await openEmbeddedQueue({
    directory: join(site.data, 'queue'),
    files: nodeFiles,
    clock,
    log,
    minFree: site.queue.minFree,
    // the schedule's longest wait and its jitter: a clock set back strands nothing
    maxWait: site.queue.maxRetry * 1.2,
    // a test's clock stands still
    ...(options.clock === undefined ? { gather: { clock, arriving: () => spool.arriving } } : {}),
  })
  undo.push(() => queue.close())
  const store = await openStore({
    directory: join(site.data, 'mail'),
    format: site.store.format,
    files: nodeFiles,
    clock,
    log,
    hostname: site.hostname,
  })
  undo.push(() => store.close())

  // ------------------------------------------------------- services of plugins
  const dns = options.resolver ? null : createResolver({ ...site.dns, clock, log })
  undo.push(() => dns?.close())
  const resolver = options.resolver ?? dns!
  const smtpClient = smtpClientOnDemand({ clock, log, hostname: site.hostname })
  undo.push(() => smtpClient.close())
  const passwords = new Passwords(clock)
  const container = root.createChildContainer()
  provide(container, CLOCK, clock)
  provide(container, LOGGER, log)
  provide(container, DNS_RESOLVER, resolver)
  provide(container, SMTP_CLIENT, smtpClient)
  provide(container, MAILBOX_STORE, store)
  provide(container, SPOOL, spool)
  provide(container, SYSTEM_USERS, systemUsers)
  provide(container, AS_USER, broker?.asUser ?? noAsUser)
  const generations = await createGenerations({
    loaded,
    container,
    clock,
    log,
    trace,
    prepare(own, { site: facts, path }) {
      provide(
        own,
        DIRECTORY,
        openDirectory({ site: facts, clock, log, passwords, ...(path ? { base: join(path, '..') } : {}) }),
      )
    },
    problems: (own) => own.resolve<OpenDirectory>(DIRECTORY.symbol).problems(),
  })
  undo.push(() => generations.close())
  trace.observe((event) => generations.current().hooks.observe(event))

  // ----------------------------------------------------- sessions and dispatch
  const pipeline = createPipeline({ queue, generations, spool, clock, log, trace })
  undo.push(() => pipeline.stop(0))
  const tls = await openTls({
    files: site.tls,
    data: site.data,
    hostname: site.hostname,
    clock,
    log,
    ...(broker ? { readKey: broker.readKey } : {}),
  }).catch(asTlsProblem(loaded))
  const networks = createNetworks(site.networks)
  const admission = createAdmission(site.limits, clock, (ip) => networks.contains(ip))
  undo.push(() => admission.close())
  const common = { generations, store, clock, log, tls, admission, spool, trace }
  const smtp = createSmtpService({
    ...common,
    log: log.with({ component: 'smtpd' }),
    intake: pipeline.intake,
    hasRoom: (size) => queue.hasRoom(size),
  })
  const protocols = createProtocols(smtp, {
    imap: async () =>
      (await import('./imap/service.ts')).createImapService({ ...common, log: log.with({ component: 'imap' }) }),
    pop3: async () =>
      (await import('./pop3/service.ts')).createPop3Service({ ...common, log: log.with({ component: 'pop3' }) }),
  })

  // ------------------------------------------------------------------ openings
  const bind = broker ? (settings: ListenerSettings) => broker.bind(settings) : null
  const listening = createListenerSet({ serviceOf: protocols.of, bind, clock, log, tls })
  undo.push(() => listening.close())
  const submit = socketPath(site.data, 'submit')
  await protocols.load(site.listen)
  const openings = await listening.change(withSubmitSocket(site, submit), site.protocols)
  openings.commit()
  const pickup = startPickup({
    data: site.data,
    socket: submit,
    log,
    clock,
    origin: site.origin,
    ownerOf,
    maxSize: () => generations.current().site.limits.messageSize,
    shared: broker !== null,
  })
  undo.push(() => pickup.close())

  const reload = async (next: LoadedConfig): Promise<{ generation: number; notes: readonly string[] }> => {
    await protocols.load(next.site.listen)
    const change = await listening.change(withSubmitSocket(next.site, submit), next.site.protocols)
    try {
      await tls.reload(next.site.tls).catch(asTlsProblem(next))
      const fresh = await generations.reload(next)
      change.commit()
      log.info(`configuration read anew: generation ${fresh.number}`)
      return { generation: fresh.number, notes: needsRestart(loaded, next) }
    } catch (thrown) {
      await change.cancel()
      throw thrown
    }
  }
  const reopenLog = (): void => {
    log.flush()
    try {
      output.reopen()
    } catch (thrown) {
      log.error(`the log file cannot be opened anew: ${asFailure(thrown).detail}`)
    }
  }
  const reloadFile = async () => {
    reopenLog()
    return reload(await reread(loaded))
  }
  // node:http takes a while to load: mail is accepted meanwhile
  const [{ startControlServer }, { controlRoutes }] = await Promise.all([
    import('./admin/control-server.ts'),
    import('./admin/routes.ts'),
  ])
  const control = await startControlServer(
    socketPath(site.data, 'control'),
    controlRoutes({
      queue,
      pipeline,
      trace,
      services: protocols.running,
      clock,
      started,
      version: version(),
      reload: reloadFile,
    }),
    log,
  )
  undo.push(() => control.close())
  pipeline.start()
  log.info(
    `started, version ${version()}: ${listening
      .list()
      .map((l) => `${l.settings.service} ${l.settings.path ?? `${l.settings.host}:${l.port}`}`)
      .join(', ')}`,
  )
  if (tls.selfSigned) log.info('no certificate is configured: a self-signed one is in use', { component: 'tls' })

  let stopped: Promise<void> | null = null
  const stop = async (ms: number): Promise<void> => {
    log.info('stopping')
    listening.close()
    pickup.close()
    await Promise.all([...protocols.running.map((service) => service.drain(ms)), pipeline.stop(ms)])
    await control.close()
    await smtpClient.close()
    await generations.close()
    dns?.close()
    await store.close()
    await queue.close()
    await trace.close()
    admission.close()
    lock.release()
    log.info('stopped')
    log.flush()
    process.off('exit', log.flush)
  }

  return {
    log,
    site,
    queue,
    store,
    trace,
    generations,
    port(service) {
      const found = listening.list().find((l) => l.settings.service === service)
      if (!found) throw new Error(`${service} does not listen`)
      return found.port
    },
    reload,
    reopenLog,
    stop(ms) {
      stopped ??= stop(ms)
      return stopped
    },
  }
}

/** What serves each listener. IMAP and POP3 are loaded when something first listens to them: a relay never does. */
function createProtocols(smtp: ProtocolService, load: { readonly [name: string]: () => Promise<ProtocolService> }) {
  const loaded = new Map<string, ProtocolService>([['smtp', smtp]])
  const running = [smtp]
  const nameOf = (service: string): string => PROTOCOL_OF[service] ?? 'smtp'
  return {
    running,
    of: (service: string): ProtocolService => loaded.get(nameOf(service))!,
    async load(listen: readonly ListenerSettings[]): Promise<void> {
      for (const name of new Set(listen.map((l) => nameOf(l.service)))) {
        if (loaded.has(name)) continue
        const service = await load[name]!()
        loaded.set(name, service)
        running.push(service)
      }
    },
  }
}

/** Loaded when the first message leaves: it need not hold up the start. */
function smtpClientOnDemand(options: SmtpClientOptions): SmtpClient {
  let client: SmtpClient | null = null
  let loading: Promise<SmtpClient> | null = null
  const load = async () => {
    const { createSmtpClient } = await import('./smtp-client/client.ts')
    client = createSmtpClient(options)
    return client
  }
  return {
    async send(destination, mail, signal) {
      loading ??= load()
      return (client ?? (await loading)).send(destination, mail, signal)
    },
    async close() {
      await (await loading)?.close()
    },
  }
}

const provide = <T>(container: DependencyContainer, token: Token<T>, value: T): void =>
  void container.register(token.symbol, { useValue: value })

/** A log file that cannot be written is a mistake in the configuration. */
function openLog(loaded: LoadedConfig): LogOutput {
  try {
    return openLogOutput(loaded.site.log.file)
  } catch (thrown) {
    throw new ConfigError([
      loaded.problem(['log', 'file'], `cannot be written by the server: ${(thrown as Error).message}`),
    ])
  }
}

/** A configured certificate that cannot be used is a mistake in the configuration. */
const asTlsProblem =
  (loaded: LoadedConfig) =>
  (error: Error): never => {
    throw loaded.site.tls ? new ConfigError([loaded.problem(['tls'], error.message)]) : error
  }

/** Settings that a running server cannot change. */
const needsRestart = (running: LoadedConfig, next: LoadedConfig): string[] =>
  settingRows()
    .filter(({ key, restart }) => restart && setting(running, key) !== setting(next, key))
    .map(({ key }) => `${key}: takes effect at a restart`)

const setting = ({ settings }: LoadedConfig, key: string): string =>
  JSON.stringify(
    key.split('.').reduce<unknown>((at, part) => (at as { [key: string]: unknown })[part], settings) ?? null,
  )

const ownerOf = async (uid: number): Promise<string | null> =>
  uid === 0 || uid === process.getuid?.() ? null : (systemUsers.byUid(uid)?.name ?? `uid${uid}`)

const withSubmitSocket = (site: Site, path: string): readonly ListenerSettings[] => [
  ...site.listen,
  { service: 'local', host: '', port: 0, path, options: {} },
]
