// A generation of plugins without a server around it: for `check` and `explain`. Nothing is sent, stored or listened to.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { stayAlive, systemClock } from '../base/clock.ts'
import { temporary } from '../base/failure.ts'
import { silentLogger } from '../base/log.ts'
import { noAsUser } from '../broker/client.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError, type Problem } from '../config/problems.ts'
import { DIRECTORY, type Directory } from '../directory/directory.ts'
import { openDirectory } from '../directory/open-directory.ts'
import { systemUsers } from '../directory/system-users.ts'
import { DNS_RESOLVER } from '../dns/resolver.ts'
import { createResolver } from '../dns/stub-resolver.ts'
import { fakeSpool } from '../plugin/fakes.ts'
import { createGenerations, type RunningGeneration } from '../plugin/generations.ts'
import { createContainer } from '../plugin/registry.ts'
import { AS_USER, CLOCK, SMTP_CLIENT, SPOOL, SYSTEM_USERS } from '../plugin/services.ts'
import { MAILBOX_STORE } from '../store/mailbox-store.ts'
import { createMemoryStore } from '../store/memory-store.ts'

export interface DryRun {
  readonly generation: RunningGeneration
  readonly directory: Directory
  /** What is wrong with users.yaml and the maps that were opened. */
  problems(): readonly Problem[]
  close(): Promise<void>
}

/** Loads, checks and sets up all plugins. Throws ConfigError. Mailboxes look empty, nobody is sent to. */
export async function openDryRun(given: LoadedConfig): Promise<DryRun> {
  const clock = systemClock
  const log = silentLogger
  const fresh = existsSync(given.site.data) ? null : mkdtempSync(join(tmpdir(), 'estafeta-dry-run-'))
  const loaded = fresh === null ? given : inFolder(given, fresh)
  const { site, path } = loaded
  const alive = stayAlive()
  const clean = (): void => {
    alive.cancel()
    if (fresh !== null) rmSync(fresh, { recursive: true, force: true })
  }
  const dns = createResolver({ ...site.dns, clock, log })
  const directory = openDirectory({ site, clock, log, ...(path === null ? {} : { base: dirname(path) }) })
  const container = createContainer([
    [CLOCK, clock],
    [DNS_RESOLVER, dns],
    [DIRECTORY, directory],
    [MAILBOX_STORE, createMemoryStore({ clock })],
    [SMTP_CLIENT, { send: () => Promise.reject(temporary('a dry run sends nothing')), close: async () => {} }],
    [SPOOL, fakeSpool],
    [SYSTEM_USERS, systemUsers],
    [AS_USER, noAsUser],
  ])
  try {
    const generations = await createGenerations({ loaded, container, clock, log, trace: { record() {} } })
    return {
      generation: generations.current(),
      directory,
      problems: () => directory.problems(),
      async close() {
        await generations.close()
        dns.close()
        clean()
      },
    }
  } catch (error) {
    const problems = directory.problems()
    dns.close()
    clean()
    throw error instanceof ConfigError ? new ConfigError([...error.problems, ...problems]) : error
  }
}

/** Before the first start there is no data folder: an empty one stands in for it. */
function inFolder(loaded: LoadedConfig, data: string): LoadedConfig {
  const { site } = loaded
  const { file } = site.users
  const isInside = file?.startsWith(`${site.data}/`) === true
  const users = isInside ? { ...site.users, file: join(data, relative(site.data, file)) } : site.users
  return { ...loaded, site: { ...site, data, users } }
}
