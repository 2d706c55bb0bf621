// What couriers that hand mail on by SMTP or LMTP share: where to, what is sent, and what each recipient's outcome is.
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Clock } from '../base/clock.ts'
import type { Reply } from '../base/failure.ts'
import { unmapped } from '../base/ip.ts'
import type { Site } from '../config/site.ts'
import { findMailHosts, type MailHosts } from '../dns/mail-hosts.ts'
import type { DnsResolver } from '../dns/resolver.ts'
import { formatAddress, needsUtf8 } from '../message/address.ts'
import type { MessageContent } from '../message/content.ts'
import { formatDeliveredTo, wasDeliveredTo } from '../message/delivered-to.ts'
import { replies } from '../message/reply.ts'
import type { QueuedRecipient } from '../queue/queue.ts'
import type { Attempt, AttemptRecipient, Outcome } from './contract.ts'
import type { SmtpClient, SmtpDestination, SmtpSendResult } from './services.ts'

export interface RelayHostsOptions {
  readonly dns: DnsResolver
  readonly site: Site
  readonly clock: Clock
}

/**
 * Hosts that take mail for a domain, best first, this server itself left out (RFC 5321 §5.1); an address literal is its own host.
 * Without `mx` the name is that of a host: `[host]:port`. Throws Failure('temporary') when the DNS gives no answer.
 */
export type FindRelayHosts = (
  domain: string,
  how: { readonly port: number; readonly mx: boolean },
  signal: AbortSignal,
) => Promise<MailHosts>

export function relayHostFinder({ dns, site, clock }: RelayHostsOptions): FindRelayHosts {
  const isOwnAddress = ownAddresses(clock)
  const ownName = site.hostname.toLowerCase()
  const isOwnListener = (text: string, port: number): boolean => {
    const address = unmapped(text)
    return site.listen.some(
      (listener) =>
        SMTP_SERVICES.has(listener.service) &&
        listener.port === port &&
        (listener.host === address || (isWildcard(listener.host) && isOwnAddress(address))),
    )
  }
  return (domain, { port, mx }, signal) => {
    // a host that the configuration names may be this machine at another port: a content filter, say
    const isSelf = (name: string, address: string): boolean => (mx && name === ownName) || isOwnListener(address, port)
    return findMailHosts(domain, { dns, port, mx, protocols: site.protocols, random: Math.random, isSelf }, signal)
  }
}

const SMTP_SERVICES: ReadonlySet<string> = new Set(['smtp', 'submission', 'submissions'])

const isWildcard = (host: string): boolean => host === '*' || host === '0.0.0.0' || host === '::'

/** The kernel is asked again after this long: that takes as long as all the rest of sending a mail. */
const OWN_ADDRESSES_MS = 10_000

function ownAddresses(clock: Clock): (address: string) => boolean {
  let known: ReadonlySet<string> = new Set()
  let until = 0
  return (address) => {
    // to connect to no address is to connect to oneself
    if ((isIPv4(address) && address.startsWith('127.')) || address === '0.0.0.0' || address === '::') return true
    const now = clock.mono()
    if (now >= until) {
      known = new Set(Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).map((e) => e.address)))
      until = now + OWN_ADDRESSES_MS
    }
    return known.has(address)
  }
}

/** What an answer of a `FindRelayHosts` without hosts means for a recipient of that domain. */
export function noHostsReply(domain: string, why: Extract<MailHosts, { kind: 'none' }>['why']): Reply {
  switch (why) {
    case 'nxdomain':
      return replies.noSuchDomain(domain)
    case 'nullMx':
      return replies.nullMx(domain)
    case 'noAddress':
      return replies.noMailHost(domain)
    case 'loop':
      return replies.mailLoop(`Mail for ${domain} loops back to this server`)
  }
}

/** The same outcome for every recipient of an attempt. */
export const outcomeForAll = (
  attempt: Attempt,
  kind: Outcome['kind'],
  reply: Reply,
  more: Partial<Outcome> = {},
): Outcome[] => attempt.recipients.map(({ n }) => ({ n, kind, reply, relay: null, ...more }))

/** Sends an attempt to one destination; recipients with different reverse-paths or forwarders go as mails of their own. */
export async function relayAttempt(
  client: SmtpClient,
  destination: SmtpDestination,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  for (const recipients of groupsOf(attempt.recipients)) {
    const [{ reversePath, expandedFrom = null }] = recipients
    const { content, message } = attempt
    const forwarder = expandedFrom && formatAddress(expandedFrom)
    if (forwarder !== null && wasDeliveredTo(content.header, forwarder)) {
      const reply = replies.mailLoop(`Mail forwarding loop for <${forwarder}>`)
      outcomes.push(...recipients.map(({ n }): Outcome => ({ n, kind: 'failed', reply, relay: null })))
      continue
    }
    const marked = forwarder === null || needsUtf8(expandedFrom) ? content : withDeliveredTo(content, forwarder)
    const mail = { reversePath, parameters: message.parameters, recipients, content: marked }
    const sent = await client.send(destination, mail, signal)
    outcomes.push(...recipients.map((recipient, i) => outcomeOf(recipient, sent.results[i]!, sent.hostDown)))
  }
  return outcomes
}

type Recipients = readonly [AttemptRecipient, ...AttemptRecipient[]]

/** Those that one mail can carry: of one reverse-path and one forwarder. */
function groupsOf(recipients: readonly AttemptRecipient[]): Recipients[] {
  const [first, ...others] = recipients
  if (first !== undefined && others.length === 0) return [[first]]
  const groups = new Map<string, [AttemptRecipient, ...AttemptRecipient[]]>()
  for (const recipient of recipients) {
    const key = `${formatAddress(recipient.reversePath)}\0${formatAddress(recipient.expandedFrom ?? null)}`
    const group = groups.get(key)
    if (group) group.push(recipient)
    else groups.set(key, [recipient])
  }
  return [...groups.values()]
}

/** What was forwarded says so, so that a circle over other servers ends at its second round. */
function withDeliveredTo(content: MessageContent, address: string): MessageContent {
  const header = Buffer.concat([Buffer.from(`${formatDeliveredTo(address)}\r\n`), content.header])
  return { ...content, header, size: content.size - content.header.length + header.length }
}

const KINDS = { sent: 'relayed', deferred: 'deferred', failed: 'failed' } as const

function outcomeOf({ n }: QueuedRecipient, result: SmtpSendResult['results'][number], hostDown: boolean): Outcome {
  const { kind, reply, relay, dsn } = result
  return { n, kind: KINDS[kind], reply, relay, hostDown, dsnHandedOn: kind === 'sent' && dsn }
}
