// estafeta serve: runs the server until it is told to stop (SIGTERM, SIGINT), reads its configuration anew on SIGHUP.
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { runBroker } from '../broker/broker.ts'
import { connectBroker } from '../broker/client.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { type Server, startServer } from '../main.ts'
import { loadFound } from './context.ts'
import { surviveStrays } from './strays.ts'

/** The command itself, which the broker starts a second time under the server's user. */
const entry = fileURLToPath(new URL(`./main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))

/** What a session or delivery may still take after SIGTERM. */
export const DRAIN_MS = 10_000

export function build(): Command {
  return new Command('serve').action(async () => {
    const loaded = loadFound()
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
    const server = await startServer({ loaded, broker }).catch((thrown: unknown) => {
      broker?.close()
      throw thrown
    })
    await runUntilStopped(server, loaded)
    broker?.close()
  })
}

/** Resolves after a clean stop. A second signal ends at once. */
export async function runUntilStopped(server: Server, loaded: LoadedConfig): Promise<void> {
  surviveStrays(server.log)
  process.on('SIGHUP', () => {
    Promise.resolve()
      .then(() => server.reload(loaded.reread()))
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
