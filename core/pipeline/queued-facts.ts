// A queued message as the `queued` hooks see it: the session's facts as far as the queue remembers them.
import type { Token } from '../base/token.ts'
import type { MessageContent } from '../message/content.ts'
import type { HeaderView } from '../message/header.ts'
import type { MessageFacts, Notes } from '../plugin/contract.ts'
import { isFinal, type QueueItem } from '../queue/queue.ts'

export function queuedMessageFacts(item: QueueItem, content: MessageContent, header: HeaderView): MessageFacts {
  const { origin } = item
  const notes = createNotes()
  return {
    id: origin.transaction ?? item.id,
    session: {
      id: origin.session ?? item.id,
      service: origin.service,
      remoteIp: origin.ip ?? '127.0.0.1',
      remotePort: 0,
      localIp: '127.0.0.1',
      localPort: 0,
      helo: origin.helo,
      extended: true,
      tls: null,
      identity: origin.account
        ? { account: origin.account, authcid: origin.account, authzid: origin.account, addresses: [origin.account] }
        : null,
      trusted: origin.ip === null,
      started: item.arrived,
      notes,
    },
    reversePath: item.envelope.reversePath,
    parameters: item.envelope,
    recipients: item.recipients.filter((r) => !isFinal(r.status)),
    notes,
    queueId: item.id,
    header,
    content,
    size: item.size,
    score: 0,
  }
}

/** Notes of one session, transaction or message. */
export function createNotes(): Notes {
  const values = new Map<symbol, unknown>()
  return {
    get: <T>(key: Token<T>) => values.get(key.symbol) as T | undefined,
    set: (key, value) => void values.set(key.symbol, value),
  }
}
