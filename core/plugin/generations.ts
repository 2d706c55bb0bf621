// Generations of plugins: a reload builds a new one beside the old, swaps, and closes the old when its last holder lets go.
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError, type Problem } from '../config/problems.ts'
import { SITE, type Site } from '../config/site.ts'
import { DIRECTORY, type Directory } from '../directory/directory.ts'
import type { Trace } from '../trace/trace.ts'
import { type About, hookTrace, type OnAnswer, roundMs } from './ask.ts'
import { buildChains, CHAINED, type Chains, type RunningPlugin } from './chains.ts'
import type { Stage } from './contract.ts'
import type { Generation, Generations, HookRunner, HookTrace } from './generation.ts'
import { type Container, closePlugins, startPlugins } from './registry.ts'
import { ChainRunner } from './runner.ts'

export interface GenerationsOptions {
  readonly loaded: LoadedConfig
  /** Holds the services of the process; each generation gets a child of it. */
  readonly container: Container
  readonly clock: Clock
  readonly log: Logger
  readonly trace: Pick<Trace, 'record'>
  /** Registers what belongs to one generation (a directory of its users) in its container, where SITE already is. */
  readonly prepare?: (container: Container, loaded: LoadedConfig) => void | Promise<void>
  /**
   * What is wrong with the files that its plugins look things up in. A reload is refused for it, since the generation that
   * runs still has their last good version; at the first start lookups fail for now, and the rest serves.
   */
  readonly problems?: (container: Container) => readonly Problem[]
}

/** Who is asked at a hook, in order. */
export interface HookOrder {
  readonly hook: string
  readonly plugins: readonly { readonly plugin: string; readonly stage: Stage; readonly onError: string }[]
}

export interface RunningGeneration extends Generation {
  readonly loaded: LoadedConfig
  readonly plugins: readonly RunningPlugin[]
  order(): readonly HookOrder[]
  /** The same hooks, each plugin's answer told to `told` instead of the trace. */
  dryRun(told: (trace: HookTrace, about: About) => void): HookRunner
}

export interface ReloadableGenerations extends Generations {
  current(): RunningGeneration
  /** Throws ConfigError, and leaves the present generation as it is. Gives the new one. */
  reload(loaded: LoadedConfig): Promise<RunningGeneration>
  explainOrder(): readonly HookOrder[]
  /** Closes all plugins, those still held included: the last thing before the process ends. */
  close(): Promise<void>
}

/** Throws ConfigError when a plugin cannot be loaded, configured or set up; nothing runs then. */
export async function createGenerations(options: GenerationsOptions): Promise<ReloadableGenerations> {
  const open = new Set<OpenGeneration>()
  const build = async (loaded: LoadedConfig, number: number): Promise<OpenGeneration> => {
    const generation = await OpenGeneration.start(options, loaded, number, () => open.delete(generation))
    open.add(generation)
    return generation
  }
  let current = await build(options.loaded, 1)
  let reloading: Promise<unknown> = Promise.resolve()

  const reload = async (loaded: LoadedConfig): Promise<RunningGeneration> => {
    const next = await build(loaded, current.number + 1)
    const old = current
    current = next
    old.retire()
    return next
  }
  return {
    current: () => current,
    // one at a time: each sees the outcome of the one before
    reload(loaded) {
      const turn = reloading.then(() => reload(loaded))
      reloading = turn.catch(() => {})
      return turn
    },
    explainOrder: () => current.order(),
    async close() {
      await reloading
      await Promise.all([...open].map((generation) => generation.close()))
    },
  }
}

class OpenGeneration implements RunningGeneration {
  readonly number: number
  readonly site: Site
  readonly loaded: LoadedConfig
  readonly plugins: readonly RunningPlugin[]
  readonly hooks: ChainRunner
  readonly quota: Generation['quota']
  readonly #chains: Chains
  readonly #closePlugins: () => Promise<void>
  #holders = 0
  #retired = false
  #closed: Promise<void> | null = null

  static async start(
    { container, clock, log, trace, prepare, problems }: GenerationsOptions,
    loaded: LoadedConfig,
    number: number,
    ended: () => void,
  ): Promise<OpenGeneration> {
    const child = container.createChildContainer()
    child.register(SITE.symbol, { useValue: loaded.site })
    await prepare?.(child, loaded)
    const deps = { container: child, clock, log }
    const plugins = await startPlugins(loaded, deps)
    const found = problems?.(child) ?? []
    if (found.length > 0 && number > 1) {
      await closePlugins(plugins, deps)
      throw new ConfigError(found)
    }
    const quota = quotas(child, loaded.site)
    const runnerDeps = { clock, log, isLocalDomain: localDomains(child, loaded.site), record: recorder(clock, trace) }
    return new OpenGeneration(number, loaded, plugins, quota, runnerDeps, async () => {
      await closePlugins(plugins, deps)
      ended()
    })
  }

  constructor(
    number: number,
    loaded: LoadedConfig,
    plugins: readonly RunningPlugin[],
    quota: Generation['quota'],
    deps: ConstructorParameters<typeof ChainRunner>[1],
    closeAll: () => Promise<void>,
  ) {
    this.number = number
    this.site = loaded.site
    this.loaded = loaded
    this.plugins = plugins
    this.quota = quota
    this.#chains = buildChains(plugins)
    this.hooks = new ChainRunner(this.#chains, deps)
    this.#closePlugins = closeAll
  }

  hold(): void {
    this.#holders++
  }
  release(): void {
    this.#holders--
    if (this.#retired && this.#holders === 0) void this.close()
  }
  retire(): void {
    this.#retired = true
    if (this.#holders === 0) void this.close()
  }
  close(): Promise<void> {
    this.#closed ??= this.#closePlugins().finally(() => this.hooks.close())
    return this.#closed
  }
  dryRun(told: (trace: HookTrace, about: About) => void): HookRunner {
    return this.hooks.recording((about, link, answer, ms) => told(hookTrace(about, link, answer, ms), about))
  }
  order(): readonly HookOrder[] {
    return [...CHAINED, 'auth' as const, 'observe' as const].map((hook) => ({
      hook,
      plugins: this.#chains[hook].map(({ plugin, stage, onError }) => ({ plugin, stage, onError })),
    }))
  }
}

function localDomains(container: Container, site: Site): (domain: string) => boolean {
  if (!container.isRegistered(DIRECTORY.symbol, true)) return (domain) => site.domains.includes(domain)
  const directory = container.resolve<Directory>(DIRECTORY.symbol)
  return (domain) => directory.isLocalDomain(domain)
}

function quotas(container: Container, site: Site): Generation['quota'] {
  const everybody = site.limits.mailboxSize
  if (!container.isRegistered(DIRECTORY.symbol, true)) return async () => everybody
  const directory = container.resolve<Directory>(DIRECTORY.symbol)
  return async (account) => directory.user(account)?.quota ?? everybody
}

const recorder =
  (clock: Clock, trace: Pick<Trace, 'record'>): OnAnswer =>
  ({ hook, sid, tid, qid, rcpt }, { plugin }, { verdict, detail, reply }, ms) => {
    const code = reply ? `${reply.code} ${reply.enhanced ?? ''} ` : ''
    const text = code === '' ? detail : `${code}${detail ?? ''}`.trimEnd()
    trace.record({
      time: clock.now(),
      event: 'hook',
      plugin,
      hook,
      verdict,
      ms: roundMs(ms),
      sid,
      tid,
      qid,
      rcpt,
      detail: text === '' ? undefined : text,
    })
  }
