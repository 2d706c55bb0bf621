// The server in this process, until it is told to stop (SIGTERM, SIGINT); SIGHUP has it open its log and read its configuration anew.
import type { Broker } from '../broker/client.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { startServer } from '../main.ts'
import { reread } from '../plugin/registry.ts'
import { surviveStrays } from './strays.ts'

/** What a session or delivery may still take after SIGTERM. */
const DRAIN_MS = 10_000

export interface RunOptions {
  readonly broker?: Broker | null
  /** Every listener accepts. */
  readonly started?: () => void
}

/** Resolves after a clean stop; rejects when the server cannot start. A second signal ends at once. */
export async function runServer(loaded: LoadedConfig, { broker = null, started }: RunOptions = {}): Promise<void> {
  const server = await startServer({ loaded, broker })
  surviveStrays(server.log)
  started?.()
  process.on('SIGHUP', () => {
    // also where the configuration cannot be read: what rotates logs does not wait
    server.reopenLog()
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
      // a terminal and a service manager tell the broker's server as well as the broker, who ends it when it is told twice
      if (stopping && broker === null) process.exit(1)
      stopping = true
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
  await server.stop(DRAIN_MS)
}
