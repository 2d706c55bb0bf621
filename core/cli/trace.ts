// estafeta trace: each hook's verdict, the routing, each delivery and remote reply of a message.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { controlLines, ServerDown } from '../admin/control-client.ts'
import { systemClock } from '../base/clock.ts'
import { printable, silentLogger } from '../base/log.ts'
import { socketPath } from '../base/socket-path.ts'
import type { TraceEvent } from '../trace/trace.ts'
import { openTrace } from '../trace/trace-store.ts'
import { CliError, EX, loadSite } from './context.ts'
import { formatTime, print, printJson } from './output.ts'

export function build(): Command {
  return new Command('trace')
    .argument('<about>', 'queue id, Message-ID, address, session or transaction')
    .option('--limit <n>', 'messages at most', '20')
    .option('--json', 'as JSON')
    .action(show)
}

async function show(about: string, options: { limit: string; json?: true }): Promise<void> {
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 1)
    throw new CliError(`--limit wants a whole number, not '${options.limit}'`, EX.usage)
  const events = await find(about, limit)
  if (options.json) return printJson(events)
  if (events.length === 0) throw new CliError(`nothing is on record about ${about}`, EX.noInput)
  for (const [index, message] of groupEvents(events).entries()) {
    print(`${index === 0 ? '' : '\n'}${printable(message.title)}`)
    for (const event of message.events) if (event.event !== 'recipient') print(formatEvent(event))
  }
}

/** Events of one message together, those of its transaction before it had a queue id included. */
export function groupEvents(events: readonly TraceEvent[]): { title: string; events: TraceEvent[] }[] {
  const queueIds = new Map<string, string>()
  for (const { tid, qid } of events) if (tid && qid) queueIds.set(tid, qid)
  const groups = new Map<string, { title: string; events: TraceEvent[] }>()
  for (const event of events) {
    const id = event.qid ?? (event.tid ? queueIds.get(event.tid) : undefined) ?? event.tid ?? event.sid ?? ''
    const group = groups.get(id) ?? { title: id, events: [] }
    if (event.from !== undefined) group.title = `${id} from <${event.from}>`
    group.events.push(event)
    groups.set(id, group)
  }
  return [...groups.values()]
}

/** `  01:35:15.123  hook message  spf-dkim-dmarc  pass  1.2 ms  detail` */
export function formatEvent(event: TraceEvent): string {
  const time = `${formatTime(event.time).slice(11)}.${String(event.time % 1000).padStart(3, '0')}`
  const parts = [
    event.event === 'hook' ? `${event.hook ?? 'hook'}` : event.event,
    event.plugin,
    event.verdict,
    event.rcpt === undefined ? undefined : `<${event.rcpt}>`,
    event.ms === undefined ? undefined : `${Math.round(event.ms * 10) / 10} ms`,
    event.detail,
  ]
  return `  ${time}  ${printable(parts.filter((p) => p !== undefined && p !== '').join('  '))}`
}

async function find(about: string, limit: number): Promise<TraceEvent[]> {
  const { site } = await loadSite()
  const query = new URLSearchParams({ about, limit: String(limit) })
  try {
    const events: TraceEvent[] = []
    for await (const event of controlLines<TraceEvent>(socketPath(site.data, 'control'), `/trace?${query}`))
      events.push(event)
    return events
  } catch (thrown) {
    if (!(thrown instanceof ServerDown)) throw thrown
  }
  const path = join(site.data, 'trace.db')
  if (!existsSync(path)) return []
  const trace = openTrace({
    path,
    days: site.trace.days,
    maxSize: site.trace.maxSize,
    clock: systemClock,
    log: silentLogger,
  })
  try {
    return [...(await trace.find({ about, limit }))]
  } finally {
    await trace.close()
  }
}
