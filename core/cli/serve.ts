// estafeta serve: the server; started as root, its parent that stays root and the server under its own user.
import { Command } from 'commander'
import { modulePath } from '../base/program.ts'
import { runBroker } from '../broker/broker.ts'
import { connectBroker } from '../broker/client.ts'
import type { LoadedConfig } from '../config/load.ts'
import { ConfigError } from '../config/problems.ts'
import { leaveRoot } from './as-server.ts'
import { openToOthers } from './config-access.ts'
import { loadFound } from './context.ts'

/** The command itself, which the broker starts a second time under the server's user. */
const entry = modulePath('core/cli/main')

export function build(): Command {
  return new Command('serve').action(async () => {
    // its report needs much that a server does without
    const loaded = await (async () => loadFound())().catch(async (thrown: unknown) => {
      const { wholeReport } = await import('./check.ts')
      return wholeReport(thrown, leaveRoot)
    })
    const broker = connectBroker()
    if (process.getuid?.() === 0 && broker === null) {
      const open = openToOthers(loaded)
      if (open.length > 0) throw new ConfigError(open)
      process.exitCode = await runBroker({
        site: loaded.site,
        reread: () => loaded.reread().site,
        user: loaded.site.user,
        module: entry,
        arguments: ['--config', loaded.path, 'serve'],
      })
      return
    }
    // the parent that stays root loads nothing of it
    const { runServer } = await import('./run-server.ts')
    try {
      await runServer(loaded, { broker })
    } catch (thrown) {
      // with root's help keys are read that this process cannot look at
      throw thrown instanceof ConfigError && broker === null ? await withCertificates(thrown, loaded) : thrown
    } finally {
      broker?.close()
    }
  })
}

async function withCertificates({ problems }: ConfigError, loaded: LoadedConfig): Promise<ConfigError> {
  const { certificateProblems } = await import('./certificates.ts')
  const told = problems.some(({ path }) => path[0] === 'tls')
  return new ConfigError([...problems, ...(told ? [] : certificateProblems(loaded))])
}
