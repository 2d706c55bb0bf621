// The version of this Estafeta, from its package.json.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../base/program.ts'

let known: string | null = null

export function version(): string {
  known ??= (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version
  return known
}
