// Loads, checks and sets up the plugins of a configuration. Everything wrong with them comes in one report.
import 'reflect-metadata'
import { isAbsolute } from 'node:path'
import { inspect } from 'node:util'
import { type DependencyContainer, container as rootContainer } from 'tsyringe'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { asFailure } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import type { Token } from '../base/token.ts'
import { within } from '../base/within.ts'
import { checkAgainst } from '../config/issues.ts'
import { ENTRY_KEYS, type LoadedConfig, type PluginEntry } from '../config/load.ts'
import { ConfigError, type Draft, type Problem } from '../config/problems.ts'
import { treeAt } from '../config/tree.ts'
import { buildChains, CHAINED, courierName, type Link, type RunningPlugin } from './chains.ts'
import type { AuthHook, Hook, Hooks, PluginDefinition, Stage } from './contract.ts'
import { findDefinition, shippedPlugins } from './definitions.ts'
import { orderEntries } from './order.ts'
import { LOGGER } from './services.ts'
import { thrownAt } from './thrown-at.ts'

export type Container = DependencyContainer

/** How long one plugin's `setup`, and its `close`, may take, ms. */
export const SETUP_TIMEOUT = 10_000

/** A container that holds these services. */
export function createContainer(services: Iterable<readonly [Token<unknown>, unknown]>): Container {
  const made = rootContainer.createChildContainer()
  for (const [token, value] of services) made.register(token.symbol, { useValue: value })
  return made
}

export interface RegistryDeps {
  /** Holds the services that plugins ask for by token. */
  readonly container: DependencyContainer
  readonly clock: Clock
  readonly log: Logger
  /** Where definitions come from; the test kit has its own at hand. */
  readonly find?: typeof findDefinition
}

/** An entry with its definition and its settings, checked, not yet set up. */
interface CheckedPlugin {
  readonly entry: PluginEntry
  readonly definition: PluginDefinition
  readonly settings: unknown
}

/** Throws ConfigError; what had been set up by then is closed again. */
export async function startPlugins(loaded: LoadedConfig, deps: RegistryDeps): Promise<readonly RunningPlugin[]> {
  const { checked, problems } = await checkPlugins(loaded, deps)
  const running: RunningPlugin[] = []
  for (const plugin of checked) {
    const started = await setUp(plugin, deps)
    if (typeof started === 'string') problems.push(loaded.problem(['plugins', plugin.entry.name], started))
    else running.push(started)
  }
  problems.push(...clashes(running, loaded), ...unmetByStage(running, loaded))
  if (problems.length === 0) return running
  await closePlugins(running, deps)
  throw new ConfigError(problems)
}

/** Each plugin's `close`, one after the other, in the opposite order. Trouble is logged. */
export async function closePlugins(plugins: readonly RunningPlugin[], { clock, log }: RegistryDeps): Promise<void> {
  for (const { entry, hooks } of [...plugins].reverse()) {
    try {
      await within(clock, SETUP_TIMEOUT, Promise.resolve(hooks.close?.()), 'close')
    } catch (error) {
      log.error(`plugin ${entry.name} failed to close: ${asFailure(error).detail}`, { plugin: entry.name })
    }
  }
}

// ---------------------------------------------------------------- checks

/** What is wrong with the plugins of a configuration that has other mistakes too: all that shows without setting them up. */
export async function pluginProblems({ loaded, complete }: Draft): Promise<readonly Problem[]> {
  const { sources, plugins } = loaded
  // an entry of a profile that is not known may say there which plugin it means
  const known = complete ? plugins : plugins.filter(({ name, use }) => use !== name || shippedPlugins().includes(use))
  const { problems } = await checkPlugins({ ...loaded, plugins: known }, { container: null })
  return complete ? problems : problems.filter(({ path }) => treeAt(sources.merged, path) !== null)
}

