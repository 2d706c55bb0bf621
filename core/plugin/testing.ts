// The kit for plugin tests, published as `estafeta/testing`: one plugin behind the real hook runner, on a fake clock, DNS and network.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock } from '../base/clock.ts'
import type { Reply } from '../base/failure.ts'
import type { LogFields, Logger, LogLevel } from '../base/log.ts'
import type { Token } from '../base/token.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { SITE, type Site } from '../config/site.ts'
import { DIRECTORY, type Directory } from '../directory/directory.ts'
import { openDirectory } from '../directory/open-directory.ts'
import { createFakeResolver, type FakeResolver } from '../dns/fake-resolver.ts'
import { DNS_RESOLVER } from '../dns/resolver.ts'
import type { Zone } from '../dns/zone.ts'
import type { MessageContent } from '../message/content.ts'
import { contentBytes } from '../message/content.ts'
import type { NewRecipient } from '../queue/queue.ts'
import { MAILBOX_STORE } from '../store/mailbox-store.ts'
import { createMemoryStore } from '../store/memory-store.ts'
import type { TraceEvent } from '../trace/trace.ts'
import { hookTrace } from './ask.ts'
import { buildChains, type RunningPlugin } from './chains.ts'
import type {
  Defer,
  Discard,
  Identity,
  MailboxEvent,
  NextHop,
  Outcome,
  PluginDefinition,
  Reject,
  Verdict,
} from './contract.ts'
import {
  type FakeEnvelope,
  type FakeSmtpClient,
  fakeMessage,
  fakeQueued,
  fakeQueuedRecipient,
  fakeRecipient,
  fakeSession,
  fakeSmtpClient,
  fakeSpool,
  fakeTransaction,
} from './fakes.ts'
import type { AuthDecision, HookTrace, RcptDecision } from './generation.ts'
import { closePlugins, createContainer, startPlugins } from './registry.ts'
import { ChainRunner } from './runner.ts'
import { AS_USER, CLOCK, SMTP_CLIENT, SPOOL, SYSTEM_USERS, type SystemUser } from './services.ts'

export type { FakeClock } from '../base/clock.ts'
export { ConfigError } from '../config/problems.ts'
export type { FakeResolver } from '../dns/fake-resolver.ts'
export { type FakeEnvelope, type FakeSmtpClient, fakeMessage, fakeSession, fakeTransaction } from './fakes.ts'

export interface TestOptions {
  /** The plugin's settings, and `onError`, `timeout`, `listeners`, `authenticated`, as they would stand in the configuration. */
  readonly config?: { readonly [key: string]: unknown }
  /** Top-level settings of the configuration. `hostname` is mail.example.com, `domains` is example.com when left out. */
  readonly site?: { readonly [key: string]: unknown }
  /** Files in the site's data folder, by name: `users.yaml`, `aliases` … */
  readonly files?: { readonly [name: string]: string }
  /** What the DNS holds. */
  readonly dns?: Zone
  readonly systemUsers?: readonly SystemUser[]
  /** Other services, or these in the place of the kit's own. */
  readonly services?: Iterable<readonly [Token<unknown>, unknown]>
}

/** What the plugin answered, and what the host makes of it. */
export interface Seen<T> {
  /** As in a trace: `pass`, `reject`, `defer`, `admit local`, `discard`, `failed`, `not mine` …; `none` without such a hook. */
  readonly verdict: string
  readonly reply: Reply | null
  readonly detail: string
  /** What the client or the pipeline gets. */
  readonly outcome: T
}

export interface SeenMessage extends Seen<Reject | Defer | Discard | null> {
  /** The message as it would go on, header edits and a new body applied. */
  readonly text: string
  /** For each recipient; null passes. */
  readonly perRecipient: readonly (Reject | Defer | Discard | null)[]
  readonly quarantine: string | null
  readonly score: number
}

export interface LogLine {
  readonly level: LogLevel
  readonly event: string
  readonly fields: LogFields
}

export interface TestPlugin {
  readonly site: Site
  /** The site's data folder, removed by `close`. */
  readonly folder: string
  /** Stands still until `advance(ms)`. */
  readonly clock: FakeClock
  readonly dns: FakeResolver
  readonly directory: Directory
  /** What the plugin sent, and what the other side shall answer. */
  readonly smtp: FakeSmtpClient
  readonly log: readonly LogLine[]
  /** All answers so far. */
  readonly traces: readonly HookTrace[]

