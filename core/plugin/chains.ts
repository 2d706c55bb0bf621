// The hooks of all plugins as one chain a hook: stages first, then the order of the entries.
import type { PluginEntry } from '../config/load.ts'
import type { AuthHook, Courier, Hook, Hooks, PluginDefinition, Stage } from './contract.ts'

/** An entry whose plugin has been loaded, checked and set up. */
export interface RunningPlugin {
  readonly entry: PluginEntry
  readonly definition: PluginDefinition
  readonly hooks: Hooks
}

/** One plugin's place in a chain. */
export interface Link<F> {
  readonly plugin: string
  /** The entry bears another name than its plugin: so do its couriers. */
  readonly renamed: boolean
  readonly stage: Stage
  readonly onError: PluginEntry['onError']
  /** ms; null: the hook's own. */
  readonly timeout: number | null
  readonly listeners: ReadonlySet<string> | null
  readonly authenticated: boolean | null
  readonly run: F
}

type Run<H extends keyof Hooks> = NonNullable<Hooks[H]> extends Hook<infer F> ? F : never

/** Hooks that are chains of functions. */
export const CHAINED = [
  'connect',
  'helo',
  'mail',
  'rcpt',
  'data',
  'message',
  'queued',
  'expand',
  'route',
  'mailbox',
] as const
export type ChainedHook = (typeof CHAINED)[number]

export type Chains = { readonly [H in ChainedHook]: readonly Link<Run<H>>[] } & {
  readonly auth: readonly Link<AuthHook>[]
  readonly observe: readonly Link<NonNullable<Hooks['observe']>>[]
  readonly couriers: ReadonlyMap<string, Courier>
}

const STAGES: readonly Stage[] = ['early', 'normal', 'late', 'seal']

/** `plugins` in the order of their entries. */
export function buildChains(plugins: readonly RunningPlugin[]): Chains {
  const chained = Object.fromEntries(CHAINED.map((hook) => [hook, chainOf(plugins, hook)])) as {
    [H in ChainedHook]: Link<Run<H>>[]
  }
  return {
    ...chained,
    auth: plugins.flatMap((p) => (p.hooks.auth ? [link(p, p.hooks.auth, 'normal')] : [])),
    observe: plugins.flatMap((p) => (p.hooks.observe ? [link(p, p.hooks.observe.bind(p.hooks), 'normal')] : [])),
    couriers: new Map(plugins.flatMap(couriersOf)),
  }
}

function chainOf<H extends ChainedHook>(plugins: readonly RunningPlugin[], hook: H): Link<Run<H>>[] {
  const links = plugins.flatMap((plugin) => {
    const found = plugin.hooks[hook] as Hook<Run<H>> | undefined
    if (found === undefined) return []
    if (typeof found === 'function') return [link(plugin, found.bind(plugin.hooks) as Run<H>, 'normal')]
    const { run, stage } = found as { run: Run<H>; stage?: Stage }
    return [link(plugin, run, stage ?? 'normal')]
  })
  return STAGES.flatMap((stage) => links.filter((one) => one.stage === stage))
}

function link<F>(plugin: RunningPlugin, run: F, stage: Stage): Link<F> {
  const { entry } = plugin
  return {
    plugin: entry.name,
    renamed: isRenamed(plugin),
    stage,
    onError: entry.onError,
    timeout: entry.timeout,
    listeners: entry.listeners === null ? null : new Set(entry.listeners),
    authenticated: entry.authenticated,
    run,
  }
}

const isRenamed = ({ entry, definition }: RunningPlugin): boolean => entry.name !== definition.name

/** An entry under another name than its plugin's has its own couriers: `backup.smarthost`. */
export const courierName = (plugin: RunningPlugin, courier: string): string =>
  isRenamed(plugin) ? `${plugin.entry.name}.${courier}` : courier

const couriersOf = (plugin: RunningPlugin): [string, Courier][] =>
  Object.entries(plugin.hooks.couriers ?? {}).map(([name, courier]) => [courierName(plugin, name), courier])
