// estafeta check: the configuration, every plugin, users, maps and certificates, before any port opens. Exit 78 with all mistakes.

import { X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError, type Problem } from '../config/problems.ts'
import { settingRows } from '../config/reference.ts'
import { loadFound } from './context.ts'
import { type DryRun, openDryRun } from './dry-run.ts'
import { print, printJson } from './output.ts'

export function build(): Command {
  return new Command('check').option('--json', 'as JSON').action(check)
}

async function check(options: { json?: true }): Promise<void> {
  const loaded = loadFound()
  const dryRun = await openDryRun(loaded)
  const problems = [...directoryProblems(dryRun, loaded), ...certificateProblems(loaded)]
  await dryRun.close()
  if (problems.length > 0) throw new ConfigError(problems)
  const notes = notesOn(loaded)
  const order = dryRun.generation.order().filter(({ plugins }) => plugins.length > 0)
  if (options.json) {
    printJson({ ok: true, file: loaded.path, profile: loaded.profile, notes, order })
    return
  }
  print(`${loaded.path}: good${loaded.profile === null ? '' : ` (profile ${loaded.profile})`}`)
  for (const { hook, plugins } of order) print(`  ${hook.padEnd(8)} ${plugins.map(({ plugin }) => plugin).join(', ')}`)
  for (const note of notes) print(`note: ${note}`)
}

/** Users and maps; a site whose users file was never named may not have made it yet. */
function directoryProblems(dryRun: DryRun, { site, locate }: LoadedConfig): Problem[] {
  const mayBeMissing = locate(['users', 'file']) === null ? site.users.file : null
  return dryRun.problems().filter(({ at }) => at === null || at.file !== mayBeMissing || existsSync(at.file))
}

/** Certificates that cannot be read, or do not fit. */
function certificateProblems(loaded: LoadedConfig): Problem[] {
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
