// estafeta serve: runs the server until it is told to stop (SIGTERM, SIGINT), reads its configuration anew on SIGHUP.
import { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { type Server, startServer } from '../main.ts'
import { loadFound } from './context.ts'

/** What a session or delivery may still take after SIGTERM. */
export const DRAIN_MS = 10_000

export function build(): Command {
  return new Command('serve').action(async () => {
    const loaded = loadFound()
    const server = await startServer({ loaded })
    await runUntilStopped(server, loaded.path)
  })
}

/** Resolves after a clean stop. A second signal ends at once. */
export async function runUntilStopped(server: Server, path: string): Promise<void> {
  process.on('SIGHUP', () => {
    Promise.resolve()
      .then(() => server.reload(loadConfig({ path })))
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
