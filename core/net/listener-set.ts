// The open listeners, compared by address when the configuration changes: what stays is not touched, what cannot be opened changes nothing.
import { mkdirSync } from 'node:fs'
import type { Server } from 'node:net'
import { dirname } from 'node:path'
import type { ListenerSettings, Site } from '../config/site.ts'
import { type Listener, type ListenerDeps, openListener } from './listener.ts'
import type { ProtocolService } from './service.ts'

export interface ListenerSetDeps extends Omit<ListenerDeps, 'protocols' | 'bound'> {
  readonly serviceOf: (name: string) => ProtocolService
  /** Binds addresses that this process may not bind itself; null: it binds by itself. */
  readonly bind: ((settings: ListenerSettings) => Promise<Server>) | null
}

/** New listeners that accept already; until `commit` the old ones do too. */
export interface ListenerChange {
  commit(): void
  /** Everything as it was before. */
  cancel(): Promise<void>
}

export interface ListenerSet {
  list(): readonly Listener[]
  /** Rejects, and leaves all as it was, when an address cannot be opened. */
  change(wanted: readonly ListenerSettings[], protocols: Site['protocols']): Promise<ListenerChange>
  close(): void
}

const keyOf = (l: ListenerSettings): string => `${l.service} ${addressOf(l)} ${JSON.stringify(l.options)}`
const addressOf = (l: ListenerSettings): string => l.path ?? `${l.host}:${l.port}`

export function createListenerSet({ serviceOf, bind, ...deps }: ListenerSetDeps): ListenerSet {
  const open = new Map<string, Listener>()

  async function openOne(settings: ListenerSettings, protocols: Site['protocols']): Promise<Listener> {
    if (settings.path !== null) mkdirSync(dirname(settings.path), { recursive: true, mode: 0o711 })
    const bound = bind && settings.path === null ? await bind(settings) : null
    return openListener(settings, serviceOf(settings.service), { ...deps, protocols, ...(bound ? { bound } : {}) })
  }

  return {
    list: () => [...open.values()],
    async change(wanted, protocols) {
      const keep = new Set(wanted.map(keyOf))
      const fresh = new Map<string, Listener>()
      const parted: [string, Listener][] = []
      const cancel = async (): Promise<void> => {
        for (const listener of fresh.values()) await listener.close()
        for (const [key, { settings }] of parted) open.set(key, await openOne(settings, protocols))
      }
      try {
        for (const settings of wanted) {
          const key = keyOf(settings)
          if (open.has(key) || fresh.has(key)) continue
          // one address cannot be bound twice: a listener that changes its service or options gives it up first
          for (const [other, listener] of open) {
            if (keep.has(other) || settings.port === 0 || addressOf(listener.settings) !== addressOf(settings)) continue
            open.delete(other)
            parted.push([other, listener])
            await listener.close()
          }
          fresh.set(key, await openOne(settings, protocols))
        }
      } catch (thrown) {
        await cancel()
        throw thrown
      }
      return {
        commit() {
          for (const [key, listener] of open) {
            if (keep.has(key)) continue
            open.delete(key)
            void listener.close()
          }
          for (const [key, listener] of fresh) open.set(key, listener)
        },
        cancel,
      }
    },
    close() {
      for (const listener of open.values()) void listener.close()
      open.clear()
    },
  }
}
