// Sets one plugin up with given settings and services, as the registry would: for tests of a plugin alone.
import { fileURLToPath } from 'node:url'
import { silentLogger } from '../../core/base/log.ts'
import {
  type Hook,
  type Hooks,
  LOGGER,
  type MessageAnswer,
  type MessageFacts,
  type PluginDefinition,
  SITE,
  type Site,
  type Token,
  type TransactionFacts,
  type Verdict,
} from '../../core/plugin/contract.ts'

/** What tests need to know of a site; the rest is empty. */
export const testSite: Site = {
  hostname: 'mx.estafeta.test',
  origin: 'estafeta.test',
  domains: ['estafeta.test'],
  networks: ['127.0.0.0/8'],
  postmaster: 'ana',
  data: fileURLToPath(new URL('no-such-folder', import.meta.url)),
  protocols: 'all',
  listen: [],
  tls: null,
  relay: null,
  recipientDelimiter: '+',
  limits: {
    messageSize: 50 * 2 ** 20,
    mailboxSize: 0,
    recipients: 1000,
    connections: 1000,
    connectionsPerClient: 100,
    bodyMemory: 32 * 2 ** 20,
  },
  store: { format: 'maildir' },
  queue: { lifetime: 432e6, warnAfter: 144e5, minFree: 0, firstRetry: 3e5, maxRetry: 4e6 },
  users: { file: null, system: false },
  dns: { servers: [], trusted: false },
  log: { format: 'text', level: 'info', file: null },
  trace: { days: 7, maxSize: 2 ** 20 },
  bareLineFeed: 'reject',
}

/** A service for a token; SITE and LOGGER have stand-ins already. */
export type Provided = readonly [token: Token<unknown>, service: unknown]

export async function setUpPlugin(
  plugin: { readonly default: unknown },
  settings: object = {},
  services: readonly Provided[] = [],
): Promise<Hooks> {
  const definition = plugin.default as PluginDefinition
  const all = new Map<Token<unknown>, unknown>([[SITE, testSite], [LOGGER, silentLogger], ...services])
  const injected = Object.entries(definition.inject ?? {}).map(([name, token]) => {
    if (!all.has(token)) throw new Error(`the test provides no ${token.description}`)
    return [name, all.get(token)]
  })
  const config = definition.config?.parse(settings)
  return definition.setup({ ...Object.fromEntries(injected), config } as Parameters<typeof definition.setup>[0])
}

const run = <F extends (...args: never[]) => unknown>(hook: Hook<F> | undefined): F => {
  if (hook === undefined) throw new Error('the plugin has no such hook')
  return typeof hook === 'function' ? hook : (hook as { run: F }).run
}

const never = new AbortController().signal

/** Asks the message hook once. */
export const askMessage = async (hooks: Hooks, message: MessageFacts, signal = never): Promise<MessageAnswer> =>
  run(hooks.message)(message, signal)

/** Asks the mail hook once. */
export const askMail = async (hooks: Hooks, transaction: TransactionFacts, signal = never): Promise<Verdict> =>
  run(hooks.mail)(transaction, signal)
