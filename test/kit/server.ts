// A whole Estafeta in this process for a test: own data folder, free ports, a fake DNS, its log kept.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../core/base/clock.ts'
import { loadConfig } from '../../core/config/load.ts'
import { hashPassword } from '../../core/directory/password-schemes.ts'
import { createFakeResolver } from '../../core/dns/fake-resolver.ts'
import type { DnsResolver } from '../../core/dns/resolver.ts'
import type { Zone } from '../../core/dns/zone.ts'
import { type Server, startServer } from '../../core/main.ts'

export interface TestServerOptions {
  /** Merged over the test's own settings, in the configuration file's form. */
  readonly config?: { readonly [key: string]: unknown }
  readonly zone?: Zone
  readonly resolver?: DnsResolver
  /** Account → password. */
  readonly users?: { readonly [account: string]: string }
  readonly clock?: Clock
  /** A folder to use again, as a restart does. */
  readonly folder?: string
}

export interface TestServer extends Server {
  readonly folder: string
  /** Log lines so far. */
  readonly lines: readonly string[]
  /** Resolves with the first line, past or to come, that matches. */
  logged(pattern: RegExp): Promise<string>
  /** Stops it and removes its folder. */
  end(): Promise<void>
}

const ALL_SERVICES = ['smtp', 'submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s']

/** Listens on every service, on 127.0.0.1 and free ports, unless `config.listen` says otherwise. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'estafeta-test-'))
  if (options.users) await writeUsers(folder, options.users)
  const lines: string[] = []
  const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = []
  const write = (text: string): void => {
    for (const line of text.split('\n')) {
      if (line === '') continue
      lines.push(line)
      for (const one of waiting.filter((w) => w.pattern.test(line))) {
        waiting.splice(waiting.indexOf(one), 1)
        one.resolve(line)
      }
    }
  }
  const loaded = loadConfig({
    folder,
    overrides: {
      hostname: 'mx.estafeta.test',
      origin: 'estafeta.test',
      domains: ['estafeta.test'],
      postmaster: 'ana@estafeta.test',
      data: join(folder, 'data'),
      ...(options.users ? { users: { file: join(folder, 'users.yaml') } } : {}),
      listen: Object.fromEntries(ALL_SERVICES.map((service) => [service, ['127.0.0.1:0']])),
      queue: { minFree: 0 },
      ...options.config,
    },
  })
  const server = await startServer({
    loaded,
    write,
    resolver: options.resolver ?? createFakeResolver(options.zone ?? {}),
    ...(options.clock ? { clock: options.clock } : {}),
  })
  return {
    ...server,
    folder,
    lines,
    logged(pattern) {
      const past = lines.find((line) => pattern.test(line))
      return past === undefined ? new Promise((resolve) => waiting.push({ pattern, resolve })) : Promise.resolve(past)
    },
    async end() {
      await server.stop(0)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function writeUsers(folder: string, users: { readonly [account: string]: string }): Promise<void> {
  const entries = await Promise.all(
    Object.entries(users).map(
      async ([account, password]) => `  ${account}: { password: "${await hashPassword(password, 'PLAIN')}" }`,
    ),
  )
  writeFileSync(join(folder, 'users.yaml'), `users:\n${entries.join('\n')}\n`, { mode: 0o600 })
}
