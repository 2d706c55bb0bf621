// Expected failures of one product: a YAML file of case ids with the reason for each.
import { parse } from 'yaml'
import { Blocked } from './judgement.ts'
import type { Expectations } from './runner.ts'

/**
 * `product: NAME` and `fails:`, a map of case id → why. Throws Blocked for anything else, and for ids that no case has,
 * so that a file cannot hide a failure under a misspelt name.
 */
export function parseExpectations(text: string, known: ReadonlySet<string>): Expectations {
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    throw new Blocked(`not YAML: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null) throw new Blocked('wants `product:` and `fails:`')
  const { product, fails, ...rest } = value as { product?: unknown; fails?: unknown }
  const strange = Object.keys(rest)
  if (strange.length > 0) throw new Blocked(`unknown keys: ${strange.join(', ')}`)
  if (typeof product !== 'string') throw new Blocked('`product` wants a name')
  if (typeof (fails ?? {}) !== 'object' || Array.isArray(fails))
    throw new Blocked('`fails` wants a map of case id to reason')
  const entries = Object.entries((fails ?? {}) as { [id: string]: unknown })
  const unknown = entries.map(([id]) => id).filter((id) => !known.has(id))
  if (unknown.length > 0) throw new Blocked(`no such cases: ${unknown.join(', ')}`)
  return { product, fails: new Map(entries.map(([id, reason]) => [id, String(reason ?? '')])) }
}