  connect(envelope?: FakeEnvelope): Promise<Seen<Verdict>>
  helo(envelope?: FakeEnvelope): Promise<Seen<Verdict>>
  mail(envelope?: FakeEnvelope): Promise<Seen<Verdict>>
  rcpt(address: string, envelope?: FakeEnvelope): Promise<Seen<RcptDecision>>
  data(envelope?: FakeEnvelope): Promise<Seen<Verdict>>
  /** Line ends of `text` may be LF. */
  message(text: string | Buffer, envelope?: FakeEnvelope): Promise<SeenMessage>
  queued(text: string | Buffer, envelope?: FakeEnvelope): Promise<SeenMessage>
  verify(user: string, password: string, envelope?: FakeEnvelope): Promise<Seen<AuthDecision>>
  secret(user: string, scheme: string): Promise<Seen<{ identity: Identity; secret: string } | null | 'unavailable'>>
  /** Throws the temporary Failure that a failed plugin means here. */
  expand(address: string, envelope?: FakeEnvelope): Promise<Seen<readonly NewRecipient[] | null>>
  route(address: string, envelope?: FakeEnvelope): Promise<Seen<NextHop | Reject | Defer | null>>
  /** One attempt of the courier that the hop names. */
  deliver(hop: NextHop, text: string | Buffer, envelope?: FakeEnvelope): Promise<readonly Outcome[]>
  mailbox(event: Partial<MailboxEvent> & Pick<MailboxEvent, 'action'>): Promise<Seen<Verdict>>
  observe(event: Partial<TraceEvent> & Pick<TraceEvent, 'event'>): void
  close(): Promise<void>
}

/** Loads, checks and sets up one plugin as a server would. Throws ConfigError for wrong settings or a failed set-up. */
export async function testPlugin(definition: PluginDefinition, options: TestOptions = {}): Promise<TestPlugin> {
  const data = mkdtempSync(join(tmpdir(), 'estafeta-plugin-'))
  try {
    for (const [name, text] of Object.entries(options.files ?? {})) writeFileSync(join(data, name), text)
    return await open(definition, options, data)
  } catch (error) {
    rmSync(data, { recursive: true })
    throw error
  }
}

async function open(definition: PluginDefinition, options: TestOptions, data: string): Promise<TestPlugin> {
  const loaded = loadTestConfig(definition, options, data)
  const { site } = loaded
  const clock = new FakeClock()
  const dns = createFakeResolver(options.dns)
  const log: LogLine[] = []
  const logger = collectingLogger(log, {})
  const directory = openDirectory({ site, clock, log: logger, base: data })
  const smtp = fakeSmtpClient()
  const find = async (name: string) => options.systemUsers?.find((user) => user.name === name) ?? null
  const container = createContainer([
    [SITE, site],
    [CLOCK, clock],
    [DNS_RESOLVER, dns],
    [DIRECTORY, directory],
    [MAILBOX_STORE, createMemoryStore({ clock })],
    [SMTP_CLIENT, smtp],
    [SPOOL, fakeSpool],
    [SYSTEM_USERS, { find }],
    [AS_USER, { available: false }],
    ...(options.services ?? []),
  ])
  const deps = {
    container,
    clock,
    log: logger,
    find: async () => ({ definition, source: definition.name }),
  }
  const plugins = await startPlugins(loaded, deps)
  const traces: HookTrace[] = []
  const runner = new ChainRunner(buildChains(plugins), {
    clock,
    log: logger,
    isLocalDomain: (domain) => directory.isLocalDomain(domain),
    record(about, link, told, ms) {
      const trace = hookTrace(about, link, told, ms)
      traces.push(about.rcpt === undefined ? trace : { ...trace, rcpt: about.rcpt })
    },
  })
  const close = async (): Promise<void> => {
    runner.close()
    await closePlugins(plugins, deps)
    rmSync(data, { recursive: true, force: true })
  }
  const shared = { site, folder: data, clock, dns, directory, smtp, log, traces, close }
  return { ...shared, ...questions(runner, plugins, traces, site, clock) }
}

