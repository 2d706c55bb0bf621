// estafeta check: the configuration, every plugin, users, maps and certificates, before any port opens. Exit 78 with all mistakes.

import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Command } from 'commander'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError, type Problem } from '../config/problems.ts'
import { settingRows } from '../config/reference.ts'
import type { Site } from '../config/site.ts'
import { systemUsers } from '../directory/system-users.ts'
import { isLoopback } from '../net/networks.ts'
import type { HookOrder } from '../plugin/generations.ts'
import { pluginProblems } from '../plugin/registry.ts'
import { actAsServer } from './as-server.ts'
import { certificateNotes, certificateProblems } from './certificates.ts'
import { openToOthers } from './config-access.ts'
import { CliError, EX, loadFound } from './context.ts'
import { openDryRun } from './dry-run.ts'
import { print, printJson } from './output.ts'

export function build(): Command {
  return new Command('check').option('--json', 'as JSON').action(async (options: { json?: true }) => {
    try {
      await check(options)
    } catch (thrown) {
      const mistakes = options.json ? mistakesIn(thrown) : null
      if (mistakes === null) throw thrown
      printJson({ ok: false, problems: mistakes.list() })
      process.exitCode = EX.config
    }
  })
}

function mistakesIn(thrown: unknown): ConfigError | null {
  if (thrown instanceof ConfigError) return thrown
  const missing = thrown instanceof CliError && thrown.exitCode === EX.config
  return missing ? new ConfigError([{ at: null, path: [], message: thrown.message }]) : null
}

async function check(options: { json?: true }): Promise<void> {
  const loaded = await (async () => loadFound())().catch((thrown: unknown) => wholeReport(thrown))
  const certificates = certificateProblems(loaded)
  const notes = certificates.length > 0 ? [] : await notesOn(loaded)
  const open = process.getuid?.() === 0 ? openToOthers(loaded) : []
  // what root alone may read has been read: plugins are tried out with the server's rights
  const served = await actAsServer(loaded.site)
  const { problems: found, order: asked } = await tryOut(loaded)
  const problems = [...open, ...found, ...certificates, ...(served ? accessProblems(loaded) : [])]
  if (problems.length > 0) throw new ConfigError(problems)
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
export async function wholeReport(thrown: unknown, before?: (site: Site) => Promise<unknown>): Promise<never> {
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

/** What the server's user may not read or write; as root, when this process is that user. */
function accessProblems({ site, path, problem }: LoadedConfig): Problem[] {
  const own = path === null ? null : denied(path, constants.R_OK)
  const { file } = site.log
  const log = file === null ? null : denied(existsSync(file) ? file : dirname(file), constants.W_OK)
  return [
    ...(own === null ? [] : [problem([], `cannot be read by the server: ${own} (chgrp to its group, mode 0640)`)]),
    ...(log === null ? [] : [problem(['log', 'file'], `cannot be written by the server: ${log}`)]),
  ]
}

function denied(path: string, mode: number): string | null {
  try {
    accessSync(path, mode)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/** What is right, and may still surprise. */
async function notesOn(loaded: LoadedConfig): Promise<readonly string[]> {
  const { site, settings, locate } = loaded
  const notes = certificateNotes(loaded)
  if (process.getuid?.() === 0 && !(await systemUsers.find(site.user)))
    notes.push(`there is no system user '${site.user}': started as root, the server runs as that one`)
  const isUp = (...services: string[]): boolean => site.listen.some(({ service }) => services.includes(service))
  if (site.listen.length === 0) notes.push('nothing listens')
  if (site.domains.length > 0 && !site.domains.includes(site.origin))
    notes.push(
      `origin ${site.origin} is none of the domains: names without one ('ana' in an alias) are taken for elsewhere`,
    )
  if (site.tls === null && site.listen.some(({ host }) => !isLoopback(host)))
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
