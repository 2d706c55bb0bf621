// The facts of a session and its transaction as hooks see them; only the session itself changes them.
import type { Reply } from '../base/failure.ts'
import type { Token } from '../base/token.ts'
import type { Address } from '../message/address.ts'
import type { MailParameters, Recipient } from '../message/envelope.ts'
import type { Identity, Notes, SessionFacts, TlsFacts, TransactionFacts } from '../plugin/contract.ts'

/** Notes that cost nothing until the first is made. */
export class LazyNotes implements Notes {
  #notes: Map<symbol, unknown> | null = null

  get<T>(key: Token<T>): T | undefined {
    return this.#notes?.get(key.symbol) as T | undefined
  }
  set<T>(key: Token<T>, value: T): void {
    this.#notes ??= new Map()
    this.#notes.set(key.symbol, value)
  }
}

export interface OwnSessionFacts extends SessionFacts {
  helo: string | null
  extended: boolean
  tls: TlsFacts | null
  identity: Identity | null
}

export interface OwnTransaction extends TransactionFacts {
  readonly recipients: Recipient[]
  /** XREPORT: recipients that are refused for good are taken, and reported to the sender. null: they are refused. */
  refused: Map<Recipient, Reply> | null
}

export const createTransaction = (
  id: string,
  session: SessionFacts,
  reversePath: Address | null,
  parameters: MailParameters,
): OwnTransaction => ({ id, session, reversePath, parameters, recipients: [], notes: new LazyNotes(), refused: null })