function loadTestConfig(definition: PluginDefinition, options: TestOptions, data: string): LoadedConfig {
  return loadConfig({
    folder: data,
    overrides: {
      hostname: 'mail.example.com',
      origin: 'example.com',
      domains: ['example.com'],
      data,
      ...options.site,
      plugins: { [definition.name]: { onError: 'defer', ...options.config } },
    },
  })
}

type Questions = Omit<
  TestPlugin,
  'site' | 'folder' | 'clock' | 'dns' | 'directory' | 'smtp' | 'log' | 'traces' | 'close'
>

function questions(
  runner: ChainRunner,
  plugins: readonly RunningPlugin[],
  traces: readonly HookTrace[],
  site: Site,
  clock: FakeClock,
): Questions {
  const seen = async <T>(ask: () => T | Promise<T>): Promise<Seen<T>> => {
    const before = traces.length
    const outcome = await ask()
    const trace = traces.length > before ? traces.at(-1)! : null
    const { verdict = 'none', reply = null, detail = '' } = trace ?? {}
    return { verdict, reply, detail, outcome }
  }
  const session = (envelope: FakeEnvelope = {}) => fakeSession(envelope, site, clock)
  const transaction = (envelope: FakeEnvelope = {}) => fakeTransaction(envelope, site, clock)
  const message = async (hook: 'message' | 'queued', text: string | Buffer, envelope: FakeEnvelope = {}) => {
    const { outcome: decision, ...rest } = await seen(() =>
      runner.message(hook, fakeMessage(text, envelope, site, clock)),
    )
    const { all, perRecipient, content, quarantine, score } = decision
    return { ...rest, outcome: all, perRecipient, quarantine, score, text: await textOf(content) }
  }
  return {
    connect: (envelope) => seen(() => runner.connect(session(envelope))),
    helo: (envelope) => seen(() => runner.helo(session({ helo: 'client.example.net', ...envelope }))),
    mail: (envelope) => seen(() => runner.mail(transaction({ ...envelope, to: [] }))),
    rcpt: (address, envelope) => seen(() => runner.rcpt(transaction({ to: [], ...envelope }), fakeRecipient(address))),
    data: (envelope) => seen(() => runner.data(transaction(envelope))),
    message: (text, envelope) => message('message', text, envelope),
    queued: (text, envelope) => message('queued', text, envelope),
    verify: (user, password, envelope) => seen(() => runner.authVerify(user, password, session(envelope))),
    secret: (user, scheme) => seen(() => runner.authSecret(user, scheme)),
    expand: (address, envelope) =>
      seen(() => runner.expand(fakeQueuedRecipient(address, envelope), fakeQueued(envelope, clock))),
    route: (address, envelope) =>
      seen(() => runner.route(fakeQueuedRecipient(address, envelope), fakeQueued(envelope, clock))),
    async deliver(hop, text, envelope = {}) {
      const courier = runner.courier(hop.courier)
      if (courier === null) throw new Error(`the plugin has no courier '${hop.courier}'`)
      const { content, size } = fakeMessage(text, envelope, site, clock)
      const recipients = listOf(envelope.to ?? 'ana@example.com').map((to, n) => fakeQueuedRecipient(to, envelope, n))
      const queued = { ...fakeQueued(envelope, clock), size }
      const attempt = { message: queued, nextHop: hop, recipients, number: 1, content }
      return courier.deliver(attempt, new AbortController().signal)
    },
    mailbox: (event) =>
      seen(() =>
        runner.mailbox({ account: 'ana@example.com', mailbox: 'INBOX', session: null, change: null, ...event }),
      ),
    observe(event) {
      for (const { hooks } of plugins) hooks.observe?.({ time: clock.now(), ...event })
    },
  }
}

const listOf = (value: string | readonly string[]): readonly string[] => (typeof value === 'string' ? [value] : value)

const textOf = async (content: MessageContent): Promise<string> => (await contentBytes(content)).toString('utf8')

function collectingLogger(lines: LogLine[], fixed: LogFields): Logger {
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      lines.push({ level, event, fields: { ...fixed, ...fields } })
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => collectingLogger(lines, { ...fixed, ...fields }),
  }
}
