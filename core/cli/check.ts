// estafeta check: the configuration, every plugin, users, maps and certificates, before any port opens. Exit 78 with all mistakes.

import { X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError, type Problem } from '../config/problems.ts'
import { settingRows } from '../config/reference.ts'
import type { Site } from '../config/site.ts'
import type { HookOrder } from '../plugin/generations.ts'
import { pluginProblems } from '../plugin/registry.ts'
import { loadFound } from './context.ts'
import { openDryRun } from './dry-run.ts'
import { print, printJson } from './output.ts'

export function build(): Command {
  return new Command('check').option('--json', 'as JSON').action(check)
}

async function check(options: { json?: true }): Promise<void> {
  const loaded = await (async () => loadFound())().catch((thrown: unknown) => wholeReport(thrown))
  const { problems: found, order: asked } = await tryOut(loaded)
  const problems = [...found, ...certificateProblems(loaded)]
  if (problems.length > 0) throw new ConfigError(problems)
  const notes = notesOn(loaded)
  const order = asked.filter(({ plugins }) => plugins.length > 0)
  if (options.json) {
    printJson({ ok: true, file: loaded.path, profile: loaded.profile, notes, order })
    return
  }
  print(`${loaded.path}: good${loaded.profile === null ? '' : ` (profile ${loaded.profile})`}`)
  for (const { hook, plugins } of order) print(`  ${hook.padEnd(8)} ${plugins.map(({ plugin }) => plugin).join(', ')}`)
  for (const note of notes) print(`note: ${note}`)
}

/**
 * Throws what loading the configuration threw; a ConfigError with all that plugins, users and certificates add to it.
 * `before` is awaited before any plugin's code runs.
 */
export async function wholeReport(thrown: unknown, before?: (site: Site) => Promise<void>): Promise<never> {
  if (!(thrown instanceof ConfigError) || thrown.draft === null) throw thrown
  const { loaded, whole } = thrown.draft
  const certificates = certificateProblems(loaded)
  await before?.(loaded.site)
  // plugins that read facts of the site can only be tried out where those are certain
  const more = whole ? (await tryOut(loaded)).problems : await pluginProblems(thrown.draft)
  throw new ConfigError([...thrown.problems, ...more, ...certificates])
}

/** Everything that shows when all plugins are set up, and how they are asked. */
async function tryOut(loaded: LoadedConfig): Promise<{ problems: Problem[]; order: readonly HookOrder[] }> {
  try {
    const dryRun = await openDryRun(loaded)
    const problems = directoryProblems(dryRun.problems(), loaded)
    await dryRun.close()
    return { problems, order: dryRun.generation.order() }
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown
    return { problems: directoryProblems(thrown.problems, loaded), order: [] }
  }
}

/** Users and maps; a site whose users file was never named may not have made it yet. */
function directoryProblems(problems: readonly Problem[], { site, locate }: LoadedConfig): Problem[] {
  const mayBeMissing = locate(['users', 'file']) === null ? site.users.file : null
  return problems.filter(({ at }) => at === null || at.file !== mayBeMissing || existsSync(at.file))
}

/** Certificates that cannot be read, or do not fit. */
export function certificateProblems(loaded: LoadedConfig): Problem[] {
  const { tls } = loaded.site
  if (tls === null) return []
  const problems: Problem[] = []
  for (const key of ['cert', 'key'] as const) {
    try {
      accessSync(tls[key], constants.R_OK)
    } catch (error) {
      problems.push(loaded.problem(['tls', key], `cannot be read: ${(error as Error).message}`))
    }
  }
  if (problems.length > 0) return problems
  try {
    const certificate = new X509Certificate(readFileSync(tls.cert))
    if (certificate.validToDate.getTime() < systemClock.now())
      problems.push(loaded.problem(['tls', 'cert'], `expired on ${certificate.validTo}`))
  } catch (error) {
    problems.push(loaded.problem(['tls', 'cert'], `is no PEM certificate: ${(error as Error).message}`))
  }
  return problems
}

/** What is right, and may still surprise. */
function notesOn({ site, settings, locate }: LoadedConfig): readonly string[] {
  const notes: string[] = []
  const isUp = (...services: string[]): boolean => site.listen.some(({ service }) => services.includes(service))
  if (site.listen.length === 0) notes.push('nothing listens')
  if (site.domains.length > 0 && !site.domains.includes(site.origin))
    notes.push(
      `origin ${site.origin} is none of the domains: names without one ('ana' in an alias) are taken for elsewhere`,
    )
  if (site.tls === null && site.listen.length > 0)
    notes.push('no certificate is configured: a self-signed one is used, which clients will warn about')
  if (site.listen.some(({ port, path }) => path === null && port > 0 && port < 1024) && process.getuid?.() !== 0)
    notes.push('ports below 1024 need the server to be started as root')
  if (isUp('imap', 'imaps', 'pop3', 'pop3s') && site.users.file !== null && !existsSync(site.users.file))
    notes.push(`${site.users.file} does not exist yet: nobody can log in ('estafeta user add' makes it)`)
  if (settings.relay?.tls === 'none' || settings.relay?.tls === 'may')
    notes.push('mail to the smarthost may travel without TLS')
  const fixed = settingRows().filter(({ key, restart }) => restart && locate(key.split('.')) !== null)
  const names = fixed.map(({ key }) => key).join(', ') || 'hostname, data or store.format'
  notes.push(`a change of ${names} needs a restart; all else a reload`)
  return notes
}
