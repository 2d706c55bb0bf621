// estafeta serve: runs the server until it is told to stop (SIGTERM, SIGINT), reads its configuration anew on SIGHUP.
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { runBroker } from '../broker/broker.ts'
import { connectBroker } from '../broker/client.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { type Server, startServer } from '../main.ts'
import { reread } from '../plugin/registry.ts'
import { leaveRoot } from './as-server.ts'
import { loadFound } from './context.ts'
import { surviveStrays } from './strays.ts'

/** The command itself, which the broker starts a second time under the server's user. */
const entry = fileURLToPath(new URL(`./main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))

/** What a session or delivery may still take after SIGTERM. */
export const DRAIN_MS = 10_000

export function build(): Command {
  return new Command('serve').action(async () => {
    // its report needs much that a server does without
    const loaded = await (async () => loadFound())().catch(async (thrown: unknown) => {
      const { wholeReport } = await import('./check.ts')
      return wholeReport(thrown, leaveRoot)
    })
    const broker = connectBroker()
    if (process.getuid?.() === 0 && broker === null) {
      process.exitCode = await runBroker({
        site: loaded.site,
        reread: () => loaded.reread().site,
        user: loaded.site.user,
        module: entry,
        arguments: ['--config', loaded.path, 'serve'],
      })
      return
    }
    const server = await startServer({ loaded, broker }).catch(async (thrown: unknown) => {
      broker?.close()
      // with root's help keys are read that this process cannot look at
      throw thrown instanceof ConfigError && broker === null ? await withCertificates(thrown, loaded) : thrown
    })
    await runUntilStopped(server, loaded)
    broker?.close()
  })
}

async function withCertificates({ problems }: ConfigError, loaded: LoadedConfig): Promise<ConfigError> {
  const { certificateProblems } = await import('./check.ts')
  const told = problems.some(({ path }) => path[0] === 'tls')
  return new ConfigError([...problems, ...(told ? [] : certificateProblems(loaded))])
}

/** Resolves after a clean stop. A second signal ends at once. */
export async function runUntilStopped(server: Server, loaded: LoadedConfig): Promise<void> {
  surviveStrays(server.log)
  process.on('SIGHUP', () => {
    reread(loaded)
      .then((next) => server.reload(next))
      .catch((error: unknown) => {
        const text = error instanceof ConfigError ? error.format() : (error as Error).message
        server.log.error(`reload failed, the old configuration stays: ${text}`)
      })
  })
  await new Promise<void>((resolve) => {
    let stopping = false
    const stop = (): void => {
      if (stopping) process.exit(1)
      stopping = true
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
  await server.stop(DRAIN_MS)
}
