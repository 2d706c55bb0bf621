// The access tables of each step, and what the first one that speaks says about a list of keys.
import { type LookupTable, temporary } from 'estafeta/plugin'
import { type Action, parseAction } from './actions.ts'

export const STEPS = ['connect', 'helo', 'mail', 'rcpt'] as const
export type Step = (typeof STEPS)[number]

/** Sendmail's tags: a key that begins with one counts at that step alone. */
const TAGS: { readonly [step in Step]: string } = { connect: 'connect:', helo: 'helo:', mail: 'from:', rcpt: 'to:' }

export interface Found {
  readonly key: string
  readonly action: Action
}

export class AccessTables {
  readonly #tables: ReadonlyMap<Step, readonly LookupTable[]>

  constructor(
    entries: readonly { readonly file: string; readonly at: readonly Step[] }[],
    open: (definition: string) => LookupTable,
  ) {
    const opened = entries.map(({ file, at }) => ({ table: open(file), at }))
    this.#tables = new Map(
      STEPS.map((step) => [step, opened.filter(({ at }) => at.includes(step)).map(({ table }) => table)]),
    )
  }

  has(step: Step): boolean {
    return this.#tables.get(step)!.length > 0
  }

  /** The first key that any table knows, tagged keys before untagged; null when none speaks. */
  find(step: Step, keysOf: () => readonly string[]): Found | null {
    if (!this.has(step)) return null
    const tag = TAGS[step]
    const keys = keysOf()
    for (const table of this.#tables.get(step)!) {
      const hit = firstOf(keys, (key) => table.get(tag + key) ?? table.get(key))
      if (hit) return understood(hit)
    }
    return null
  }

  /** By IP address and networks first, then by the client's names. */
  client(ip: string, names: readonly string[]): Found | null {
    const tag = TAGS.connect
    for (const table of this.#tables.get('connect')!) {
      const value = table.network(ip, tag) ?? table.network(ip)
      const hit = value === null ? firstOf(names, (key) => table.get(tag + key) ?? table.get(key)) : { key: ip, value }
      if (hit) return understood(hit)
    }
    return null
  }
}

function firstOf(keys: readonly string[], get: (key: string) => string | null): { key: string; value: string } | null {
  for (const key of keys) {
    const value = get(key)
    if (value !== null) return { key, value }
  }
  return null
}

/** An entry that nobody understands must not pass in silence: the step fails, and `onError` decides. */
function understood({ key, value }: { key: string; value: string }): Found {
  const action = parseAction(value)
  if (!action.ok) throw temporary(`access table, '${key}': ${action.error}`)
  return { key, action: action.value }
}
