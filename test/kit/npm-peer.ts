// Peers that npm has: installed once into the tests' cache, at a fixed version, with the dependencies of a fixed day.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CACHE = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../../test/.cache/' : '../.cache/', import.meta.url),
)

/** The package's folder. `before`: its dependencies as they were then; later ones are not in every registry. */
export function npmPeer(name: string, version: string, before: string): string {
  const folder = join(CACHE, name.toLowerCase())
  const installed = join(folder, 'node_modules', name)
  if (existsSync(installed)) return installed
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const options = ['--save-exact', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund']
  execFileSync('npm', ['install', ...options, `--before=${before}`, `${name}@${version}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return installed
}
