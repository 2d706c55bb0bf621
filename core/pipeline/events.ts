// What the pipes tell log and trace: the lines of a message's life as mail administrators know them from Postfix.

import type { Reply } from '../base/failure.ts'
import type { Logger } from '../base/log.ts'
import { formatAddress } from '../message/address.ts'
import { replyLine } from '../message/reply.ts'
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
    const found = couriers.get(name) ?? log.with({ component: name })
    couriers.set(name, found)
    return found
  }
  return {
    /** After the message is durable. */
    queued(item: NewQueueItem): void {
      const { origin, envelope } = item
      const qid = item.id
      const sid = origin.session ?? undefined
      const from = formatAddress(envelope.reversePath)
      if (origin.ip !== null) {
        const sasl = origin.account ? `, sasl_username=${origin.account}` : ''
        smtpd.info(`client=unknown[${origin.ip}]${sasl}`, sid ? { qid, sid } : { qid })
      } else if (item.parent === undefined) pickup.info(`sender=<${from}>`, { qid })
      cleanup.info(`message-id=${item.messageId ?? '<>'}`, { qid })
      qmgr.info(`from=<${from}>, size=${item.content.size}, nrcpt=${envelope.recipients.length} (queue active)`, {
        qid,
      })
      const base = {
        time: now(),
        qid,
        ...(origin.transaction ? { tid: origin.transaction } : {}),
        ...(sid ? { sid } : {}),
      }
      trace.record({
        ...base,
        event: 'queued',
        from,
        ...(item.messageId ? { messageId: item.messageId } : {}),
        detail: `size=${item.content.size} nrcpt=${envelope.recipients.length} service=${origin.service}${origin.ip ? ` ip=${origin.ip}` : ''}${item.parent ? ` about=${item.parent}` : ''}${item.held ? ` held: ${item.held.reason}` : ''}`,
      })
      for (const r of envelope.recipients.slice(0, TRACED_RECIPIENTS)) {
        trace.record({ ...base, event: 'recipient', rcpt: formatAddress(r.address) })
      }
    },
    /** The answer that intake gave without queueing. */
    refused(qid: string, tid: string, sid: string, from: string, reply: Reply, service: string): void {
      smtpd.info(`NOQUEUE: reject: END-OF-MESSAGE: ${replyLine(reply)}; from=<${from}> proto=${service}`, { sid, tid })
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
      const dsn = reply.enhanced ?? `${String(reply.code)[0]}.0.0`
      const delay = Math.max(0, (now() - item.arrived) / 1000)
      const rcpt = formatAddress(recipient.address)
      const orig = recipient.orcpt?.replace(/^rfc822;/i, '')
      courierLog(courier).info(
        `to=<${rcpt}>${orig && orig !== rcpt ? `, orig_to=<${orig}>` : ''}, relay=${relay ?? courier}, delay=${short(delay)}, delays=${short(Math.max(0, delay - ms / 1000))}/0/0/${short(ms / 1000)}, dsn=${dsn}, status=${outcome.status} (${replyLine(reply)})`,
        { qid: item.id, rcpt, relay: relay ?? courier, dsn, status: outcome.status },
      )
      trace.record({
        time: now(),
        qid: item.id,
        event: 'attempt',
        rcpt,
        plugin: courier,
        verdict: outcome.status,
        ms: Math.round(ms * 10) / 10,
        detail: `${relay ? `${relay}: ` : ''}${replyLine(reply)}${outcome.detail ? `; ${outcome.detail}` : ''}`,
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
const short = (seconds: number): string => (seconds < 10 ? String(Number(seconds.toPrecision(2))) : seconds.toFixed(0))
