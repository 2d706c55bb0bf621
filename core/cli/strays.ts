// Errors outside every hook and session: a promise that nobody awaits, a throw in a timer or a socket's event.
import type { Logger } from '../base/log.ts'
import { coreUrl } from '../base/program.ts'
import { thrownAt } from '../plugin/thrown-at.ts'
import { EX } from './context.ts'

/**
 * A plugin's stray error is logged and stops nothing. One thrown by the core itself ends the program (70): what it
 * left half done is not known, and all that was acknowledged is on disk.
 */
export function surviveStrays(log: Logger): void {
  const tell = (thrown: unknown, what: string): void => {
    log.error(`${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { place: thrownAt(thrown) })
  }
  process.on('unhandledRejection', (reason) => tell(reason, 'a promise failed that nothing awaits'))
  process.on('uncaughtException', (thrown) => {
    const own = thrown instanceof Error && thrown.stack?.includes(coreUrl) === true
    tell(thrown, own ? 'ends: thrown where nothing catches' : 'thrown where nothing catches')
    // behind the log's own write
    if (own) setImmediate(() => process.exit(EX.software))
  })
}
