// estafeta reload: the running server reads its configuration anew, or says why it keeps the old one.
import { Command } from 'commander'
import { controlJson, ServerDown } from '../admin/control-client.ts'
import { socketPath } from '../base/socket-path.ts'
import { ConfigError } from '../config/problems.ts'
import type { Site } from '../config/site.ts'
import { loadFound } from './context.ts'
import { print } from './output.ts'

export function build(): Command {
  return new Command('reload').action(async () => {
    const { site, mistakes } = read()
    const result = await ask(site).catch((thrown: unknown) => {
      throw thrown instanceof ServerDown ? (mistakes ?? thrown) : thrown
    })
    print(`reloaded: generation ${result.generation}`)
    for (const note of result.notes) print(note)
  })
}

const ask = ({ data }: Site) =>
  controlJson<{ generation: number; notes: string[] }>(socketPath(data, 'control'), 'POST', '/reload')

/** The server is asked also with mistakes in the file: it reports them all, and its log is opened anew. */
function read(): { site: Site; mistakes: ConfigError | null } {
  try {
    return { site: loadFound().site, mistakes: null }
  } catch (thrown) {
    if (!(thrown instanceof ConfigError) || thrown.draft === null) throw thrown
    return { site: thrown.draft.loaded.site, mistakes: thrown }
  }
}
