// Sessions, transactions and messages out of nothing: for plugin tests and dry runs.
import type { Clock } from '../base/clock.ts'
import type { Token } from '../base/token.ts'
import type { Site } from '../config/site.ts'
import { type Address, parseAddress } from '../message/address.ts'
import { memoryBody, memoryContent } from '../message/content.ts'
import { defaultMailParameters, type MailParameters, plainRecipient, type Recipient } from '../message/envelope.ts'
import { parseHeader } from '../message/header.ts'
import { replies } from '../message/reply.ts'
import type { QueuedRecipient } from '../queue/queue.ts'
import type {
  Identity,
  MessageFacts,
  Notes,
  QueuedFacts,
  SessionFacts,
  TlsFacts,
  TransactionFacts,
} from './contract.ts'
import type { SmtpClient, SmtpDestination, SmtpSend, SmtpSendResult, Spool } from './services.ts'

/** What a test or `explain` says of a transaction; all else is filled in. */
export interface FakeEnvelope {
  /** Reverse-path; '' is the null one. sender@example.net when left out. */
  readonly from?: string
  /** ana@example.com when left out. */
  readonly to?: string | readonly string[]
  /** 192.0.2.1 when left out. */
  readonly ip?: string
  readonly helo?: string
  /** smtp when left out. */
  readonly service?: string
  /** An account that has authenticated, or the whole identity. */
  readonly user?: string | Identity
  readonly trusted?: boolean
  readonly tls?: TlsFacts | null
  readonly parameters?: Partial<MailParameters>
  /** Notes that earlier hooks left in the session. */
  readonly notes?: Iterable<readonly [Token<unknown>, unknown]>
  readonly dryRun?: boolean
}

export function createNotes(entries: Iterable<readonly [Token<unknown>, unknown]> = []): Notes {
  const values = new Map<symbol, unknown>()
  for (const [key, value] of entries) values.set(key.symbol, value)
  return {
    get: <T>(key: Token<T>) => values.get(key.symbol) as T | undefined,
    set: (key, value) => void values.set(key.symbol, value),
  }
}

/** Throws TypeError for what is no address: the caller wrote it. */
export function fakeAddress(text: string): Address {
  if (text.toLowerCase() === 'postmaster') return { local: text, domain: '', original: text }
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new TypeError(`'${text}' is no mail address: ${parsed.error}`)
  return parsed.value
}

export const fakeRecipient = (text: string): Recipient => plainRecipient(fakeAddress(text))

function identityOf(user: string | Identity | undefined): Identity | null {
  if (user === undefined) return null
  if (typeof user !== 'string') return user
  return { account: user, authcid: user, authzid: user, addresses: [user] }
}

export function fakeSession(envelope: FakeEnvelope, site: Site, clock: Clock): SessionFacts {
  return {
    id: 'test0001',
    service: envelope.service ?? 'smtp',
    remoteIp: envelope.ip ?? '192.0.2.1',
    remotePort: 40000,
    localIp: '192.0.2.25',
    localPort: site.listen.find(({ service }) => service === (envelope.service ?? 'smtp'))?.port ?? 25,
    helo: envelope.helo ?? 'client.example.net',
    extended: true,
    tls: envelope.tls ?? null,
    identity: identityOf(envelope.user),
    trusted: envelope.trusted ?? false,
    started: clock.now(),
    ...(envelope.dryRun ? { dryRun: true } : {}),
    notes: createNotes(envelope.notes),
  }
}

export function fakeTransaction(envelope: FakeEnvelope, site: Site, clock: Clock): TransactionFacts {
  const from = envelope.from ?? 'sender@example.net'
  const to = envelope.to ?? 'ana@example.com'
  return {
    id: 'test0001.1',
    session: fakeSession(envelope, site, clock),
    reversePath: from === '' ? null : fakeAddress(from),
    parameters: { ...defaultMailParameters, ...envelope.parameters },
    recipients: (typeof to === 'string' ? [to] : to).map(fakeRecipient),
    notes: createNotes(),
  }
}

/** `text` may have LF line ends; a Buffer is taken as it is. */
export function fakeMessage(text: string | Buffer, envelope: FakeEnvelope, site: Site, clock: Clock): MessageFacts {
  const bytes = typeof text === 'string' ? Buffer.from(text.replace(/\r?\n/g, '\r\n')) : text
  const content = memoryContent(bytes)
  return {
    ...fakeTransaction(envelope, site, clock),
    queueId: '0000000000000000',
    header: parseHeader(content.header),
    content,
    size: content.size,
    score: 0,
  }
}

export function fakeQueued(envelope: FakeEnvelope = {}, clock: Clock): QueuedFacts {
  return {
    queueId: '0000000000000000',
    origin: {
      session: 'test0001',
      transaction: 'test0001.1',
      service: envelope.service ?? 'smtp',
      ip: envelope.ip ?? '192.0.2.1',
      helo: envelope.helo ?? 'client.example.net',
      account: identityOf(envelope.user)?.account ?? null,
    },
    arrived: clock.now(),
    expires: clock.now() + 5 * 86_400_000,
    size: 1000,
    messageId: '<test@example.net>',
    parameters: { ...defaultMailParameters, ...envelope.parameters },
  }
}

export function fakeQueuedRecipient(text: string, envelope: FakeEnvelope = {}, n = 0): QueuedRecipient {
  const from = envelope.from ?? 'sender@example.net'
  return {
    n,
    parent: null,
    address: fakeAddress(text),
    reversePath: from === '' ? null : fakeAddress(from),
    notify: [],
    orcpt: null,
    status: 'ready',
    attempts: 0,
    due: 0,
    lastReply: null,
    lastRelay: null,
    lane: null,
    delayWarned: false,
  }
}

export const fakeSpool: Spool = {
  async write(chunks) {
    const parts: Buffer[] = []
    for await (const chunk of chunks) parts.push(chunk)
    return memoryBody(Buffer.concat(parts))
  },
}

/** Records what is sent; `answer` says what the other side does with it. */
export interface FakeSmtpClient extends SmtpClient {
  readonly sent: readonly { readonly destination: SmtpDestination; readonly mail: SmtpSend }[]
  /** All is taken with 250 until this is set. */
  answer: (destination: SmtpDestination, mail: SmtpSend) => SmtpSendResult
}

export function fakeSmtpClient(): FakeSmtpClient {
  const sent: { destination: SmtpDestination; mail: SmtpSend }[] = []
  const taken = (destination: SmtpDestination, mail: SmtpSend): SmtpSendResult => {
    const relay = `${destination.hosts[0]?.name ?? 'nowhere'}[192.0.2.9]:${destination.hosts[0]?.port ?? 25}`
    return {
      results: mail.recipients.map(() => ({ kind: 'sent', reply: replies.ok(), relay, dsn: false })),
      hostDown: false,
    }
  }
  return {
    sent,
    answer: taken,
    async send(destination, mail) {
      sent.push({ destination, mail })
      return this.answer(destination, mail)
    },
    async close() {},
  }
}
