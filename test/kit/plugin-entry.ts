// Sets one plugin up with given settings and services, as the registry would: for tests of a plugin alone.
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
import { testSite } from './site.ts'

const site: Site = testSite('/no/such/folder', {
  hostname: 'mx.estafeta.test',
  origin: 'estafeta.test',
  domains: ['estafeta.test'],
})

/** A service for a token; SITE and LOGGER have stand-ins already. */
export type Provided = readonly [token: Token<unknown>, service: unknown]

export async function setUpPlugin(
  plugin: { readonly default: unknown },
  settings: object = {},
  services: readonly Provided[] = [],
): Promise<Hooks> {
  const definition = plugin.default as PluginDefinition
  const all = new Map<Token<unknown>, unknown>([[SITE, site], [LOGGER, silentLogger], ...services])
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
export const askMessage = async (
  hooks: Hooks,
  message: MessageFacts,
  signal: AbortSignal = never,
): Promise<MessageAnswer> => run(hooks.message)(message, signal)

/** Asks the mail hook once. */
export const askMail = async (
  hooks: Hooks,
  transaction: TransactionFacts,
  signal: AbortSignal = never,
): Promise<Verdict> => run(hooks.mail)(transaction, signal)