/** The configuration as it is now. Throws ConfigError with all that shows without setting plugins up. */
export async function reread(running: LoadedConfig): Promise<LoadedConfig> {
  try {
    return running.reread()
  } catch (thrown) {
    if (!(thrown instanceof ConfigError) || thrown.draft === null) throw thrown
    throw new ConfigError([...thrown.problems, ...(await pluginProblems(thrown.draft))])
  }
}

/** All checks that need no plugin code to run. What is well comes in the order of the hooks. */
export async function checkPlugins(
  loaded: LoadedConfig,
  { container, find = findDefinition }: Pick<RegistryDeps, 'find'> & { readonly container: Container | null },
): Promise<{ checked: CheckedPlugin[]; problems: Problem[] }> {
  const problems: Problem[] = []
  const { order, problems: disorder } = orderEntries(loaded.plugins)
  problems.push(...disorder.map(({ path, message }) => loaded.problem(path, message)))
  const checked: CheckedPlugin[] = []
  for (const entry of order) {
    const path = ['plugins', entry.name]
    const found = await find(entry)
    if ('problem' in found) problems.push(loaded.problem(path, found.problem))
    else {
      const settings = checkSettings(entry, found.definition, loaded)
      const wrong = [...settings.problems, ...unknownTokens(entry, found.definition, container, loaded)]
      // one that is switched off need not be complete
      problems.push(...wrong.filter((problem) => entry.enabled || treeAt(loaded.sources.merged, problem.path) !== null))
      if (entry.enabled && wrong.length === 0)
        checked.push({ entry, definition: found.definition, settings: settings.value })
    }
  }
  return { checked, problems }
}

const NO_SETTINGS = z.strictObject({})

function checkSettings(entry: PluginEntry, definition: PluginDefinition, loaded: LoadedConfig) {
  const path = ['plugins', entry.name]
  const schema = definition.config ?? NO_SETTINGS
  const taken = schema instanceof z.ZodObject ? ENTRY_KEYS.filter((key) => key in schema.shape) : []
  if (taken.length > 0)
    return {
      value: null,
      problems: [loaded.problem(path, `its setting '${taken[0]}' bears the name of a key that every entry has`)],
    }
  const strict = schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema
  try {
    return checkAgainst(strict, entry.settings, loaded.sources.merged, path)
  } catch (error) {
    return {
      value: null,
      problems: [loaded.problem(path, `its settings cannot be checked: ${asFailure(error).detail}`)],
    }
  }
}

function unknownTokens(
  entry: PluginEntry,
  definition: PluginDefinition,
  container: DependencyContainer | null,
  loaded: LoadedConfig,
): Problem[] {
  return Object.entries(definition.inject ?? {}).flatMap(([key, token]) => {
    const isToken = typeof (token as Token<unknown> | undefined)?.symbol === 'symbol'
    if (isToken && (container === null || token.symbol === LOGGER.symbol || container.isRegistered(token.symbol, true)))
      return []
    const name = isToken ? token.description : inspect(token)
    return [loaded.problem(['plugins', entry.name], `it asks for '${key}' by the token ${name}, which nobody provides`)]
  })
}

/** Two entries cannot give a courier of one name. */
function clashes(plugins: readonly RunningPlugin[], loaded: LoadedConfig): Problem[] {
  const owners = new Map<string, string>()
  return plugins.flatMap((plugin) =>
    Object.keys(plugin.hooks.couriers ?? {}).flatMap((courier) => {
      const name = courierName(plugin, courier)
      const owner = owners.get(name)
      owners.set(name, plugin.entry.name)
      if (owner === undefined) return []
      return [loaded.problem(['plugins', plugin.entry.name], `gives the courier '${name}', as '${owner}' does`)]
    }),
  )
}

