// mailq: the queue in the form of the traditional command.

import { Command } from 'commander'
import type { QueueView } from '../admin/queue-actions.ts'
import { systemClock } from '../base/clock.ts'
import { isSaidBy } from '../message/reply.ts'
import { print } from './output.ts'
import { openQueueAccess } from './queue-access.ts'

export function build(): Command {
  return new Command('mailq').allowUnknownOption().allowExcessArguments().action(printQueue)
}

export async function printQueue(): Promise<void> {
  const access = await openQueueAccess()
  let count = 0
  let octets = 0
  try {
    for await (const view of access.list({})) {
      if (count === 0) print('-Queue ID-       --Size-- ----Arrival Time---- -Sender/Recipient-------')
      count++
      octets += view.size
      printOne(view)
    }
  } finally {
    await access.close()
  }
  if (count === 0) return print('Mail queue is empty')
  print(`-- ${Math.ceil(octets / 1024)} Kbytes in ${count} ${count === 1 ? 'Request' : 'Requests'}.`)
}

/** `!` after the id marks a held message, `*` one that is being delivered or due. */
function printOne(view: QueueView): void {
  const open = view.recipients.filter((r) => r.status === 'pending' || r.status === 'ready')
  const mark = view.held ? '!' : open.some((r) => r.due <= systemClock.now()) ? '*' : ' '
  const arrived = new Date(view.arrived).toString().slice(0, 10) + new Date(view.arrived).toString().slice(15, 24)
  print(`${view.id}${mark}${String(view.size).padStart(8)} ${arrived}  ${view.sender || 'MAILER-DAEMON'}`)
  if (view.held) print(`(${view.held.reason})`)
  let reason: string | null = null
  for (const r of open) {
    if (r.reply && r.reply !== reason)
      print(`(${isSaidBy(r.relay, r.reply) ? `host ${r.relay} said: ` : ''}${r.reply})`)
    reason = r.reply
    print(`${' '.repeat(49)}${r.address}`)
  }
  print('')
}
