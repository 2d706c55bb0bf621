// The version of this Estafeta, from its package.json.
import { readFileSync } from 'node:fs'

let known: string | null = null

export function version(): string {
  if (known !== null) return known
  // source: core/cli; built: dist/core/cli
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { name?: string; version: string }
      if (found.name === 'estafeta') {
        known = found.version
        return known
      }
    } catch {
      // the other depth has it
    }
  }
  return 'unknown'
}