/** A wish about order that a later stage makes impossible: stages go before the list. */
function unmetByStage(plugins: readonly RunningPlugin[], loaded: LoadedConfig): Problem[] {
  const chains = buildChains(plugins)
  return CHAINED.flatMap((hook) => {
    const links: readonly Pick<Link<unknown>, 'plugin' | 'stage'>[] = chains[hook]
    const at = (name: string): number => links.findIndex(({ plugin }) => plugin === name)
    const unmet = (key: 'before' | 'after', name: string, other: string): Problem[] => {
      const [mine, its] = [at(name), at(other)]
      if (mine < 0 || its < 0 || (key === 'before' ? mine < its : mine > its)) return []
      const why = `at the hook '${hook}' its stage is ${links[mine]!.stage}, that of '${other}' ${links[its]!.stage}`
      return [loaded.problem(['plugins', name, key], `cannot come ${key} '${other}': ${why}`)]
    }
    return plugins.flatMap(({ entry }) => [
      ...entry.before.flatMap((other) => unmet('before', entry.name, other)),
      ...entry.after.flatMap((other) => unmet('after', entry.name, other)),
    ])
  })
}

// ---------------------------------------------------------------- set-up

async function setUp(plugin: CheckedPlugin, deps: RegistryDeps): Promise<RunningPlugin | string> {
  const { entry, definition, settings } = plugin
  try {
    const services = { ...injected(definition, entry, deps), config: settings }
    const hooks = await within(deps.clock, SETUP_TIMEOUT, Promise.resolve(definition.setup(services)), 'setup')
    const wrong = checkHooks(hooks)
    return wrong === null ? { entry, definition, hooks } : wrong
  } catch (error) {
    const { detail, cause } = asFailure(error)
    // an operator need not know where one that is shipped gave up
    const place = isAbsolute(entry.use) ? thrownAt(cause) : ''
    return `its setup failed: ${detail}${place === '' ? '' : ` (at ${place})`}`
  }
}

/** Each plugin gets its own LOGGER; everything else is the container's. */
function injected({ inject = {} }: PluginDefinition, entry: PluginEntry, { container, log }: RegistryDeps) {
  const own = log.with({ plugin: entry.name })
  return Object.fromEntries(
    Object.entries(inject).map(([key, token]) => [
      key,
      token.symbol === LOGGER.symbol ? own : container.resolve<unknown>(token.symbol),
    ]),
  )
}

const STAGES: readonly (Stage | undefined)[] = ['early', 'normal', 'late', 'seal', undefined]
const HOOK_NAMES: readonly string[] = [...CHAINED, 'auth', 'couriers', 'observe', 'close']

function checkHooks(hooks: Hooks): string | null {
  if (typeof hooks !== 'object' || hooks === null) return 'its setup gave no hooks'
  const unknown = Object.keys(hooks).find((name) => !HOOK_NAMES.includes(name))
  if (unknown !== undefined) return `there is no hook '${unknown}'; the hooks are ${HOOK_NAMES.join(', ')}`
  for (const name of CHAINED) {
    const hook = hooks[name] as Hook<unknown> | undefined
    const { run, stage } =
      typeof hook === 'object' && hook !== null ? (hook as { run: unknown; stage?: Stage }) : { run: hook }
    if (hook !== undefined && typeof run !== 'function') return `its hook '${name}' is no function`
    if (!STAGES.includes(stage)) return `its hook '${name}' has the unknown stage '${stage}'`
  }
  for (const [name, courier] of Object.entries(hooks.couriers ?? {}))
    if (typeof courier?.deliver !== 'function') return `its courier '${name}' has no deliver()`
  for (const name of ['observe', 'close'] as const)
    if (hooks[name] !== undefined && typeof hooks[name] !== 'function') return `its hook '${name}' is no function`
  return hooks.auth === undefined ? null : checkAuth(hooks.auth)
}

function checkAuth(auth: AuthHook): string | null {
  const asked = [auth?.verify, auth?.secret].filter((one) => one !== undefined)
  return asked.length > 0 && asked.every((one) => typeof one === 'function')
    ? null
    : "its hook 'auth' is no object with verify() or secret()"
}
