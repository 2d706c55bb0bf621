// What the unprivileged server may ask of its root parent, and what it gets: nothing else crosses between them.
import { asFailure, type Reply } from '../base/failure.ts'
import type { Place } from '../net/bind.ts'
import type { UserCommand, UserTarget } from '../plugin/services.ts'

/** An address of the configuration; the answer comes with the listening socket. */
export interface BindRequest {
  readonly ask: 'bind'
  readonly listener: Place
}
/** Certificate or key as the configuration names them. */
export interface ReadKeyRequest {
  readonly ask: 'readKey'
  readonly path: string
}
export interface ReadForwardRequest {
  readonly ask: 'readForward'
  readonly user: string
}
/** The message follows in `chunk`s; each is answered before the next is sent. */
export interface DeliverRequest {
  readonly ask: 'deliver'
  readonly user: string
  readonly target: UserTarget
}
export interface PipeRequest extends UserCommand {
  readonly ask: 'pipe'
  readonly user: string
}
export type AsUserRequest = ReadForwardRequest | DeliverRequest | PipeRequest
export type BrokerRequest = BindRequest | ReadKeyRequest | AsUserRequest

/** What follows a request: the message in pieces, `chunk` null at its end; `cancel` when nobody waits for the answer any more. */
export type Following =
  | { readonly id: number; readonly chunk: Uint8Array | null }
  | { readonly id: number; readonly cancel: true }

/** Server to broker. */
export type Down = { readonly id: number; readonly request: BrokerRequest } | Following

/** Broker to user worker. */
export type ToWorker = { readonly id: number; readonly request: AsUserRequest } | Following

export interface Refusal {
  readonly kind: 'temporary' | 'permanent'
  readonly detail: string
  readonly reply: Reply | null
}

/** `more`: the last chunk was taken. */
export type Up =
  | { readonly id: number; readonly more: true }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: Refusal }

export function refusalOf(thrown: unknown): Refusal {
  const { kind, detail, reply } = asFailure(thrown)
  return { kind: kind === 'permanent' ? 'permanent' : 'temporary', detail, reply }
}
