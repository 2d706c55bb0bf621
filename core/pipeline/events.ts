// What the pipes tell log and trace: the lines of a message's life as mail administrators know them from Postfix.

import type { Reply } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { formatAddress } from '../message/address.ts'
import { refusalLine } from '../message/refusal-line.ts'
import { replyLine } from '../message/reply.ts'
import type { TransactionFacts } from '../plugin/contract.ts'
import type { NewQueueItem, QueuedRecipient, QueueItem } from '../queue/queue.ts'
import type { Trace } from '../trace/trace.ts'

/** Recipients traced one by one, beyond which only their number is told. */
const TRACED_RECIPIENTS = 100

export function createEvents(log: Logger, trace: Trace, now: () => number) {
  const smtpd = log.with({ component: 'smtpd' })
  const pickup = log.with({ component: 'pickup' })
  const cleanup = log.with({ component: 'cleanup' })
  const qmgr = log.with({ component: 'qmgr' })
  const couriers = new Map<string, Logger>()
  const courierLog = (name: string): Logger => {
    const known = couriers.get(name)
    if (known !== undefined) return known
    const made = log.with({ component: name })
    couriers.set(name, made)
    return made
  }
  return {
    /** After the message is durable. */
    queued(item: NewQueueItem): void {
      const { id: qid, origin, parent, held } = item
      const { reversePath, recipients } = item.envelope
      const sid = origin.session ?? undefined
      const tid = origin.transaction ?? undefined
      const from = formatAddress(reversePath)
      const size = item.content.size
      const nrcpt = recipients.length
      if (origin.ip !== null) {
        const sasl = origin.account ? `, sasl_username=${origin.account}` : ''
        smtpd.info(`client=unknown[${origin.ip}]${sasl}`, { qid, sid })
      } else if (parent === undefined) pickup.info(`uid=unknown from=<${from}>`, { qid })
      cleanup.info(`message-id=${item.messageId ?? '<>'}`, { qid })
      qmgr.info(`from=<${from}>, size=${size}, nrcpt=${nrcpt} (queue active)`, { qid })
      const time = now()
      trace.record({
        time,
        event: 'queued',
        sid,
        tid,
        qid,
        from,
        messageId: item.messageId ?? undefined,
        detail: `size=${size} nrcpt=${nrcpt} service=${origin.service}${origin.ip ? ` ip=${origin.ip}` : ''}${parent ? ` about=${parent}` : ''}${held ? ` held: ${held.reason}` : ''}`,
      })
      for (let i = 0; i < nrcpt && i < TRACED_RECIPIENTS; i++)
        trace.record({ time, event: 'recipient', sid, tid, qid, rcpt: formatAddress(recipients[i]!.address) })
    },
    /** The answer that intake gave without queueing. */
    refused(qid: string, { id: tid, session, reversePath }: TransactionFacts, reply: Reply): void {
      const sid = session.id
      const from = formatAddress(reversePath)
      cleanup.info(refusalLine({ where: 'END-OF-MESSAGE', from, to: null }, session, reply), {
        sid,
        tid,
        ip: session.remoteIp,
      })
      trace.record({
        time: now(),
        qid,
        tid,
        sid,
        event: 'refused',
        from,
        verdict: String(reply.code),
        detail: replyLine(reply),
      })
    },
    expanded(item: QueueItem, recipient: QueuedRecipient, into: readonly string[]): void {
      trace.record({
        time: now(),
        qid: item.id,
        event: 'expanded',
        rcpt: formatAddress(recipient.address),
        detail: into.length === 0 ? 'discarded' : into.join(', ').slice(0, 2000),
      })
    },
    routed(item: QueueItem, recipient: QueuedRecipient, lane: string): void {
      trace.record({ time: now(), qid: item.id, event: 'routed', rcpt: formatAddress(recipient.address), detail: lane })
    },
    /** One recipient's outcome of one attempt. `ms` is the attempt's own time. */
    outcome(
      item: QueueItem,
      recipient: QueuedRecipient,
      outcome: {
        status: string
        reply: Reply
        relay: string | null
        courier: string
        ms: number
        detail?: string | undefined
      },
    ): void {
      const { reply, relay, courier, ms } = outcome
      const time = now()
      const said = replyLine(reply)
      const dsn = reply.enhanced ?? `${String(reply.code)[0]}.0.0`
      const delay = Math.max(0, (time - item.arrived) / 1000)
      const rcpt = formatAddress(recipient.address)
      const orig = recipient.orcpt?.replace(/^rfc822;/i, '')
      courierLog(courier).info(
        `to=<${rcpt}>${orig && orig !== rcpt ? `, orig_to=<${orig}>` : ''}, relay=${relay ?? courier}, delay=${short(delay)}, delays=${short(Math.max(0, delay - ms / 1000))}/0/0/${short(ms / 1000)}, dsn=${dsn}, status=${outcome.status} (${said})`,
        { qid: item.id, rcpt, relay: relay ?? courier, dsn, status: outcome.status },
      )
      trace.record({
        time,
        qid: item.id,
        event: 'attempt',
        rcpt,
        plugin: courier,
        verdict: outcome.status,
        ms: Math.round(ms * 10) / 10,
        detail: `${relay ? `${relay}: ` : ''}${said}${outcome.detail ? `; ${outcome.detail}` : ''}`,
      })
    },
    reported(item: QueueItem, report: NewQueueItem, action: string): void {
      courierLog('bounce').info(`sender ${action === 'failed' ? 'non-delivery' : action} notification: ${report.id}`, {
        qid: item.id,
      })
      trace.record({ time: now(), qid: item.id, event: 'reported', verdict: action, detail: `report ${report.id}` })
    },
    undeliverableReport(item: QueueItem, recipient: QueuedRecipient, reply: Reply): void {
      qmgr.warn(
        `report to <${formatAddress(recipient.address)}> is undeliverable and is dropped: ${replyLine(reply)}`,
        { qid: item.id },
      )
    },
    removed(qid: string): void {
      qmgr.info('removed', { qid })
    },
  }
}

export type PipelineEvents = ReturnType<typeof createEvents>

/** Seconds as Postfix prints them: two significant digits below ten. */
function short(seconds: number): string {
  if (seconds >= 10) return seconds.toFixed(0)
  let unit = 10
  while (seconds * unit < 10 && unit < 1e6) unit *= 10
  return String(Math.round(seconds * unit) / unit)
}
