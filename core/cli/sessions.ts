// estafeta sessions: who is connected now.

import { Command } from 'commander'
import { controlJson } from '../admin/control-client.ts'
import { systemClock } from '../base/clock.ts'
import { socketPath } from '../base/socket-path.ts'
import type { SessionSummary } from '../net/service.ts'
import { loadSite } from './context.ts'
import { formatAge, formatTable, print, printJson } from './output.ts'

export function build(): Command {
  return new Command('sessions').option('--json', 'as JSON').action(async (options: { json?: true }) => {
    const { site } = await loadSite()
    const sessions = await controlJson<SessionSummary[]>(socketPath(site.data, 'control'), 'GET', '/sessions')
    if (options.json) return printJson(sessions)
    if (sessions.length === 0) return print('Nobody is connected.')
    const rows = sessions.map((s) => [
      s.id,
      s.service,
      s.remoteIp,
      s.user ?? '-',
      s.state,
      formatAge(systemClock.now() - s.since),
      s.detail,
    ])
    print(formatTable(['SESSION', 'SERVICE', 'CLIENT', 'USER', 'STATE', 'FOR', ''], rows))
  })
}
