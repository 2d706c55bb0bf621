// A message as its hooks see it, made from octets: for tests that drive one plugin without a server.

import { memoryContent } from '../../core/message/content.ts'
import { defaultMailParameters, plainRecipient } from '../../core/message/envelope.ts'
import { parseHeader } from '../../core/message/header.ts'
import {
  type Address,
  type Identity,
  type MessageFacts,
  type Notes,
  parseAddress,
  type Recipient,
  type SessionFacts,
  type Token,
} from '../../core/plugin/contract.ts'

export interface FactsOptions {
  readonly from?: string | null
  readonly to?: readonly string[]
  readonly remoteIp?: string
  readonly helo?: string
  readonly service?: string
  readonly trusted?: boolean
  readonly identity?: Identity | null
}

export function sessionFacts(options: FactsOptions = {}): SessionFacts {
  return {
    id: '0test000',
    service: options.service ?? 'smtp',
    remoteIp: options.remoteIp ?? '192.0.2.1',
    remotePort: 40000,
    localIp: '192.0.2.25',
    localPort: 25,
    helo: options.helo ?? 'client.test',
    extended: true,
    tls: null,
    identity: options.identity ?? null,
    trusted: options.trusted ?? false,
    started: 0,
    notes: createNotes(),
  }
}

/** `raw` is the whole message, CRLF line ends. */
export function messageFacts(raw: string | Buffer, options: FactsOptions = {}): MessageFacts {
  const content = memoryContent(Buffer.from(raw as string))
  return {
    id: '0test000.1',
    session: sessionFacts(options),
    reversePath: options.from === null ? null : address(options.from ?? 'ana@sender.test'),
    parameters: defaultMailParameters,
    recipients: (options.to ?? ['paco@estafeta.test']).map((text): Recipient => plainRecipient(address(text))),
    notes: createNotes(),
    queueId: '0123456789abcdef',
    header: parseHeader(content.header),
    content,
    size: content.size,
    score: 0,
  }
}

/** An identity that may send as these addresses. */
export const identityOf = (account: string, ...addresses: string[]): Identity => ({
  account,
  authcid: account,
  authzid: account,
  addresses,
})

export function address(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`)
  return parsed.value
}

function createNotes(): Notes {
  const values = new Map<symbol, unknown>()
  return {
    get: <T>(key: Token<T>) => values.get(key.symbol) as T | undefined,
    set: (key, value) => void values.set(key.symbol, value),
  }
}
