// estafeta queue: list, show, cat, flush, hold, release, requeue, delete; over the control socket, or on the files when the server is down.

import { Command } from 'commander'
import { ACTIONS, type ActionResult, type QueueAction, type QueueView, type Selection } from '../admin/queue-actions.ts'
import { systemClock } from '../base/clock.ts'
import { isSaidBy } from '../message/reply.ts'
import type { QueueFilter } from '../queue/queue.ts'
import { CliError, EX, listCommand } from './context.ts'
import { formatAge, formatTable, formatTime, print, printJson } from './output.ts'
import { openQueueAccess } from './queue-access.ts'

interface FilterOptions {
  sender?: string
  recipient?: string
  reason?: string
  olderThan?: string
  held?: true
  quarantine?: true
  all?: true
  json?: true
}

const DESCRIPTIONS: { readonly [action in QueueAction]: string } = {
  flush: 'try messages now (all when none is named)',
  hold: 'keep messages from being delivered',
  release: 'let held or quarantined messages go on',
  requeue: 'expand and route messages anew',
  delete: 'remove messages without a report to their senders',
}

export function build(): Command {
  const queue = new Command('queue')
  withFilter(listCommand(queue).description('list queued messages')).action(list)
  queue
    .command('show')
    .description('one message: envelope, recipients, last replies')
    .argument('<id>')
    .option('--json')
    .action(show)
  queue.command('cat').description('the message itself, as it will be sent').argument('<id>').action(cat)
  for (const action of ACTIONS) {
    withFilter(queue.command(action).description(DESCRIPTIONS[action]).argument('[id...]'))
      .option('--all', 'all messages')
      .action((ids: string[], options: FilterOptions) => change(action, ids, options))
  }
  return queue
}

const withFilter = (command: Command): Command =>
  command
    .option('--sender <address>', 'of this sender, or @domain (<> for reports)')
    .option('--recipient <address>', 'to this recipient, or @domain')
    .option('--reason <text>', 'whose last reply contains this')
    .option('--older-than <age>', 'older than, such as 30m, 4h, 2d')
    .option('--held', 'held ones')
    .option('--quarantine', 'quarantined ones')
    .option('--json', 'as JSON')

const UNITS: { readonly [unit: string]: number } = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function readFilter(options: FilterOptions, now: number): QueueFilter {
  let before: number | undefined
  if (options.olderThan !== undefined) {
    const match = /^(\d+)([smhd])$/.exec(options.olderThan)
    if (!match)
      throw new CliError(`--older-than wants a number with s, m, h or d, not '${options.olderThan}'`, EX.usage)
    before = now - Number(match[1]) * UNITS[match[2]!]!
  }
  return {
    ...(options.sender !== undefined ? { sender: options.sender.replace(/^<|>$/g, '') } : {}),
    ...(options.recipient !== undefined ? { recipient: options.recipient.replace(/^<|>$/g, '') } : {}),
    ...(options.reason !== undefined ? { reason: options.reason } : {}),
    ...(before !== undefined ? { before } : {}),
    ...(options.held ? { held: true } : {}),
    ...(options.quarantine ? { quarantine: true } : {}),
  }
}

async function list(options: FilterOptions): Promise<void> {
  const access = await openQueueAccess()
  try {
    const filter = readFilter(options, systemClock.now())
    const views: QueueView[] = []
    for await (const view of access.list(filter)) views.push(view)
    if (options.json) return printJson(views)
    if (views.length === 0) return print(none(filter))
    print(
      formatTable(
        ['ID', 'AGE', 'SIZE', 'SENDER', 'RECIPIENTS', 'STATE'],
        views.map((v) => row(v, systemClock.now())),
      ),
    )
  } finally {
    await access.close()
  }
}

const none = (filter: QueueFilter): string =>
  Object.keys(filter).length === 0 ? 'The queue is empty.' : 'No message in the queue is of that kind.'

function row(view: QueueView, now: number): string[] {
  const open = view.recipients.filter((r) => r.status === 'pending' || r.status === 'ready')
  const first = open[0]
  const recipients = first ? `${first.address}${open.length > 1 ? ` +${open.length - 1}` : ''}` : '-'
  const wait = first && first.due > now ? `retry in ${formatAge(first.due - now)}` : 'active'
  const state = view.held
    ? `${view.held.quarantine ? 'quarantine' : 'held'}: ${view.held.reason}`
    : `${wait}${first?.reply ? `: ${isSaidBy(first.relay, first.reply) ? `${first.relay} said ` : ''}${first.reply}` : ''}`
  return [view.id, formatAge(now - view.arrived), String(view.size), view.sender || '<>', recipients, state]
}

async function show(id: string, options: { json?: true }): Promise<void> {
  const access = await openQueueAccess()
  try {
    const view = await access.get(id)
    if (options.json) return printJson(view)
    print(`id         ${view.id}${view.parent ? ` (about ${view.parent})` : ''}`)
    print(`arrived    ${formatTime(view.arrived)}, expires ${formatTime(view.expires)}`)
    print(`sender     ${view.sender || '<>'}`)
    print(`size       ${view.size}`)
    print(`message-id ${view.messageId ?? '-'}`)
    print(`origin     ${view.service}${view.ip ? ` ${view.ip}` : ''}${view.account ? ` as ${view.account}` : ''}`)
    if (view.held) print(`held       ${view.held.quarantine ? 'quarantine: ' : ''}${view.held.reason}`)
    for (const r of view.recipients) {
      print(
        `recipient  ${r.n} <${r.address}> ${r.status}, ${r.attempts} attempts${r.status === 'ready' || r.status === 'pending' ? `, due ${formatTime(r.due)}` : ''}`,
      )
      if (r.reply) print(`           ${isSaidBy(r.relay, r.reply) ? `${r.relay}: ` : ''}${r.reply}`)
    }
  } finally {
    await access.close()
  }
}

async function cat(id: string): Promise<void> {
  const access = await openQueueAccess()
  try {
    for await (const chunk of access.content(id)) {
      if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve))
    }
  } finally {
    await access.close()
  }
}

async function change(action: QueueAction, ids: string[], options: FilterOptions): Promise<void> {
  const filter = readFilter(options, systemClock.now())
  const everything =
    options.all === true || (action === 'flush' && ids.length === 0 && Object.keys(filter).length === 0)
  if (ids.length === 0 && !everything && Object.keys(filter).length === 0) {
    throw new CliError(`name the messages to ${action}: ids, a filter, or --all`, EX.usage)
  }
  const selection: Selection = ids.length > 0 ? { ids } : everything ? { all: true } : { filter }
  const access = await openQueueAccess()
  try {
    const result: ActionResult = await access.act(action, selection)
    if (options.json) printJson(result)
    else print(`${action}: ${result.done} ${result.done === 1 ? 'message' : 'messages'}`)
    if (result.unknown.length > 0) throw new CliError(`not in the queue: ${result.unknown.join(', ')}`, EX.noInput)
  } finally {
    await access.close()
  }
}
