// estafeta reload: the running server reads its configuration anew, or says why it keeps the old one.
import { Command } from 'commander'
import { controlJson } from '../admin/control-client.ts'
import { socketPath } from '../base/socket-path.ts'
import { loadSite } from './context.ts'
import { print } from './output.ts'

export function build(): Command {
  return new Command('reload').action(async () => {
    // a broken file is reported here, with all its mistakes, before the server is asked
    const { site } = await loadSite()
    const result = await controlJson<{ generation: number; notes: string[] }>(
      socketPath(site.data, 'control'),
      'POST',
      '/reload',
    )
    print(`reloaded: generation ${result.generation}`)
    for (const note of result.notes) print(note)
  })
}
